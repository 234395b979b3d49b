//! Table `note`: a note on an Urgent task.

use crate::{Json, NoteId, TaskId, Version};
use sea_orm::entity::prelude::*;

/// One row of `note`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "note")]
pub struct Model {
    /// Derived from (tenant, NoteIdentifier).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: NoteId,
    /// The task; null while it is not known which of several (or none) it belongs to.
    pub task_id: Option<TaskId>,
    /// Whether the call named the task by its identifier.
    pub is_task_named: bool,
    /// The Urgent tenant.
    pub tenant: String,
    /// TaskReference as text; empty when the call names the task by its identifier alone.
    pub reference: String,
    /// NoteIdentifier (a GUID).
    pub identifier: String,
    /// The text of the version shown.
    pub text: String,
    /// NoteDateTimeUtc.
    pub noted_at: DateTimeUtc,
    /// Which of the versions told this row shows.
    pub version: Json<Version>,
}

crate::stored::stored!(
    id,
    task_id,
    is_task_named,
    tenant,
    reference,
    identifier,
    text,
    noted_at,
    version,
);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
