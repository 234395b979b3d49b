//! Where activities lead. A page of them has many types; what they share is still fetched with one statement.

use std::sync::Arc;

use async_graphql::Json;
use entity::{
    ActivityKind, activity, building, chase, delivery, incident, level, note, property,
    status_change, task, zone,
};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::edges;
use crate::domain::activity::change;
use crate::domain::diff;
use crate::graphql::edge_field::one;
use crate::graphql::error::Fault;
use crate::graphql::id::Kind;
use crate::graphql::object::{
    Activity, Building, Chase, Delivery, Incident, Level, Note, Property, Shared, StatusChange,
    Task, Zone,
};
use crate::graphql::plan::{Column, Loader, Noun, Wanted};
use crate::graphql::selection::Selection;
use crate::graphql::slot::Slots;

edges!(Shared, registry => [
    one::<Property>(registry, "property", "The property it is filed under; null when none was known, or when it lies outside what the viewer may see."),
    one::<Building>(registry, "building", "The building it is filed under; null when none was known, when it is no building any more, or when it lies outside what the viewer may see."),
    one::<Zone>(registry, "zone", "The zone it is filed under; null when none was known."),
    one::<Incident>(registry, "incident", "The incident it is filed under; null when there is none, or when it lies outside what the viewer may see."),
    one::<Task>(registry, "task", "The task it is filed under; null when there is none, or when it lies outside what the viewer may see."),
    one::<Delivery>(registry, "delivery", "The call that told it; null for what caretaker noticed itself, and for whoever is no operator."),
]);

impl Noun for Activity {
    const KIND: Kind = Kind::Activity;
    type Entity = activity::Entity;
    const KEY: activity::Column = activity::Column::Id;
    const NEEDED: &'static [Column<Self>] = &[activity::Column::Kind, activity::Column::SubjectId];
    const TOLD_BY: &'static [(&'static str, &'static [Column<Self>])] = {
        use activity::Column::*;
        &[
            ("cursor", &[Seq]),
            ("property", &[PropertyId]),
            ("building", &[BuildingId]),
            ("zone", &[ZoneId]),
            ("incident", &[IncidentId]),
            ("task", &[TaskId]),
            ("delivery", &[DeliveryId]),
            ("statusChange", &[]),
            ("note", &[]),
            ("chase", &[]),
            ("level", &[]),
        ]
    };

    fn load<'a>(
        loader: &'a Loader<'a>,
        mut rows: Vec<activity::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let wanted = wanted(&rows, &selection);
            for row in &mut rows {
                row.changes.0.retain(diff::is_shown);
            }
            if wanted.iter().any(|(name, _)| *name == "changes") {
                change::keep_seen(loader.scope, loader.database, &mut rows).await?;
            }
            for (name, wanted) in wanted {
                let slots = &mut slots;
                let keys = |key: fn(&activity::Model) -> Option<Uuid>| -> Vec<Option<Uuid>> {
                    rows.iter().map(key).collect()
                };
                match name {
                    "property" => {
                        let keys = keys(|row| row.property_id.map(|id| id.0));
                        let column = property::Column::Id;
                        loader
                            .some::<Property>(slots, &wanted, column, &keys)
                            .await?;
                    }
                    "building" => {
                        let keys = keys(|row| row.building_id.map(|id| id.0));
                        let column = building::Column::Id;
                        loader
                            .some::<Building>(slots, &wanted, column, &keys)
                            .await?;
                    }
                    "zone" => {
                        let keys = keys(|row| row.zone_id.map(|id| id.0));
                        let column = zone::Column::Id;
                        loader.some::<Zone>(slots, &wanted, column, &keys).await?;
                    }
                    "incident" => {
                        let keys = keys(|row| row.incident_id.map(|id| id.0));
                        let column = incident::Column::Id;
                        loader
                            .some::<Incident>(slots, &wanted, column, &keys)
                            .await?;
                    }
                    "task" => {
                        let keys = keys(|row| row.task_id.map(|id| id.0));
                        let column = task::Column::Id;
                        loader.some::<Task>(slots, &wanted, column, &keys).await?;
                    }
                    "delivery" => {
                        let keys = keys(|row| row.delivery_id.map(|id| id.0));
                        let column = delivery::Column::Id;
                        loader
                            .some::<Delivery>(slots, &wanted, column, &keys)
                            .await?;
                    }
                    "statusChange" => {
                        let keys = keys(|row| Some(row.subject_id));
                        let column = status_change::Column::Id;
                        loader
                            .some::<StatusChange>(slots, &wanted, column, &keys)
                            .await?;
                    }
                    "note" => {
                        let keys = keys(|row| Some(row.subject_id));
                        let column = note::Column::Id;
                        loader.some::<Note>(slots, &wanted, column, &keys).await?;
                    }
                    "chase" => {
                        let keys = keys(|row| Some(row.subject_id));
                        let column = chase::Column::Id;
                        loader.some::<Chase>(slots, &wanted, column, &keys).await?;
                    }
                    "level" => {
                        let keys = keys(|row| Some(row.subject_id));
                        let column = level::Column::Id;
                        loader.some::<Level>(slots, &wanted, column, &keys).await?;
                    }
                    "data" => data(slots, &wanted, &rows),
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

fn data(slots: &mut [Slots], wanted: &[Wanted<'_>], rows: &[activity::Model]) {
    for Wanted { alias, on } in wanted {
        for index in on {
            if let (Some(slots), Some(row)) = (slots.get_mut(*index), rows.get(*index)) {
                let data = row.data.clone().map(|data| Arc::new(Json(data.0)) as _);
                slots.put(alias.place(), data);
            }
        }
    }
}

/// What is selected, by field name: which rows want it under which key. Kinds that select the very same places of the
/// document (through the interface) are served together.
fn wanted<'a>(
    rows: &[activity::Model],
    selection: &Selection<'a>,
) -> Vec<(&'a str, Vec<Wanted<'a>>)> {
    let mut kinds: Vec<(ActivityKind, Vec<usize>)> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        match kinds.iter_mut().find(|(kind, _)| *kind == row.kind) {
            Some((_, indexes)) => indexes.push(index),
            None => kinds.push((row.kind, vec![index])),
        }
    }
    let mut fields: Vec<(&str, Vec<Wanted<'a>>)> = Vec::new();
    for (kind, indexes) in kinds {
        for alias in selection.on(Activity::type_of(kind)) {
            let name = alias.name();
            let position = fields.iter().position(|(known, _)| *known == name);
            let position = position.unwrap_or_else(|| {
                fields.push((name, Vec::new()));
                fields.len() - 1
            });
            let Some((_, wanted)) = fields.get_mut(position) else {
                continue;
            };
            match wanted.iter_mut().find(|known| known.alias.is_same(&alias)) {
                Some(known) => known.on.extend(&indexes),
                None => wanted.push(Wanted {
                    alias,
                    on: indexes.clone(),
                }),
            }
        }
    }
    fields
}
