//! Where incidents lead.

use std::sync::Arc;

use entity::{activity, building, incident, task, zone};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{edges, provenance, timeline};
use crate::domain::history::{self, Moment};
use crate::domain::page::Direction;
use crate::graphql::edge_field::{always, list, one};
use crate::graphql::error::Fault;
use crate::graphql::filter::IncidentFilter;
use crate::graphql::id::Kind;
use crate::graphql::object::{Building, Incident, Origin, Task, Zone};
use crate::graphql::order::IncidentOrder;
use crate::graphql::plan::{Column, Listed, Loader, Noun, Row, relations};
use crate::graphql::selection::Selection;
use crate::graphql::slot::Slots;

edges!(Incident, registry => [
    always::<Building>(registry, "building", "The building it is in."),
    one::<Zone>(registry, "zone", "The zone it is in; null when none was told."),
    one::<Task>(registry, "task", "Matrix's own work order for it; null while Matrix told nothing of that."),
    list::<Task>(registry, "workOrders", "The Urgent tasks that were made for it."),
    provenance::provenance(registry, "Left out are those that several facts decide: `reportedAt` is the earliest of all \
        times told, `highestEscalationLevel` the highest level, `isOpen` and `sla` follow from others."),
    timeline(registry, "to this incident"),
]);

impl Noun for Incident {
    const KIND: Kind = Kind::Incident;
    type Entity = incident::Entity;
    const KEY: incident::Column = incident::Column::Id;
    const TOLD_BY: &'static [(&'static str, &'static [Column<Self>])] = {
        use incident::Column::*;
        &[
            ("building", &[BuildingId]),
            ("zone", &[ZoneId]),
            ("task", &[TaskId]),
            ("workOrders", &[]),
            ("timeline", &[]),
            ("sla", &[SlaStartBy, SlaDueAt, SlaMissAt, SlaRiskAt]),
            ("responseTime", &[AssignedAt, StartedAt]),
            ("resolutionTime", &[AssignedAt, CompletedAt]),
        ]
    };

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<incident::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
            for (name, aliases) in relations(&selection, "Incident") {
                let (slots, aliases) = (&mut slots, &aliases);
                match name {
                    "building" => {
                        let keys: Vec<_> = rows.iter().map(|row| Some(row.building_id.0)).collect();
                        let column = building::Column::Id;
                        loader
                            .one::<Building>(slots, aliases, column, &keys)
                            .await?;
                    }
                    "zone" => {
                        let keys: Vec<_> = rows.iter().map(|row| row.zone_id).collect();
                        let keys: Vec<_> = keys.iter().map(|key| key.map(|key| key.0)).collect();
                        let column = zone::Column::Id;
                        loader.one::<Zone>(slots, aliases, column, &keys).await?;
                    }
                    "task" => {
                        let keys: Vec<_> = rows.iter().map(|row| Some(row.task_id.0)).collect();
                        let column = task::Column::Id;
                        loader.one::<Task>(slots, aliases, column, &keys).await?;
                    }
                    "workOrders" => {
                        let column = task::Column::IncidentId;
                        if let Some(moment) = &loader.as_of {
                            let (scope, database) = (loader.scope, loader.database);
                            let rows = history::work_orders(scope, database, moment, &ids).await?;
                            loader
                                .given::<Task>(slots, aliases, "incident_id", &ids, &rows)
                                .await?;
                            continue;
                        }
                        loader.many::<Task>(slots, aliases, column, &ids).await?;
                    }
                    "provenance" => {
                        let origins = rows.iter().map(Origin::of_incident).collect();
                        provenance::load(loader, slots, aliases, origins).await?;
                    }
                    "timeline" => {
                        let column = activity::Column::IncidentId;
                        loader.timeline(slots, aliases, column, &ids).await?;
                    }
                    _ => {}
                }
            }
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, slots, loader.now)))
                .collect())
        })
    }

    fn then<'a>(
        loader: &'a Loader<'a>,
        moment: &'a Moment,
        _key: Column<Self>,
        keys: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<Row<Self>>, Fault>> {
        Box::pin(async move {
            Ok(history::incidents(loader.scope, loader.database, moment, keys).await?)
        })
    }
}

impl Listed for Incident {
    type Filter = IncidentFilter;
    type OrderBy = IncidentOrder;
    const ORDER: (incident::Column, Direction) =
        (incident::Column::ReportedAt, Direction::Descending);
    const ORDER_HINT: &'static str =
        "By what they are sorted, at most three fields; the latest reported first when not given.";
}
