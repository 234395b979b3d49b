//! A history is played in batches; what is known after each is kept, and asked for again at the end.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    BuildingId, Json, SetBy, activity, building, chase, incident, note, status_change, task,
};
use proptest::prelude::*;
use sea_orm::{EntityTrait, ModelTrait};
use uuid::Uuid;

use super::*;
use crate::domain::batch::tests::Played;
use crate::domain::database::Database;
use crate::domain::fold::tests::history::{Step, histories};
use crate::domain::page::{Direction, Page};
use crate::domain::row;
use crate::domain::scope::{Claims, Scope};

/// All that GraphQL shows of incidents, tasks, what was said on them, their timelines, and counts.
#[derive(Debug, Default, PartialEq)]
struct Known {
    rows: BTreeMap<String, String>,
    raw: BTreeMap<Uuid, Option<String>>,
    of_tasks: BTreeMap<(&'static str, Uuid), Vec<Uuid>>,
    work_orders: BTreeMap<Uuid, Vec<Uuid>>,
    timelines: BTreeMap<Uuid, Vec<i64>>,
    open: BTreeMap<Uuid, u64>,
}

impl Known {
    fn add_incidents(&mut self, rows: Vec<incident::Model>) {
        for row in rows {
            let shown = incident::Model {
                ended_at: None,
                set_by: Json(SetBy::new()),
                ..row
            };
            self.rows
                .insert(format!("incident {}", row.id.0), format!("{shown:?}"));
        }
    }

    fn add_tasks(&mut self, rows: Vec<task::Model>) {
        for mut row in rows {
            self.raw.insert(row.id.0, row.raw.take());
            if let Some(incident) = row.incident_id.filter(|_| row.tenant.is_some()) {
                self.work_orders
                    .entry(incident.0)
                    .or_default()
                    .push(row.id.0);
            }
            let id = row.id.0;
            let shown = task::Model {
                ended_at: None,
                described_status: None,
                set_by: Json(SetBy::new()),
                ..row
            };
            self.rows.insert(format!("task {id}"), format!("{shown:?}"));
        }
    }

    fn add<E: EntityTrait>(
        &mut self,
        noun: &'static str,
        rows: Vec<E::Model>,
        task: impl Fn(&E::Model) -> Option<entity::TaskId>,
    ) where
        E::Model: ModelTrait<Entity = E>,
    {
        for row in rows {
            let id = row::id::<E>(&row);
            let Some(task) = task(&row) else { continue };
            self.of_tasks.entry((noun, task.0)).or_default().push(id);
            let mut columns = row::columns::<E>(&row);
            columns.remove("version");
            self.rows
                .insert(format!("{noun} {id}"), format!("{columns:?}"));
        }
    }

