//! Reads of the operator's map from status names to types. It is joined at read and never stored on a task.

use std::collections::HashMap;

use entity::{StatusTypeName, status_type, task};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Statement};

use super::filter::{CLOSED_STATES, CLOSED_TYPES};
use super::{default, key};
use crate::domain::bulk::{self, Keys};
use crate::domain::read::visible;
use crate::domain::scope::Scope;

/// Stands for every tenant, or for every status.
pub(super) const ANY: &str = "*";

/// The map for some tenants.
#[derive(Clone, Debug, Default)]
pub struct StatusTypes(HashMap<(String, String), StatusTypeName>);

impl StatusTypes {
    /// The type of a status: as mapped for its tenant by name, for all tenants by name, then for all other names; what
    /// the operator mapped in none of these ways has the meaning of its [English name](super::default), if it is one.
    pub fn of(&self, tenant: &str, status: &str) -> StatusTypeName {
        self.of_key(tenant, &key(status))
    }

    /// The type of a status by its [`key`].
    pub(super) fn of_key(&self, tenant: &str, key: &str) -> StatusTypeName {
        [(tenant, key), (ANY, key), (tenant, ANY), (ANY, ANY)]
            .into_iter()
            .find_map(|(tenant, key)| self.0.get(&(tenant.to_owned(), key.to_owned())))
            .copied()
            .or_else(|| default::of_key(key))
            .unwrap_or(StatusTypeName::Unknown)
    }

    /// The names that mean something for a tenant though the operator does not speak of them.
    pub(super) fn defaults(&self, tenant: &str) -> impl Iterator<Item = &'static str> {
        let of_all = [tenant, ANY].map(|tenant| (tenant.to_owned(), ANY.to_owned()));
        let is_spoken_of = of_all.iter().any(|entry| self.0.contains_key(entry));
        default::names().filter(move |_| !is_spoken_of)
    }

    /// Whether somebody still has to act on a task; as [`super::filter::open`] asks.
    pub fn is_open(&self, task: &task::Model) -> bool {
        let is_type_closed = self
            .of_task(task)
            .is_some_and(|status_type| CLOSED_TYPES.contains(&status_type));
        let is_state_closed = task
            .state
            .is_some_and(|state| CLOSED_STATES.contains(&state));
        !is_type_closed && !is_state_closed
    }

    /// The type of a task's status; `None` without one.
    pub fn of_task(&self, task: &task::Model) -> Option<StatusTypeName> {
        Some(self.of(task.tenant.as_ref()?, task.status.as_ref()?))
    }

    /// The tenants and statuses that are mapped.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .keys()
            .map(|(tenant, status)| (tenant.as_str(), status.as_str()))
    }
}

/// The whole map as far as the viewer can meet it, in one statement.
///
/// # Errors
/// What the database says.
pub async fn all(scope: &Scope, connection: &impl ConnectionTrait) -> Result<StatusTypes, DbErr> {
    let visible = visible::<status_type::Entity>(scope, connection.get_database_backend());
    let rows = status_type::Entity::find().filter(visible);
    Ok(of_rows(rows.all(connection).await?))
}

/// The map for `tenants`, in one statement.
///
/// # Errors
/// What the database says.
pub async fn of_tenants(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    tenants: impl IntoIterator<Item = String>,
) -> Result<StatusTypes, DbErr> {
    let visible = visible::<status_type::Entity>(scope, connection.get_database_backend());
    let mut tenants: Vec<String> = tenants.into_iter().collect();
    tenants.push(ANY.to_owned());
    tenants.sort_unstable();
    tenants.dedup();
    let rows = status_type::Entity::find()
        .filter(status_type::Column::Tenant.is_in(tenants))
        .filter(visible)
        .all(connection)
        .await?;
    Ok(of_rows(rows))
}

/// A status name that means nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    /// The tenant.
    pub tenant: String,
    /// The name, in one of its spellings.
    pub status: String,
    /// How many tasks have it; none when they are more than are counted.
    pub tasks: Option<i64>,
}

/// The status names that mean nothing yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnmappedNames {
    /// The names, those of the most tasks first.
    pub names: Vec<Unmapped>,
    /// Whether there may be more.
    pub is_cut: bool,
}

/// How many names are looked at, mapped ones too.
const MOST_NAMES: usize = 500;
/// Up to how many tasks of a name are counted.
const MOST_COUNTED: i64 = 1_000;

/// From name to name by `task_status_key`, one look-up each: names are few, tasks are many.
const NAMES: &str = "WITH RECURSIVE found (tenant, status_key, status, nth) AS (
        SELECT first.tenant, first.status_key, first.status, 1 FROM task first WHERE first.id = (
            SELECT t.id FROM task t WHERE t.status_key IS NOT NULL
                ORDER BY t.tenant, t.status_key, t.status LIMIT 1)
        UNION ALL
        SELECT next.tenant, next.status_key, next.status, found.nth + 1
            FROM found JOIN task next ON next.id = (
                SELECT t.id FROM task t
                    WHERE t.status_key IS NOT NULL AND (t.tenant, t.status_key) > (found.tenant, found.status_key)
                    ORDER BY t.tenant, t.status_key, t.status LIMIT 1)
            WHERE found.nth < {most}
    )
    SELECT found.tenant, found.status, CASE WHEN NOT found.status_key IN {0} AND NOT EXISTS (
            SELECT 1 FROM status_type m
                WHERE m.tenant IN (found.tenant, '*') AND m.status IN (found.status_key, '*')
        ) THEN (SELECT COUNT(*) FROM (
            SELECT 1 FROM task c WHERE c.tenant = found.tenant AND c.status_key = found.status_key
                AND c.status_key IS NOT NULL LIMIT {counted}
        ) AS counted) END AS tasks
    FROM found";

/// The status names of tasks whose type is unknown, at most `most`, those of the most tasks first; one statement, which
/// looks at 500 names and counts up to 1,000 tasks of each.
///
/// # Errors
/// What the database says.
pub async fn unmapped(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    most: usize,
) -> Result<UnmappedNames, DbErr> {
    if !scope.is_operator() {
        return Ok(UnmappedNames::default());
    }
    let backend = connection.get_database_backend();
    let known: Vec<String> = default::names().map(str::to_owned).collect();
    let names = NAMES
        .replace("{most}", &MOST_NAMES.to_string())
        .replace("{counted}", &(MOST_COUNTED + 1).to_string());
    let mut sql = String::new();
    let values = bulk::place_keys(&mut sql, &names, &[Keys::Texts(&known)], backend);
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let rows = connection.query_all_raw(statement).await?;
    let is_full = rows.len() >= MOST_NAMES;
    let mut names = Vec::new();
    for row in rows {
        let tasks: Option<i64> = row.try_get_by_index(2)?;
        let Some(tasks) = tasks else { continue };
        names.push(Unmapped {
            tenant: row.try_get_by_index(0)?,
            status: row.try_get_by_index(1)?,
            tasks: Some(tasks).filter(|tasks| *tasks <= MOST_COUNTED),
        });
    }
    // They come by tenant and name; the sort keeps that among equals.
    names.sort_by_key(|name| std::cmp::Reverse(name.tasks.unwrap_or(i64::MAX)));
    let is_cut = is_full || names.len() > most;
    names.truncate(most);
    Ok(UnmappedNames { names, is_cut })
}

pub(super) fn of_rows(rows: Vec<status_type::Model>) -> StatusTypes {
    let entry = |row: status_type::Model| ((row.tenant, row.status), row.status_type);
    StatusTypes(rows.into_iter().map(entry).collect())
}
