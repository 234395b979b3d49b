//! Where tasks lead.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Json, OutputType};
use entity::{activity, building, chase, incident, note, status_change, task, zone};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{edges, provenance, timeline};
use crate::domain::filter::Filter;
use crate::domain::history::{self, Moment};
use crate::domain::page::{Direction, Order, Page, Slice};
use crate::domain::read::{List, Told};
use crate::domain::{read, status_type};
use crate::graphql::edge_field::{costly, field, fixed, one};
use crate::graphql::error::Fault;
use crate::graphql::filter::TaskFilter;
use crate::graphql::id::Kind;
use crate::graphql::object::{
    AssetDowntime, Building, Chase, ComplianceAnswer, Incident, Note, Origin, StatusChange, Task,
    Zone,
};
use crate::graphql::order::TaskOrder;
use crate::graphql::plan::{Column, Listed, Loader, Noun, Row, relations};
use crate::graphql::relation::unasked_tasks;
use crate::graphql::selection::{Selected, Selection};
use crate::graphql::slot::Slots;

/// How many status changes of a task are looked through for answers and downtime.
const LATEST: u64 = 100;

/// What reading the latest status changes of a task costs: as many plain fields as rows are looked through.
const TOLD: usize = 100;
/// What a description as it was sent costs: under the usual limit a page of 50 fits and one of 100 does not.
const RAW: usize = 3_000;

edges!(Task, registry => [
    one::<Building>(registry, "building", "The building it is in; null while no place was told."),
    one::<Zone>(registry, "zone", "The zone it is in; null when none was told."),
    one::<Incident>(registry, "incident", "The incident it belongs to; null when there is none, or when it lies outside what the viewer may see."),
    fixed::<StatusChange>(registry, "statusChanges", "The changes of its status, the earliest first.", Vec::new()),
    fixed::<Note>(registry, "notes", "The notes on it, the earliest first.", Vec::new()),
    fixed::<Chase>(registry, "chases", "The chases of it, the earliest first.", Vec::new()),
    costly::<TOLD>(field(
        "compliance",
        "The latest answer to each compliance question, from its latest 100 status changes.",
        <Vec<ComplianceAnswer> as OutputType>::create_type_info(registry),
        Vec::new(),
    )),
    costly::<TOLD>(one::<AssetDowntime>(
        registry,
        "assetDowntime",
        "What was told last of the asset's downtime, in its latest 100 status changes; null when nothing was.",
    )),
    costly::<RAW>(one::<Json<serde_json::Value>>(
        registry,
        "raw",
        "The latest description exactly as the platform sent it; null while it was not described. \
         Only the latest is kept: as of an earlier time it is null where another has replaced it since. It may be large: take pages of at most 50 with it.",
    )),
    provenance::provenance(registry, "Left out are those that several facts decide: `reportedAt` is the earliest of all \
        times told, `chaseCount` counts the chases, `isOpen` and `statusType` follow from others. An incident's own work \
        order has none: ask its incident."),
    timeline(registry, "to this task"),
]);

impl Noun for Task {
    const KIND: Kind = Kind::Task;
    type Entity = task::Entity;
    const KEY: task::Column = task::Column::Id;
    const TOLD_BY: &'static [(&'static str, &'static [Column<Self>])] = {
        use task::Column::*;
        &[
            ("building", &[BuildingId]),
            ("zone", &[ZoneId]),
            ("incident", &[IncidentId]),
            ("statusType", &[Tenant, Status]),
            ("isOpen", &[Tenant, Status, State]),
            ("statusChanges", &[]),
            ("notes", &[]),
            ("chases", &[]),
            ("compliance", &[]),
            ("assetDowntime", &[]),
            ("timeline", &[]),
        ]
    };

    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<task::Model>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>> {
        Box::pin(async move {
            let mut slots = vec![Slots::default(); rows.len()];
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
            let mut told = Vec::new();
            let mut types = None;
            for (name, aliases) in relations(&selection, "Task") {
                if matches!(name, "compliance" | "assetDowntime") {
                    told.extend(aliases);
                    continue;
                }
                let (slots, aliases) = (&mut slots, &aliases);
                match name {
                    "building" => {
                        let keys: Vec<_> = rows.iter().map(|row| row.building_id).collect();
                        let keys: Vec<_> = keys.iter().map(|key| key.map(|key| key.0)).collect();
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
                    "incident" => {
                        let keys: Vec<_> = rows.iter().map(|row| row.incident_id).collect();
                        let keys: Vec<_> = keys.iter().map(|key| key.map(|key| key.0)).collect();
                        let column = incident::Column::Id;
                        loader
                            .one::<Incident>(slots, aliases, column, &keys)
                            .await?;
                    }
                    "statusChanges" => {
                        use status_change::Column::{ChangedAt, TaskId};
                        loader
                            .plain::<StatusChange>(slots, aliases, TaskId, &ids, ChangedAt)
                            .await?;
                    }
                    "notes" => {
                        use note::Column::{NotedAt, TaskId};
                        loader
                            .plain::<Note>(slots, aliases, TaskId, &ids, NotedAt)
                            .await?;
                    }
                    "chases" => {
                        use chase::Column::{ChasedAt, TaskId};
                        loader
                            .plain::<Chase>(slots, aliases, TaskId, &ids, ChasedAt)
                            .await?;
                    }
                    "timeline" => {
                        let column = activity::Column::TaskId;
                        loader.timeline(slots, aliases, column, &ids).await?;
                    }
                    "statusType" | "isOpen" if types.is_none() => {
                        let tenants = rows.iter().filter_map(|row| row.tenant.clone());
                        types = Some(
                            status_type::read::of_tenants(loader.scope, loader.database, tenants)
                                .await?,
                        );
                    }
                    "provenance" => {
                        let origins = origins(loader, &rows).await?;
                        provenance::load(loader, slots, aliases, origins).await?;
                    }
                    "raw" => raw(slots, aliases, &rows),
                    _ => {}
                }
            }
            if !told.is_empty() {
                latest_told(loader, &mut slots, &told, &ids).await?;
            }
            let types = types.as_ref();
            let objects = std::iter::zip(rows, slots);
            Ok(objects
                .map(|(row, slots)| Arc::new(Self::new(row, types, slots)))
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
            async move { Ok(history::tasks(loader.scope, loader.database, moment, keys).await?) },
        )
    }
}

impl Listed for Task {
    type Filter = TaskFilter;
    type OrderBy = TaskOrder;
    const ORDER: (task::Column, Direction) = (task::Column::ReportedAt, Direction::Descending);
    const ORDER_HINT: &'static str =
        "By what they are sorted, at most three fields; the latest reported first when not given.";

    fn settled<'a>(
        loader: &'a Loader<'a>,
        filter: Filter<task::Column>,
    ) -> BoxFuture<'a, Result<Filter<task::Column>, Fault>> {
        Box::pin(async move {
            if !filter.mentions(task::Column::StatusKey) {
                return Ok(filter);
            }
            let types = status_type::read::all(loader.scope, loader.database).await?;
            Ok(types.settle(filter))
        })
    }

    fn unasked(filter: &Filter<task::Column>) -> Filter<task::Column> {
        unasked_tasks(filter)
    }
}

