//! What is kept of a zone because zones are sorted by it: when it was cleaned last and by which task, and how many open
//! incidents it has. Told anew by the stored tasks and incidents, so that the order in which they came does not count;
//! a batch that only opens and closes incidents counts them in the fold, since asking for them costs more.

use std::collections::BTreeSet;

use entity::{TaskKind, WorkState, ZoneId, task};
use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use super::bulk::{self, Keys};
use super::state::State;

/// "Last clean time" of Matrix's reports: the latest end of a completed task there. Incidents have work orders of their
/// own, which are not meant, and Urgent tells no end.
const REFRESH: &str = "UPDATE zone SET
        (last_cleaned_at, last_cleaning_task_id) = (SELECT task.completed_at, task.id FROM task
            WHERE task.zone_id = zone.id AND task.kind = 'SCHEDULED' AND task.state = 'COMPLETED'
                AND task.completed_at IS NOT NULL
            ORDER BY task.completed_at DESC, task.id DESC LIMIT 1),
        open_incident_count = (SELECT count(*) FROM incident WHERE incident.zone_id = zone.id AND incident.is_open)
    WHERE id IN {0}";

/// Tells the zones that the tasks which `state` changes cleaned what they come to, with one statement.
///
/// # Errors
/// What the database says.
pub async fn refresh(connection: &impl ConnectionTrait, state: &State) -> Result<(), DbErr> {
    let zones: Vec<Uuid> = cleaned(state).into_iter().map(|zone| zone.0).collect();
    tell(connection, &zones).await
}

/// Tells `zones` what they come to, with one statement.
///
/// # Errors
/// What the database says.
pub async fn tell(connection: &impl ConnectionTrait, zones: &[Uuid]) -> Result<(), DbErr> {
    if zones.is_empty() {
        return Ok(());
    }
    let backend = connection.get_database_backend();
    let mut sql = String::new();
    let values = bulk::place_keys(&mut sql, REFRESH, &[Keys::Uuids(zones)], backend);
    let statement = Statement::from_sql_and_values(backend, sql, values);
    connection.execute_raw(statement).await?;
    Ok(())
}

/// The zones that are cleaned otherwise than before by the tasks that `state` changes.
pub fn cleaned(state: &State) -> BTreeSet<ZoneId> {
    let mut zones = BTreeSet::new();
    for (stored, row) in state.tasks.differing() {
        let (before, now) = (stored.and_then(cleaning), cleaning(row));
        if now != before {
            zones.extend(now.into_iter().chain(before).map(|(zone, _)| zone));
        }
    }
    zones
}

/// Which zone a task cleaned, and when.
fn cleaning(row: &task::Model) -> Option<(ZoneId, sea_orm::prelude::DateTimeUtc)> {
    let is_cleaning = row.kind == TaskKind::Scheduled && row.state == Some(WorkState::Completed);
    row.zone_id.zip(row.completed_at).filter(|_| is_cleaning)
}
