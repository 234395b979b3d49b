//! Table `zone`: a part of a building: a Matrix zone, or an Urgent site below a building.

use crate::{BuildingId, Json, LevelId, SetBy, SiteId, Source, TaskId, ZoneId};
use sea_orm::entity::prelude::*;

/// One row of `zone`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "zone")]
pub struct Model {
    /// Derived from (Matrix building, zone id), or from the key of the Urgent site.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ZoneId,
    /// The platform that knows it.
    pub source: Source,
    /// The site it was told for (Matrix), or the site that it is (Urgent).
    pub site_id: SiteId,
    /// The building it is in now.
    pub building_id: BuildingId,
    /// The floor it is on.
    pub level_id: Option<LevelId>,
    /// The Matrix zone id, or the Urgent site code.
    pub code: String,
    /// Its name; null while none was told.
    pub name: Option<String>,
    /// Its status in the words of Matrix.
    pub status: Option<String>,
    /// When Matrix removed it; it stays in history.
    pub removed_at: Option<DateTimeUtc>,
    /// When the latest completed task in it ended; told anew with each batch that changes it.
    pub last_cleaned_at: Option<DateTimeUtc>,
    /// That task.
    pub last_cleaning_task_id: Option<TaskId>,
    /// How many open incidents it has; told anew with each batch that changes it.
    pub open_incident_count: i32,
    /// Which fact set which field.
    pub set_by: Json<SetBy>,
}

crate::stored::stored!(
    id,
    source,
    site_id,
    building_id,
    level_id,
    code,
    name,
    status,
    removed_at,
    last_cleaned_at,
    last_cleaning_task_id,
    open_incident_count,
    set_by,
);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
