//! Reads of the operator's map from status names to types. It is joined at read and never stored on a task.

use std::collections::HashMap;

use entity::{StatusTypeName, status_type, task};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, Statement,
};

use super::filter::{CLOSED_STATES, CLOSED_TYPES};
use super::{default, key};
use crate::domain::bulk::{self, Keys};
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

/// The whole map, in one statement.
///
/// # Errors
/// What the database says.
pub async fn all(_scope: &Scope, connection: &impl ConnectionTrait) -> Result<StatusTypes, DbErr> {
    Ok(of_rows(status_type::Entity::find().all(connection).await?))
}

/// The map for `tenants`, in one statement.
///
/// # Errors
/// What the database says.
pub async fn of_tenants(
    _scope: &Scope,
    connection: &impl ConnectionTrait,
    tenants: impl IntoIterator<Item = String>,
) -> Result<StatusTypes, DbErr> {
    let mut tenants: Vec<String> = tenants.into_iter().collect();
    tenants.push(ANY.to_owned());
    tenants.sort_unstable();
    tenants.dedup();
    let rows = status_type::Entity::find()
        .filter(status_type::Column::Tenant.is_in(tenants))
        .all(connection)
        .await?;
    Ok(of_rows(rows))
}

/// A status name that means nothing yet.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Unmapped {
    /// The tenant.
    pub tenant: String,
    /// The name, in one of its spellings.
    pub status: String,
    /// How many tasks have it.
    pub tasks: i64,
}

/// Grouped before it is looked up: names are few, tasks are many, and `task_status_key` has them in this order.
const UNMAPPED: &str = "SELECT found.tenant, found.status, found.tasks FROM (
        SELECT tenant, status_key, MIN(status) AS status, COUNT(*) AS tasks FROM task
        WHERE status_key IS NOT NULL GROUP BY tenant, status_key
    ) AS found
    WHERE found.status_key NOT IN {0} AND NOT EXISTS (
        SELECT 1 FROM status_type m
        WHERE m.tenant IN (found.tenant, '*') AND m.status IN (found.status_key, '*')
    )
    ORDER BY found.tasks DESC, found.tenant, found.status_key LIMIT ";

/// The status names of tasks whose type is unknown, at most `most`, those of the most tasks first; one statement.
///
/// # Errors
/// What the database says.
pub async fn unmapped(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    most: u64,
) -> Result<Vec<Unmapped>, DbErr> {
    if !scope.is_operator() {
        return Ok(Vec::new());
    }
    let backend = connection.get_database_backend();
    let known: Vec<String> = default::names().map(str::to_owned).collect();
    let mut sql = String::new();
    let values = bulk::place_keys(&mut sql, UNMAPPED, &[Keys::Texts(&known)], backend);
    sql.push_str(&most.to_string());
    let statement = Statement::from_sql_and_values(backend, sql, values);
    Unmapped::find_by_statement(statement).all(connection).await
}

pub(super) fn of_rows(rows: Vec<status_type::Model>) -> StatusTypes {
    let entry = |row: status_type::Model| ((row.tenant, row.status), row.status_type);
    StatusTypes(rows.into_iter().map(entry).collect())
}
