//! What was said on tasks by a moment: status changes, notes and chases, in the version that was shown then.

use std::collections::BTreeSet;

use entity::{TaskId, activity, chase, note, status_change};
use sea_orm::{ConnectionTrait, ModelTrait};
use uuid::Uuid;

use super::past::{Past, same};
use super::{Moment, Unanswered};
use crate::domain::read;
use crate::domain::row;
use crate::domain::scope::{Scope, Scoped};

/// Which of them are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// These.
    Themselves,
    /// All of these tasks.
    OfTasks,
}

macro_rules! said_on_tasks {
    ($($(#[$doc:meta])* $name:ident => $noun:ident, $task_of:expr;)+) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// As [`super::tasks`].
        pub async fn $name(
            scope: &Scope,
            connection: &impl ConnectionTrait,
            moment: &Moment,
            column: $noun::Column,
            keys: &[Uuid],
        ) -> Result<Vec<$noun::Model>, Unanswered> {
            let asked = match column {
                $noun::Column::TaskId => Asked::OfTasks,
                _ => Asked::Themselves,
            };
            let columns = ($noun::Column::Id, $noun::Column::TaskId);
            said::<$noun::Entity>(scope, connection, moment, (asked, keys), columns, $task_of).await
        }
    )+};
}

said_on_tasks! {
    /// The status changes whose `column` (their id, or their task's) is one of `keys`, as they were at `moment`.
    status_changes => status_change, |row| Some(row.task_id);
    /// The notes whose `column` (their id, or their task's) is one of `keys`, as they were at `moment`.
    notes => note, |row| row.task_id;
    /// The chases whose `column` (their id, or their task's) is one of `keys`, as they were at `moment`.
    chases => chase, |row| Some(row.task_id);
}

async fn said<E>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    moment: &Moment,
    (asked, keys): (Asked, &[Uuid]),
    (id, task): (E::Column, E::Column),
    task_of: fn(&E::Model) -> Option<TaskId>,
) -> Result<Vec<E::Model>, Unanswered>
where
    E: Scoped,
    E::Model: ModelTrait<Entity = E>,
{
    let column = if asked == Asked::OfTasks { task } else { id };
    let mut rows = read::by_keys::<E>(scope, connection, column, keys).await?;
    let tasks: BTreeSet<Uuid> = match asked {
        Asked::OfTasks => keys.iter().copied().collect(),
        Asked::Themselves => rows.iter().filter_map(task_of).map(|task| task.0).collect(),
    };
    let of_tasks: Vec<Uuid> = tasks.iter().copied().collect();
    let past = Past::filed(connection, moment, activity::Column::TaskId, &of_tasks).await?;
    if asked == Asked::OfTasks {
        // What was taken from a task is told there, with all that it said.
        let taken = tasks.iter().flat_map(|task| past.had("task_id", *task));
        let taken = taken.filter(|id| rows.iter().all(|row| row::id::<E>(row) != *id));
        let taken: Vec<Uuid> = taken.collect();
        rows.extend(read::by_keys::<E>(scope, connection, id, &taken).await?);
    }
    rows.retain(|row| !past.was_unknown(row::id::<E>(row), "identifier"));
    for row in &mut rows {
        past.restore(row::id::<E>(row), row, same)?;
    }
    if asked == Asked::OfTasks {
        rows.retain(|row| task_of(row).is_some_and(|task| tasks.contains(&task.0)));
    } else if matches!(scope, Scope::Claims(_)) {
        // Their task has to be one that the viewer may see as it was.
        let of: Vec<Uuid> = rows.iter().filter_map(task_of).map(|task| task.0).collect();
        let seen = super::tasks(scope, connection, moment, &of).await?;
        let seen: BTreeSet<TaskId> = seen.iter().map(|row| row.id).collect();
        rows.retain(|row| task_of(row).is_none_or(|task| seen.contains(&task)));
    }
    Ok(rows)
}
