//! Table `chase`: one chasing of an Urgent task.

use crate::{ChaseId, Json, TaskId, Version};
use sea_orm::entity::prelude::*;

/// One row of `chase`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "chase")]
pub struct Model {
    /// Derived from (tenant, ChaseIdentifier).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChaseId,
    /// The task.
    pub task_id: TaskId,
    /// The Urgent tenant.
    pub tenant: String,
    /// ChaseIdentifier (a GUID).
    pub identifier: String,
    /// The text of the version shown.
    pub text: String,
    /// ChasedDateTimeUtc.
    pub chased_at: DateTimeUtc,
    /// Which of the versions told this row shows.
    pub version: Json<Version>,
}

crate::stored::stored!(id, task_id, tenant, identifier, text, chased_at, version,);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
