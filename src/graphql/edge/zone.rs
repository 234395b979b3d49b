//! Where zones lead.

use std::sync::Arc;

use entity::{activity, building, incident, level, task, zone};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::count::{count, counted, is_open};
use super::statistics::statistics;
use super::{edges, timeline};
use crate::domain::history::{self, Moment};
use crate::domain::page::Direction;
use crate::graphql::edge_field::{always, list, one};
use crate::graphql::error::Fault;
use crate::graphql::filter::ZoneFilter;
use crate::graphql::id::Kind;
use crate::graphql::object::{Building, Incident, Level, Task, Zone};
use crate::graphql::order::ZoneOrder;
use crate::graphql::plan::{Column, Listed, Loader, Noun, Row, Spot, relations};
use crate::graphql::selection::Selection;
use crate::graphql::slot::Slots;

/// What it tells within something as of an earlier time: what it is called and where it is, as of now; no list of what
/// stands in it, or two times would stand in one answer.
const THEN_ZONE: [&str; 7] = [
    "id", "source", "code", "name", "building", "level", "timeline",
];

edges!(Zone, registry => [
    always::<Building>(registry, "building", "The building it is in."),
    one::<Level>(registry, "level", "The floor it is on; null when none was told."),
    list::<Incident>(registry, "incidents", "The incidents in it."),
    list::<Task>(registry, "tasks", "The tasks in it."),
    one::<Task>(registry, "lastCleaningTask", "The task that `lastCleanedAt` comes from; null when that is, or when the task lies outside what the viewer may see."),
    counted(registry, "openIncidentCount", "How many incidents in it somebody still has to act on"),
    statistics(registry),
    timeline(registry, "in this zone"),
]);

impl Noun for Zone {
    const KIND: Kind = Kind::Zone;
    type Entity = zone::Entity;
    const KEY: zone::Column = zone::Column::Id;
    const TOLD_BY: &'static [(&'static str, &'static [Column<Self>])] = {
        use zone::Column::*;
        &[
            ("building", &[BuildingId]),
            ("level", &[LevelId]),
            ("lastCleaningTask", &[LastCleaningTaskId]),
            ("openIncidentCount", &[]),
            ("incidents", &[]),
            ("tasks", &[]),
            ("statistics", &[]),
            ("timeline", &[]),
        ]
    };

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<zone::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
            loader.answers_then("Zone", &selection, &THEN_ZONE)?;
            for (name, aliases) in relations(&selection, "Zone") {
                let (slots, aliases) = (&mut slots, &aliases);
                match name {
                    "building" => {
                        let keys: Vec<_> = rows.iter().map(|row| Some(row.building_id.0)).collect();
                        let column = building::Column::Id;
                        loader
                            .one::<Building>(slots, aliases, column, &keys)
                            .await?;
                    }
                    "level" => {
                        let keys: Vec<_> = rows.iter().map(|row| row.level_id).collect();
                        let keys: Vec<_> = keys.iter().map(|key| key.map(|key| key.0)).collect();
                        let column = level::Column::Id;
                        loader.one::<Level>(slots, aliases, column, &keys).await?;
                    }
                    "lastCleaningTask" => {
                        let keys = rows.iter().map(|row| row.last_cleaning_task_id);
                        let keys: Vec<_> = keys.map(|key| key.map(|key| key.0)).collect();
                        let column = task::Column::Id;
                        loader.one::<Task>(slots, aliases, column, &keys).await?;
                    }
                    "incidents" => {
                        let column = incident::Column::ZoneId;
                        loader
                            .many::<Incident>(slots, aliases, column, &ids)
                            .await?;
                    }
                    "openIncidentCount" => {
                        let column = incident::Column::ZoneId;
                        count(loader, slots, aliases, column, &ids, is_open()).await?;
                    }
                    "tasks" => {
                        let column = task::Column::ZoneId;
                        loader.many::<Task>(slots, aliases, column, &ids).await?;
                    }
                    "statistics" => {
                        let spot = Spot::Zones(&ids);
                        loader
                            .statistics::<Incident, Task>(slots, aliases, spot)
                            .await?;
                    }
                    "timeline" => {
                        let column = activity::Column::ZoneId;
                        loader.timeline(slots, aliases, column, &ids).await?;
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

    fn then<'a>(
        loader: &'a Loader<'a>,
        moment: &'a Moment,
        _key: Column<Self>,
        keys: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<Row<Self>>, Fault>> {
        Box::pin(
            async move { Ok(history::zones(loader.scope, loader.database, moment, keys).await?) },
        )
    }
}

impl Listed for Zone {
    type Filter = ZoneFilter;
    type OrderBy = ZoneOrder;
    const ORDER: (zone::Column, Direction) = (zone::Column::Name, Direction::Ascending);
    const ORDER_HINT: &'static str =
        "By what they are sorted, at most three fields; by `NAME` when not given.";
}
