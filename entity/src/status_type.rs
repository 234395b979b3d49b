//! Table `status_type`: the operator's map from the status names of a tenant to the four types.

use crate::StatusTypeName;
use sea_orm::entity::prelude::*;

/// One row of `status_type`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "status_type")]
pub struct Model {
    /// The Urgent tenant; `*` for all.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The status name, lower-cased; `*` for all others.
    #[sea_orm(primary_key, auto_increment = false)]
    pub status: String,
    /// The type it means.
    pub status_type: StatusTypeName,
    /// The import that wrote it.
    pub version: i64,
}

crate::stored::stored!(tenant, status, status_type, version,);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