    fn sorted(mut self) -> Self {
        let lists = self
            .of_tasks
            .values_mut()
            .chain(self.work_orders.values_mut());
        lists.for_each(|list| list.sort_unstable());
        self
    }
}

/// Every id there is.
struct Ids {
    incidents: Vec<Uuid>,
    tasks: Vec<Uuid>,
    buildings: Vec<Uuid>,
}

async fn all<E: EntityTrait>(database: &Database) -> Vec<E::Model> {
    E::find().all(&database.readers).await.unwrap()
}

async fn now_known(database: &Database) -> Known {
    let mut known = Known::default();
    let incidents = all::<incident::Entity>(database).await;
    for row in incidents.iter().filter(|row| row.is_open) {
        *known.open.entry(row.building_id.0).or_default() += 1;
    }
    let tasks = all::<task::Entity>(database).await;
    let ids = Ids {
        incidents: incidents.iter().map(|row| row.id.0).collect(),
        tasks: tasks.iter().map(|row| row.id.0).collect(),
        buildings: all::<building::Entity>(database)
            .await
            .iter()
            .map(|row| row.id.0)
            .collect(),
    };
    known.timelines = timelines(database, None, &ids).await;
    known.add_incidents(incidents);
    known.add_tasks(tasks);
    let said = all::<status_change::Entity>(database).await;
    known.add::<status_change::Entity>("status_change", said, |row| Some(row.task_id));
    let said = all::<note::Entity>(database).await;
    known.add::<note::Entity>("note", said, |row| row.task_id);
    let said = all::<chase::Entity>(database).await;
    known.add::<chase::Entity>("chase", said, |row| Some(row.task_id));
    known.sorted()
}

async fn timelines(
    database: &Database,
    moment: Option<&Moment>,
    ids: &Ids,
) -> BTreeMap<Uuid, Vec<i64>> {
    let mut timelines = BTreeMap::new();
    for (column, subjects) in [
        (activity::Column::IncidentId, &ids.incidents),
        (activity::Column::TaskId, &ids.tasks),
        (activity::Column::BuildingId, &ids.buildings),
    ] {
        let found = crate::domain::activity::read::timelines(
            &Scope::Operator,
            &database.readers,
            column,
            subjects,
            &crate::domain::read::List {
                filter: &crate::domain::filter::Filter::default(),
                order: &crate::domain::activity::read::timeline_order(Direction::Ascending),
                page: &Page::first(1_000),
                told: crate::domain::read::Told::all(),
            },
            moment,
        )
        .await
        .unwrap();
        for (subject, slice) in found {
            let rows = slice.rows.iter().map(|row| row.seq).collect();
            timelines.insert(subject, rows);
        }
    }
    timelines
}

async fn then_known(database: &Database, at: DateTime<Utc>, ids: &Ids, kept: &Known) -> Known {
    let (scope, readers) = (&Scope::Operator, &database.readers);
    let moment = &moment(readers, at, at).await.unwrap();
    let mut known = Known::default();
    known.add_incidents(
        incidents(scope, readers, moment, &ids.incidents)
            .await
            .unwrap(),
    );
    let of_incidents = work_orders(scope, readers, moment, &ids.incidents)
        .await
        .unwrap();
    known.add_tasks(tasks(scope, readers, moment, &ids.tasks).await.unwrap());
    // Asked the other way round, it is the same.
    let there = std::mem::take(&mut known.work_orders);
    known.work_orders = of_incidents
        .into_iter()
        .map(|(incident, rows)| {
            let rows = rows.iter().filter(|row| row.tenant.is_some());
            (incident, rows.map(|row| row.id.0).collect::<Vec<_>>())
        })
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    let mut lists: Vec<_> = there.into_values().flatten().collect();
    let mut again: Vec<_> = known.work_orders.values().flatten().copied().collect();
    lists.sort_unstable();
    again.sort_unstable();
    assert_eq!(lists, again);
    use status_change::Column::TaskId;
    let said = status_changes(scope, readers, moment, TaskId, &ids.tasks)
        .await
        .unwrap();
    known.add::<status_change::Entity>("status_change", said, |row| Some(row.task_id));
    let said = notes(scope, readers, moment, note::Column::TaskId, &ids.tasks)
        .await
        .unwrap();
    known.add::<note::Entity>("note", said, |row| row.task_id);
    let said = chases(scope, readers, moment, chase::Column::TaskId, &ids.tasks)
        .await
        .unwrap();
    known.add::<chase::Entity>("chase", said, |row| Some(row.task_id));
    let open = open_incidents(scope, readers, moment, &ids.buildings)
        .await
        .unwrap();
    let open = open.into_iter().map(|(id, count)| (id, count.unwrap()));
    known.open = open.filter(|(_, count)| *count > 0).collect();
    known.timelines = timelines(database, Some(moment), ids).await;
    // What was no building yet, or is none any more, has no timeline now or had none then.
    known
        .timelines
        .retain(|subject, _| kept.timelines.contains_key(subject));
    known.sorted()
}

async fn compare(steps: Vec<Step>, per_batch: usize) {
    let start: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let played = Played::new().await;
    let database = &played.database;
    let mut kept: Vec<(DateTime<Utc>, Known)> = Vec::new();
    let mut buildings = Vec::new();
    for (number, steps) in steps.chunks(per_batch).enumerate() {
        let now = start + TimeDelta::seconds(i64::try_from(number).unwrap());
        played.batch(number, steps, now).await;
        kept.push((now, now_known(database).await));
        let known = all::<building::Entity>(database).await;
        buildings.extend(known.iter().map(|row| row.id.0));
    }
    let ids = Ids {
        incidents: all::<incident::Entity>(database)
            .await
            .iter()
            .map(|row| row.id.0)
            .collect(),
        tasks: all::<task::Entity>(database)
            .await
            .iter()
            .map(|row| row.id.0)
            .collect(),
        buildings,
    };
    let latest = now_known(database).await;
    for (at, was) in &mut kept {
        let known = then_known(database, *at, &ids, was).await;
        forget_replaced(was, &latest, &known);
        assert_same(*at, was, &known);
        for building in ids.buildings.iter().take(3) {
            narrow(database, *at, &ids, BuildingId(*building)).await;
        }
    }
    played.close().await;
}

/// Who may see one building sees what stands in it now and stood in it then.
async fn narrow(database: &Database, at: DateTime<Utc>, ids: &Ids, building: BuildingId) {
    let claims = Claims {
        buildings: [building].into(),
        ..Claims::default()
    };
    let readers = &database.readers;
    let moment = &moment(readers, at, at).await.unwrap();
    let one = &Scope::Claims(claims.into());
    let here = |rows: Vec<incident::Model>| -> BTreeSet<Uuid> {
        let rows = rows.iter().filter(|row| row.building_id == building);
        rows.map(|row| row.id.0).collect()
    };
    let seen = incidents(one, readers, moment, &ids.incidents)
        .await
        .unwrap();
    let then = incidents(&Scope::All, readers, moment, &ids.incidents)
        .await
        .unwrap();
    let now = here(all::<incident::Entity>(database).await);
    let both: BTreeSet<Uuid> = here(then).intersection(&now).copied().collect();
    assert_eq!(seen.len(), both.len());
    let open = seen.iter().filter(|row| row.is_open).count();
    assert_eq!(here(seen), both);
    let counted = open_incidents(one, readers, moment, &ids.buildings)
        .await
        .unwrap();
    let counted: u64 = counted.values().map(|count| count.unwrap()).sum();
    assert_eq!(counted, u64::try_from(open).unwrap());

    let here = |rows: Vec<task::Model>| -> BTreeSet<Uuid> {
        let rows = rows.iter().filter(|row| row.building_id == Some(building));
        rows.map(|row| row.id.0).collect()
    };
    let seen = tasks(one, readers, moment, &ids.tasks).await.unwrap();
    let then = tasks(&Scope::All, readers, moment, &ids.tasks)
        .await
        .unwrap();
    let now = here(all::<task::Entity>(database).await);
    let both: BTreeSet<Uuid> = here(then).intersection(&now).copied().collect();
    assert_eq!(seen.len(), both.len());
    assert_eq!(here(seen), both);
}

/// Of the description as it was sent only the latest is kept.
fn forget_replaced(was: &mut Known, latest: &Known, known: &Known) {
    for (task, raw) in &mut was.raw {
        if known.raw.get(task) == Some(&None) && latest.raw.get(task) != Some(raw) {
            *raw = None;
        }
    }
}

fn assert_same(at: DateTime<Utc>, was: &Known, known: &Known) {
    for (key, row) in &was.rows {
        assert_eq!(known.rows.get(key), Some(row), "{key} at {at}");
    }
    assert_eq!(was, known, "at {at}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_was_answered_then_is_answered_again((_, steps) in histories(), per_batch in 1..4_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(compare(steps, per_batch));
    }
}
