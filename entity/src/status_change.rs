//! Table `status_change`: one change of an Urgent task's status, with the compliance answers and the downtime told with it.

use crate::{Json, StatusChangeId, TaskId, Version};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// One compliance question and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compliance {
    /// The question.
    pub name: String,
    /// The answer, whatever scalar it was, as text; null when none was given.
    pub answer: Option<String>,
}

/// One row of `status_change`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "status_change")]
pub struct Model {
    /// Derived from (tenant, StatusChangeIdentifier).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StatusChangeId,
    /// The task.
    pub task_id: TaskId,
    /// The Urgent tenant.
    pub tenant: String,
    /// StatusChangeIdentifier (a GUID).
    pub identifier: String,
    /// The name of the status in the language of the version shown.
    pub status: String,
    /// StatusChangeDateTimeUtc.
    pub changed_at: DateTimeUtc,
    /// The note given with it.
    pub note: Option<String>,
    /// The compliance answers given with it.
    pub compliance: Json<Vec<Compliance>>,
    /// AssetDowntime/Reason.
    pub downtime_reason: Option<String>,
    /// AssetDowntime/IsAssetBackUp.
    pub is_asset_back_up: Option<bool>,
    /// Which of the versions told this row shows.
    pub version: Json<Version>,
}

crate::stored::stored!(
    id,
    task_id,
    tenant,
    identifier,
    status,
    changed_at,
    note,
    compliance,
    downtime_reason,
    is_asset_back_up,
    version,
);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