/// Where the fields of tasks come from; one statement, for the status changes that they show.
async fn origins<'a>(
    loader: &'a Loader<'a>,
    rows: &[task::Model],
) -> Result<Vec<Vec<Origin>>, Fault> {
    let (scope, database) = (loader.scope, loader.database);
    let shown = rows.iter().filter_map(|row| row.status_change_id);
    let shown: Vec<Uuid> = shown.map(|id| id.0).collect();
    let column = status_change::Column::Id;
    let shown = read::by_keys::<status_change::Entity>(scope, database, column, &shown).await?;
    let of = |row: &task::Model| {
        let status = shown
            .iter()
            .find(|status| Some(status.id) == row.status_change_id);
        Origin::of_task(row, status)
    };
    Ok(rows.iter().map(of).collect())
}

fn raw(slots: &mut [Slots], aliases: &[Selected<'_>], rows: &[task::Model]) {
    for (slots, row) in std::iter::zip(slots, rows) {
        // Text that is no JSON any more is still shown, as text.
        let raw = row.raw.as_ref().map(|text| {
            let value: Result<serde_json::Value, _> = serde_json::from_str(text);
            Arc::new(Json(value.unwrap_or_else(|_| text.clone().into())))
        });
        for alias in aliases {
            slots.put(alias.place(), raw.clone().map(|raw| raw as _));
        }
    }
}

/// The answers and the downtime that the latest status changes of each task tell.
async fn latest_told<'a>(
    loader: &Loader<'a>,
    slots: &mut [Slots],
    aliases: &[Selected<'a>],
    tasks: &[Uuid],
) -> Result<(), Fault> {
    let order = Order::new(
        [(status_change::Column::ChangedAt, Direction::Descending)],
        status_change::Column::Id,
    );
    let page = Page::first(LATEST);
    let slices: HashMap<Uuid, Slice<status_change::Model>> = if let Some(moment) = &loader.as_of {
        let (scope, database) = (loader.scope, loader.database);
        let column = status_change::Column::TaskId;
        let mut of_tasks: HashMap<Uuid, Vec<status_change::Model>> = HashMap::new();
        for row in history::status_changes(scope, database, moment, column, tasks).await? {
            of_tasks.entry(row.task_id.0).or_default().push(row);
        }
        let of_tasks = of_tasks.into_iter();
        of_tasks
            .map(|(task, rows)| (task, page.take(rows, &order)))
            .collect()
    } else {
        let list = List {
            filter: &Filter::default(),
            order: &order,
            page: &page,
            told: Told::of({
                use status_change::Column::*;
                [Compliance, DowntimeReason, IsAssetBackUp]
            }),
        };
        let column = status_change::Column::TaskId;
        let (scope, database) = (loader.scope, loader.database);
        read::children::<status_change::Entity>(scope, database, column, tasks, &list).await?
    };
    for (slots, task) in std::iter::zip(slots, tasks) {
        let rows = slices.get(task).map_or(&[][..], |slice| &slice.rows);
        for alias in aliases {
            if alias.name() == "compliance" {
                slots.put(alias.place(), Some(Arc::new(answers(rows))));
            } else {
                let downtime = rows.iter().find_map(AssetDowntime::told);
                slots.put(alias.place(), downtime.map(|told| Arc::new(told) as _));
            }
        }
    }
    Ok(())
}

fn answers(latest_first: &[status_change::Model]) -> Vec<ComplianceAnswer> {
    let mut answers: Vec<ComplianceAnswer> = Vec::new();
    for row in latest_first {
        for told in &row.compliance.0 {
            if !answers.iter().any(|known| known.is_to(&told.name)) {
                answers.push(ComplianceAnswer::new(told.clone()));
            }
        }
    }
    answers
}
