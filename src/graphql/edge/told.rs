//! Where status changes, notes and chases lead: to their task.

use std::sync::Arc;

use entity::{chase, note, status_change, task};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::edges;
use crate::domain::history::{self, Moment};
use crate::domain::status_type;
use crate::graphql::edge_field::{always, one};
use crate::graphql::error::Fault;
use crate::graphql::id::Kind;
use crate::graphql::object::{Chase, Note, StatusChange, Task};
use crate::graphql::plan::{Column, Loader, Noun, Row, relations};
use crate::graphql::selection::Selection;
use crate::graphql::slot::Slots;

edges!(StatusChange, registry => [always::<Task>(registry, "task", "The task.")]);
edges!(Note, registry => [one::<Task>(
    registry,
    "task",
    "The task; null while it is not known which of several (or none) with that reference is meant.",
)]);
edges!(Chase, registry => [always::<Task>(registry, "task", "The task.")]);

impl Noun for StatusChange {
    const KIND: Kind = Kind::StatusChange;
    type Entity = status_change::Entity;
    const KEY: status_change::Column = status_change::Column::Id;
    const TOLD_BY: &'static [(&'static str, &'static [Column<Self>])] = {
        use status_change::Column::*;
        &[
            ("task", &[TaskId]),
            ("statusType", &[Tenant, Status]),
            ("assetDowntime", &[DowntimeReason, IsAssetBackUp]),
        ]
    };

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<status_change::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let keys: Vec<_> = rows.iter().map(|row| Some(row.task_id.0)).collect();
            let slots = with_task(loader, &selection, "StatusChange", &keys).await?;
            let types = if selection.has("StatusChange", "statusType") {
                let tenants = rows.iter().map(|row| row.tenant.clone());
                status_type::read::of_tenants(loader.scope, loader.database, tenants).await?
            } else {
                Default::default()
            };
            let objects = std::iter::zip(rows, slots).map(|(row, slots)| {
                let status_type = types.of(&row.tenant, &row.status).into();
                Arc::new(Self::new(row, status_type, slots))
            });
            Ok(objects.collect())
        })
    }

    fn then<'a>(
        loader: &'a Loader<'a>,
        moment: &'a Moment,
        column: Column<Self>,
        keys: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<Row<Self>>, Fault>> {
        Box::pin(async move {
            Ok(
                history::status_changes(loader.scope, loader.database, moment, column, keys)
                    .await?,
            )
        })
    }
}

impl Noun for Note {
    const KIND: Kind = Kind::Note;
    type Entity = note::Entity;
    const KEY: note::Column = note::Column::Id;
    const TOLD_BY: &'static [(&'static str, &'static [Column<Self>])] =
        &[("task", &[note::Column::TaskId])];

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<note::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let keys: Vec<_> = rows.iter().map(|row| row.task_id).collect();
            let keys: Vec<_> = keys.iter().map(|key| key.map(|key| key.0)).collect();
            let slots = with_task(loader, &selection, "Note", &keys).await?;
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, slots)))
                .collect())
        })
    }

    fn then<'a>(
        loader: &'a Loader<'a>,
        moment: &'a Moment,
        column: Column<Self>,
        keys: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<Row<Self>>, Fault>> {
        Box::pin(async move {
            Ok(history::notes(loader.scope, loader.database, moment, column, keys).await?)
        })
    }
}

impl Noun for Chase {
    const KIND: Kind = Kind::Chase;
    type Entity = chase::Entity;
    const KEY: chase::Column = chase::Column::Id;
    const TOLD_BY: &'static [(&'static str, &'static [Column<Self>])] =
        &[("task", &[chase::Column::TaskId])];

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<chase::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let keys: Vec<_> = rows.iter().map(|row| Some(row.task_id.0)).collect();
            let slots = with_task(loader, &selection, "Chase", &keys).await?;
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, slots)))
                .collect())
        })
    }

    fn then<'a>(
        loader: &'a Loader<'a>,
        moment: &'a Moment,
        column: Column<Self>,
        keys: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<Row<Self>>, Fault>> {
        Box::pin(async move {
            Ok(history::chases(loader.scope, loader.database, moment, column, keys).await?)
        })
    }
}

/// The slots of rows whose only relation is their task.
async fn with_task<'a>(
    loader: &'a Loader<'a>,
    selection: &Selection<'a>,
    on: &str,
    tasks: &[Option<Uuid>],
) -> Result<Vec<Slots>, Fault> {
    let mut slots = vec![Slots::default(); tasks.len()];
    for (name, aliases) in relations(selection, on) {
        if name == "task" {
            let column = task::Column::Id;
            loader
                .one::<Task>(&mut slots, &aliases, column, tasks)
                .await?;
        }
    }
    Ok(slots)
}
