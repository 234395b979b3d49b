//! Where properties lead.

use std::sync::Arc;

use entity::{building, property};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::edges;
use super::statistics::statistics;
use crate::domain::page::Direction;
use crate::graphql::edge_field::list;
use crate::graphql::error::Fault;
use crate::graphql::filter::PropertyFilter;
use crate::graphql::id::Kind;
use crate::graphql::object::{Building, Incident, Property, Task};
use crate::graphql::order::PropertyOrder;
use crate::graphql::plan::{Listed, Loader, Noun, Spot, relations};
use crate::graphql::selection::Selection;
use crate::graphql::slot::Slots;

/// What it tells within something as of an earlier time: what it is called and where it is, as of now; no list of what
/// stands in it, or two times would stand in one answer.
const THEN_PROPERTY: [&str; 4] = ["id", "source", "code", "name"];

edges!(Property, registry => [
    list::<Building>(registry, "buildings", "Its buildings."),
    statistics(registry),
]);

impl Noun for Property {
    const KIND: Kind = Kind::Property;
    type Entity = property::Entity;
    const KEY: property::Column = property::Column::Id;

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<property::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
            loader.answers_then("Property", &selection, &THEN_PROPERTY)?;
            for (name, aliases) in relations(&selection, "Property") {
                let (slots, aliases) = (&mut slots, &aliases);
                match name {
                    "buildings" => {
                        let column = building::Column::PropertyId;
                        loader
                            .many::<Building>(slots, aliases, column, &ids)
                            .await?;
                    }
                    "statistics" => {
                        let spot = Spot::Properties(&ids);
                        loader
                            .statistics::<Incident, Task>(slots, aliases, spot)
                            .await?;
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

impl Listed for Property {
    type Filter = PropertyFilter;
    type OrderBy = PropertyOrder;
    const ORDER: (property::Column, Direction) = (property::Column::Code, Direction::Ascending);
    const ORDER_HINT: &'static str =
        "By what they are sorted, at most three fields; by `CODE` when not given.";
}
