//! Load: everything a batch of facts can touch, one SELECT per table, however many facts there are.
//!
//! The order matters: what was loaded first names the keys of what comes next (a task's incident, a site's ancestors).

mod act;
mod key;
mod place;
mod work;

use std::collections::HashSet;

use entity::ActivityId;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use self::key::KeySet;
pub use self::place::load_places_of;
use super::bulk::{self, Keys};
use super::fact::Fact;
use super::state::State;

/// The rows that `facts` can touch.
///
/// # Errors
/// What the database says.
pub async fn load(connection: &impl ConnectionTrait, facts: &[&Fact]) -> Result<State, DbErr> {
    let mut keys = KeySet::of(facts);
    let mut state = State::default();
    state.known = known(connection, &key::uuids(&keys.facts)).await?;
    act::load_acts(connection, &mut keys, &mut state).await?;
    work::load_tasks(connection, &mut keys, &mut state).await?;
    work::load_incidents(connection, &keys, &mut state).await?;
    place::load_sites(connection, &keys, &mut state).await?;
    place::load_places(connection, &mut keys, &mut state).await?;
    Ok(state)
}

/// Which of these activities there are, or were before they were pruned.
///
/// # Errors
/// What the database says.
pub async fn known(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashSet<ActivityId>, DbErr> {
    let backend = connection.get_database_backend();
    // What is no longer kept is known by its key alone: an old repeat stays a duplicate.
    let known = "SELECT id FROM activity WHERE id IN {0} UNION ALL SELECT id FROM activity_key WHERE id IN {0}";
    let mut sql = String::new();
    let values = bulk::place_keys(&mut sql, known, &[Keys::Uuids(ids)], backend);
    let rows = connection
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
