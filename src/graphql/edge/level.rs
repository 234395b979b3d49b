//! Where floors lead.

use std::sync::Arc;

use entity::{building, level, zone};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::edges;
use crate::graphql::edge_field::{always, list};
use crate::graphql::error::Fault;
use crate::graphql::id::Kind;
use crate::graphql::object::{Building, Level, Zone};
use crate::graphql::plan::{Column, Loader, Noun, relations};
use crate::graphql::selection::Selection;
use crate::graphql::slot::Slots;

/// What it tells within something as of an earlier time: what it is called and where it is, as of now; no list of what
/// stands in it, or two times would stand in one answer.
const THEN_LEVEL: [&str; 4] = ["id", "code", "name", "building"];

edges!(Level, registry => [
    always::<Building>(registry, "building", "The building it is in."),
    list::<Zone>(registry, "zones", "The zones on it."),
]);

impl Noun for Level {
    const KIND: Kind = Kind::Level;
    type Entity = level::Entity;
    const KEY: level::Column = level::Column::Id;
    const TOLD_BY: &'static [(&'static str, &'static [Column<Self>])] = {
        use level::Column::*;
        &[("building", &[BuildingId]), ("zones", &[])]
    };

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<level::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
            loader.answers_then("Level", &selection, &THEN_LEVEL)?;
            for (name, aliases) in relations(&selection, "Level") {
                let (slots, aliases) = (&mut slots, &aliases);
                match name {
                    "building" => {
                        let keys: Vec<_> = rows.iter().map(|row| Some(row.building_id.0)).collect();
                        let column = building::Column::Id;
                        loader
                            .one::<Building>(slots, aliases, column, &keys)
                            .await?;
                    }
                    "zones" => {
                        let column = zone::Column::LevelId;
                        loader.many::<Zone>(slots, aliases, column, &ids).await?;
                    }
                    _ => {}
                }
            }
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, slots)))
                .collect())
        })
    }
}
