//! Reads of the operator's map from status names to types. It is joined at read and never stored on a task.

use std::collections::HashMap;

use entity::{StatusTypeName, status_type};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use crate::domain::scope::Scope;

/// Stands for every tenant, or for every status.
const ANY: &str = "*";

/// The map for some tenants.
#[derive(Clone, Debug, Default)]
pub struct StatusTypes(HashMap<(String, String), StatusTypeName>);

impl StatusTypes {
    /// The type of a status: as mapped for its tenant by name, for all tenants by name, then for all other names.
    pub fn of(&self, tenant: &str, status: &str) -> StatusTypeName {
        let name = status.to_lowercase();
        [
            (tenant, name.as_str()),
            (ANY, &name),
            (tenant, ANY),
            (ANY, ANY),
        ]
        .into_iter()
        .find_map(|(tenant, name)| self.0.get(&(tenant.to_owned(), name.to_owned())))
        .copied()
        .unwrap_or(StatusTypeName::Unknown)
    }
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
    let entry = |row: status_type::Model| ((row.tenant, row.status), row.status_type);
    Ok(StatusTypes(rows.into_iter().map(entry).collect()))
}
