//! How many incidents stand in a place, now or as of an earlier time.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::OutputType;
use async_graphql::registry::{MetaField, Registry};
use chrono::{DateTime, Utc};
use entity::incident;
use uuid::Uuid;

use crate::domain::filter::{Filter, Operand, Test};
use crate::domain::history::Moment;
use crate::domain::key::Key;
use crate::domain::read;
use crate::graphql::edge_field::{argument, costly, field};
use crate::graphql::error::Fault;
use crate::graphql::plan::Loader;
use crate::graphql::selection::Selected;
use crate::graphql::slot::Slots;

/// What a count costs beside a plain field.
const COUNT_COST: usize = 10;
/// What a count as of an earlier time costs: the changes since are looked through.
const COUNT_THEN_COST: usize = 200;

/// A number of what stands in a place.
pub(super) fn counted(registry: &mut Registry, name: &str, what: &str) -> (String, MetaField) {
    let ty = <Option<i32> as OutputType>::create_type_info(registry);
    let description = format!("{what}; null beyond 10,000.");
    costly::<COUNT_COST>(field(name, &description, ty, Vec::new()))
}

/// The number of open incidents of a building, which can be asked of an earlier time.
pub(super) fn counted_then(registry: &mut Registry) -> (String, MetaField) {
    let ty = <Option<i32> as OutputType>::create_type_info(registry);
    let as_of = argument::<Option<DateTime<Utc>>>(
        registry,
        "asOf",
        "How many caretaker would have told at this time, from what was recorded by then; now when not given. A time ahead \
         is refused, and one before the kept history with HISTORY_PRUNED. Counted are the incidents on the sites that \
         stood in the building then, as far as they may still be seen.",
    );
    let description = "How many incidents in it somebody still has to act on; null beyond 10,000, and for an earlier time \
                       also where more than 10,000 things happened to its incidents since.";
    let (name, mut field) = field("openIncidentCount", description, ty, vec![as_of]);
    field.compute_complexity = Some(|_, _, field, _| {
        let asks_then = field.get_argument("asOf").is_some();
        Ok(if asks_then {
            COUNT_THEN_COST
        } else {
            COUNT_COST
        })
    });
    (name, field)
}

/// Counts the open incidents of each building, for each time that is asked about.
pub(super) async fn open_incidents<'a>(
    loader: &Loader<'a>,
    slots: &mut [Slots],
    aliases: &[Selected<'a>],
    ids: &[Uuid],
) -> Result<(), Fault> {
    let mut now = Vec::new();
    let mut counted: Vec<(Moment, HashMap<Uuid, Option<u64>>)> = Vec::new();
    for alias in aliases {
        let as_of: Option<DateTime<Utc>> = alias.argument("asOf")?;
        let moment = match as_of {
            Some(_) => loader.at(as_of).await?.as_of,
            None => loader.as_of,
        };
        let Some(moment) = moment else {
            now.push(alias.clone());
            continue;
        };
        if !counted.iter().any(|(known, _)| *known == moment) {
            counted.push((moment, loader.open_then(&moment, ids).await?));
        }
        let found = counted.iter().find(|(known, _)| *known == moment);
        for (slots, id) in std::iter::zip(&mut *slots, ids) {
            let total = found.and_then(|(_, totals)| totals.get(id).copied());
            let total = total.unwrap_or(Some(0));
            let total = total.and_then(|total| i32::try_from(total).ok());
            slots.put(alias.place(), Some(Arc::new(total)));
        }
    }
    if now.is_empty() {
        return Ok(());
    }
    let column = incident::Column::BuildingId;
    count(loader, slots, &now, column, ids, is_open()).await
}

pub(super) fn is_open() -> Filter<incident::Column> {
    let yes = Operand::Key(Key::Bool(true));
    Filter::Is(incident::Column::IsOpen, Test::Eq(yes))
}

/// Counts the incidents of each place.
pub(super) async fn count<'a>(
    loader: &Loader<'a>,
    slots: &mut [Slots],
    aliases: &[Selected<'a>],
    place: incident::Column,
    ids: &[Uuid],
    filter: Filter<incident::Column>,
) -> Result<(), Fault> {
    let filter = filter.at(loader.now);
    let (scope, database) = (loader.scope, loader.database);
    let totals =
        read::count_children::<incident::Entity>(scope, database, place, ids, &filter).await?;
    for (slots, id) in std::iter::zip(slots, ids) {
        // A place of which nothing is told has no row of its own in the answer.
        let total = totals.get(id).copied().unwrap_or(Some(0));
        let total = total.and_then(|total| i32::try_from(total).ok());
        for alias in aliases {
            slots.put(alias.place(), Some(Arc::new(total)));
        }
    }
    Ok(())
}
