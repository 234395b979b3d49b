//! How the provenance of fields is found: the activities that the registers name, with one statement for a level.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::OutputType;
use async_graphql::registry::{MetaField, Registry};
use entity::{activity, delivery};
use uuid::Uuid;

use super::edges;
use crate::domain::{history, read};
use crate::graphql::edge_field::{bounded, field, one};
use crate::graphql::error::Fault;
use crate::graphql::object::{Activity, Delivery, FieldProvenance, Origin};
use crate::graphql::plan::{Loader, Noun};
use crate::graphql::selection::Selected;
use crate::graphql::slot::Slots;

/// How many fields a thing shows the provenance of, about: it is priced like a page of so many.
const FIELDS: usize = 20;

edges!(FieldProvenance, registry => [
    one::<Activity>(registry, "activity", "The activity that set it; null when it is no longer kept, or lies outside what the viewer may see."),
    one::<Delivery>(registry, "delivery", "The call that told it; null when it is no longer kept, and for whoever is no operator."),
]);

/// The field `provenance`.
pub(super) fn provenance(registry: &mut Registry, left_out: &str) -> (String, MetaField) {
    let ty = <Vec<Arc<FieldProvenance>> as OutputType>::create_type_info(registry);
    let description = format!(
        "Which activity, and which call, set its fields to what they show, by the names of the fields. {left_out} \
         As of an earlier time, fields that were set anew since are left out."
    );
    let (name, mut field) = field("provenance", &description, ty, Vec::new());
    field.compute_complexity = Some(|_, _, _, below| Ok(bounded(below.saturating_mul(FIELDS))));
    (name, field)
}

/// Gives each thing the provenance of its fields.
pub(super) async fn load<'a>(
    loader: &'a Loader<'a>,
    slots: &mut [Slots],
    aliases: &[Selected<'a>],
    mut origins: Vec<Vec<Origin>>,
) -> Result<(), Fault> {
    let ids: Vec<Uuid> = origins
        .iter()
        .flatten()
        .map(|origin| origin.activity)
        .collect();
    if let Some(moment) = &loader.as_of {
        let later = history::recorded_later(loader.database, moment, &ids).await?;
        for origins in &mut origins {
            origins.retain(|origin| !later.contains(&origin.activity));
        }
    }
    let (scope, database, column) = (loader.scope, loader.database, activity::Column::Id);
    let told = read::by_keys::<activity::Entity>(scope, database, column, &ids).await?;
    let told: HashMap<Uuid, activity::Model> =
        told.into_iter().map(|row| (row.id.0, row)).collect();
    for alias in aliases {
        let mut below = vec![Slots::default(); origins.iter().map(Vec::len).sum()];
        let keys: Vec<Option<Uuid>> = origins
            .iter()
            .flatten()
            .map(|origin| Some(origin.activity).filter(|id| told.contains_key(id)))
            .collect();
        let selection = alias.selection();
        for selected in selection.on("FieldProvenance") {
            match selected.name() {
                "activity" => {
                    let distinct: HashSet<Uuid> = keys.iter().flatten().copied().collect();
                    let rows: Vec<_> = distinct.iter().filter_map(|id| told.get(id)).collect();
                    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
                    let rows = rows.into_iter().cloned().collect();
                    let objects = Activity::load(loader, rows, selected.selection()).await?;
                    let objects: HashMap<Uuid, Arc<Activity>> =
                        std::iter::zip(ids, objects).collect();
                    for (slots, key) in std::iter::zip(&mut below, &keys) {
                        let object = key.and_then(|key| objects.get(&key).cloned());
                        slots.put(selected.place(), object.map(|object| object as _));
                    }
                }
                "delivery" => {
                    let of = |key: &Option<Uuid>| told.get(&(*key)?)?.delivery_id.map(|id| id.0);
                    let deliveries: Vec<Option<Uuid>> = keys.iter().map(of).collect();
                    let column = delivery::Column::Id;
                    let asked = std::slice::from_ref(&selected);
                    loader
                        .one::<Delivery>(&mut below, asked, column, &deliveries)
                        .await?;
                }
                _ => {}
            }
        }
        let mut below = below.into_iter();
        for (slots, origins) in std::iter::zip(&mut *slots, &origins) {
            let list: Vec<Arc<FieldProvenance>> = origins
                .iter()
                .zip(below.by_ref())
                .map(|(origin, slots)| {
                    Arc::new(FieldProvenance::new(
                        origin,
                        told.get(&origin.activity),
                        slots,
                    ))
                })
                .collect();
            slots.put(alias.place(), Some(Arc::new(list)));
        }
    }
    Ok(())
}
