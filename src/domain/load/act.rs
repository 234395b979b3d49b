//! Loads the acts on Urgent tasks: status changes, chases and notes.

use entity::{chase, note, status_change};
use sea_orm::{ConnectionTrait, DbErr};

use super::key::{KeySet, uuids};
use crate::domain::bulk::{self, Keys};
use crate::domain::state::State;

/// Status changes, chases and notes; they may name further tasks.
pub(super) async fn load_acts(
    connection: &impl ConnectionTrait,
    keys: &mut KeySet,
    state: &mut State,
) -> Result<(), DbErr> {
    if keys.tenants.is_empty() {
        return Ok(());
    }
    let tasks = uuids(&keys.tasks);
    // The statuses of every task touched, for its current one; also of a task that held one of these GUIDs before.
    let ids = uuids(&keys.status_changes);
    let of_tasks = "task_id IN (SELECT named.id FROM task named WHERE named.id IN {0} \
                    UNION SELECT held.task_id FROM status_change held WHERE held.id IN {1})";
    for row in bulk::rows::<status_change::Entity>(
        connection,
        of_tasks,
        &[Keys::Uuids(&tasks), Keys::Uuids(&ids)],
    )
    .await?
    {
        keys.tasks.insert(row.task_id.0);
        state.load_status_change(row);
    }
    if !keys.chases.is_empty() {
        let ids = uuids(&keys.chases);
        let of_tasks = "task_id IN (SELECT named.id FROM task named WHERE named.id IN {0} \
                    UNION SELECT held.task_id FROM chase held WHERE held.id IN {1})";
        for row in bulk::rows::<chase::Entity>(
            connection,
            of_tasks,
            &[Keys::Uuids(&tasks), Keys::Uuids(&ids)],
        )
        .await?
        {
            keys.tasks.insert(row.task_id.0);
            state.load_chase(row);
        }
    }
    if !keys.notes.is_empty() {
        let ids = uuids(&keys.notes);
        for row in bulk::rows::<note::Entity>(connection, "id IN {0}", &[Keys::Uuids(&ids)]).await?
        {
            keys.references.insert(row.reference.clone());
            keys.tasks.extend(row.task_id.map(|task| task.0));
            keys.asks_by_reference |= !row.is_task_named;
            state.load_note(row);
        }
    }
    Ok(())
}
