//! The stored words of each thing: those of its texts as they stand in the database, whoever wrote them and in whichever
//! order.

use std::collections::{BTreeMap, BTreeSet};

use entity::{Searched, TaskKind, incident, search, task};
use sea_orm::{ActiveEnum, ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use super::word::words;
use crate::domain::bulk::{self, Existing, Keys};
use crate::domain::state::State;

/// How many bytes the words of one thing have at most; PostgreSQL takes a megabyte. What goes beyond is not found.
const MOST_BYTES: usize = 256 * 1024;

/// What has to be told its words anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// Buildings.
    pub buildings: BTreeSet<Uuid>,
    /// Zones.
    pub zones: BTreeSet<Uuid>,
    /// Incidents.
    pub incidents: BTreeSet<Uuid>,
    /// Tasks.
    pub tasks: BTreeSet<Uuid>,
}

impl Stale {
    /// What has other texts than before in `state`, or is new.
    pub fn of(state: &State) -> Self {
        let mut stale = Self::default();
        for (stored, row) in state.buildings.differing() {
            if stored.is_none_or(|stored| stored.name != row.name) {
                stale.buildings.insert(row.id.0);
            }
        }
        for (stored, row) in state.zones.differing() {
            if stored.is_none_or(|stored| stored.name != row.name) {
                stale.zones.insert(row.id.0);
            }
        }
        for (stored, row) in state.incidents.differing() {
            let texts = |row: &incident::Model| [row.name.clone(), row.description.clone()];
            if stored.map(texts) != Some(texts(row)) {
                stale.incidents.insert(row.id.0);
            }
        }
        for (stored, row) in state.tasks.differing() {
            let texts = |row: &task::Model| [row.name.clone(), row.description.clone()];
            // Work orders are not loaded: they have the texts of their incidents.
            let of_work = row
                .incident_id
                .filter(|_| row.kind == TaskKind::IncidentWork);
            let is_stale = match of_work {
                Some(incident) => stale.incidents.contains(&incident.0),
                None => stored.map(texts) != Some(texts(row)),
            };
            if is_stale {
                stale.tasks.insert(row.id.0);
            }
        }
        for (stored, row) in state.notes.differing() {
            let before = stored.and_then(|stored| stored.task_id);
            if stored.map(|stored| &stored.text) != Some(&row.text) || before != row.task_id {
                let tasks = before.into_iter().chain(row.task_id);
                stale.tasks.extend(tasks.map(|task| task.0));
            }
        }
        for (stored, row) in state.status_changes.differing() {
            let note = stored.and_then(|stored| stored.note.as_ref());
            let task = stored.map_or(row.task_id, |stored| stored.task_id);
            if (task, note) != (row.task_id, row.note.as_ref()) {
                stale.tasks.extend([task.0, row.task_id.0]);
            }
        }
        stale
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The texts of things: their own, and those of the notes on tasks. A thing without any text has a row all the same.
const TEXTS: &str = "SELECT 'BUILDING' AS kind, id, name AS text, 0 AS place, id AS source FROM building WHERE id IN {0}
    UNION ALL SELECT 'ZONE', id, name, 0, id FROM zone WHERE id IN {1}
    UNION ALL SELECT 'INCIDENT', id, name, 0, id FROM incident WHERE id IN {2}
    UNION ALL SELECT 'INCIDENT', id, description, 1, id FROM incident WHERE id IN {2}
    UNION ALL SELECT 'TASK', id, name, 0, id FROM task WHERE id IN {3}
    UNION ALL SELECT 'TASK', id, description, 1, id FROM task WHERE id IN {3}
    UNION ALL SELECT 'TASK', task_id, text, 2, id FROM note WHERE task_id IN {3}
    UNION ALL SELECT 'TASK', task_id, note, 2, id FROM status_change WHERE task_id IN {3} AND note IS NOT NULL
    ORDER BY place, source";

/// Tells what is stale its words as its texts are stored now: two statements, however much it is.
///
/// # Errors
/// What the database says.
pub async fn refresh(connection: &impl ConnectionTrait, stale: &Stale) -> Result<(), DbErr> {
    if stale.is_empty() {
        return Ok(());
    }
    let ids = [
        &stale.buildings,
        &stale.zones,
        &stale.incidents,
        &stale.tasks,
    ]
    .map(|ids| ids.iter().copied().collect::<Vec<Uuid>>());
    let keys = ids.each_ref().map(|ids| Keys::Uuids(ids));
    let backend = connection.get_database_backend();
    let mut sql = String::new();
    let values = bulk::place_keys(&mut sql, TEXTS, &keys, backend);
    let mut found: BTreeMap<(Uuid, Searched), Words> = BTreeMap::new();
    for row in connection
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?
    {
        let kind = Searched::try_from_value(&row.try_get_by_index(0)?)?;
        let text: Option<String> = row.try_get_by_index(2)?;
        let words = found.entry((row.try_get_by_index(1)?, kind)).or_default();
        words.take(text.as_deref().unwrap_or_default());
    }
    let rows: Vec<search::Model> = found
        .into_iter()
        .map(|((id, kind), words)| search::Model {
            id,
            kind,
            words: words.joined(),
        })
        .collect();
    bulk::write::<search::Entity>(connection, &rows, &[], Existing::Replace).await
}

/// The words of one thing, up to [`MOST_BYTES`].
#[derive(Debug, Default)]
struct Words {
    words: BTreeSet<String>,
    bytes: usize,
}

impl Words {
    fn take(&mut self, text: &str) {
        for word in words(text) {
            let bytes = self.bytes + word.len() + 1;
            if bytes > MOST_BYTES {
                return;
            }
            if self.words.insert(word) {
                self.bytes = bytes;
            }
        }
    }

    fn joined(self) -> String {
        self.words.into_iter().collect::<Vec<_>>().join(" ")
    }
}
