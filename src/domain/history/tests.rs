//! A history is played in batches; what is known after each is kept, and asked for again at the end.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{Json, SetBy, activity, building, chase, incident, note, status_change, task};
use proptest::prelude::*;
use sea_orm::{EntityTrait, ModelTrait};
use uuid::Uuid;

use super::*;
use crate::domain::batch::tests::Played;
use crate::domain::database::Database;
use crate::domain::fold::tests::history::{Step, histories};
use crate::domain::page::{Direction, Page};
use crate::domain::row;
use crate::domain::scope::Scope;

/// All that GraphQL shows of incidents, tasks, what was said on them, their timelines, and counts.
#[derive(Debug, Default, PartialEq)]
struct Known {
    rows: BTreeMap<String, String>,
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
            self.rows.insert(format!("incident {}", row.id.0), format!("{shown:?}"));
        }
    }

    fn add_tasks(&mut self, rows: Vec<task::Model>) {
        for row in rows {
            if let Some(incident) = row.incident_id.filter(|_| row.tenant.is_some()) {
                self.work_orders.entry(incident.0).or_default().push(row.id.0);
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
            self.rows.insert(format!("{noun} {id}"), format!("{columns:?}"));
        }
    }

    fn sorted(mut self) -> Self {
        let lists = self.of_tasks.values_mut().chain(self.work_orders.values_mut());
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
    let mut subjects: Vec<(activity::Column, Uuid)> = Vec::new();
    subjects.extend(incidents.iter().map(|row| (activity::Column::IncidentId, row.id.0)));
    subjects.extend(tasks.iter().map(|row| (activity::Column::TaskId, row.id.0)));
    let buildings = all::<building::Entity>(database).await;
    subjects.extend(buildings.iter().map(|row| (activity::Column::BuildingId, row.id.0)));
    for (column, subject) in subjects {
        known.timelines.insert(subject, timeline(database, None, column, subject).await);
    }
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

async fn timeline(
    database: &Database,
    moment: Option<&Moment>,
    column: activity::Column,
    subject: Uuid,
) -> Vec<i64> {
    let found = crate::domain::activity::read::timelines(
        &Scope::Operator,
        &database.readers,
        column,
        &[subject],
        &crate::domain::filter::Filter::default(),
        Direction::Ascending,
        &Page::first(100),
        moment,
    )
    .await
    .unwrap();
    let rows = found.into_values().flat_map(|slice| slice.rows);
    rows.map(|(_, row)| row.seq).collect()
}

async fn then_known(database: &Database, at: DateTime<Utc>, ids: &Ids, kept: &Known) -> Known {
    let (scope, readers) = (&Scope::Operator, &database.readers);
    let moment = &moment(readers, at, at).await.unwrap();
    let mut known = Known::default();
    known.add_incidents(incidents(scope, readers, moment, &ids.incidents).await.unwrap());
    let of_incidents = work_orders(scope, readers, moment, &ids.incidents).await.unwrap();
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
    let said = status_changes(scope, readers, moment, TaskId, &ids.tasks).await.unwrap();
    known.add::<status_change::Entity>("status_change", said, |row| Some(row.task_id));
    let said = notes(scope, readers, moment, note::Column::TaskId, &ids.tasks).await.unwrap();
    known.add::<note::Entity>("note", said, |row| row.task_id);
    let said = chases(scope, readers, moment, chase::Column::TaskId, &ids.tasks).await.unwrap();
    known.add::<chase::Entity>("chase", said, |row| Some(row.task_id));
    let open = open_incidents(scope, readers, moment, &ids.buildings).await.unwrap();
    let open = open.into_iter().map(|(id, count)| (id, count.unwrap()));
    known.open = open.filter(|(_, count)| *count > 0).collect();
    for subject in kept.timelines.keys() {
        let column = if ids.tasks.contains(subject) {
            activity::Column::TaskId
        } else if ids.incidents.contains(subject) {
            activity::Column::IncidentId
        } else {
            activity::Column::BuildingId
        };
        let found = timeline(database, Some(moment), column, *subject).await;
        known.timelines.insert(*subject, found);
    }
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
        incidents: all::<incident::Entity>(database).await.iter().map(|row| row.id.0).collect(),
        tasks: all::<task::Entity>(database).await.iter().map(|row| row.id.0).collect(),
        buildings,
    };
    for (at, was) in &mut kept {
        let mut known = then_known(database, *at, &ids, was).await;
        forget_replaced(was, &mut known);
        pretty_assertions_like(*at, was, &known);
    }
    played.close().await;
}

/// Of the description as it was sent only the latest is kept.
fn forget_replaced(was: &mut Known, known: &mut Known) {
    for (key, row) in &mut known.rows {
        if row.contains("raw: None")
            && let Some(was) = was.rows.get_mut(key)
            && let Some(start) = was.find("raw: Some(")
        {
            let end = was[start..].find("), last_activity_at").unwrap() + start + 1;
            was.replace_range(start..end, "raw: None");
        }
    }
}

fn pretty_assertions_like(at: DateTime<Utc>, was: &Known, known: &Known) {
    for (key, row) in &was.rows {
        assert_eq!(known.rows.get(key), Some(row), "{key} at {at}");
    }
    assert_eq!(was, known, "at {at}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_was_answered_then_is_answered_again((_, steps) in histories(), per_batch in 1..4_usize) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(compare(steps, per_batch));
    }
}
