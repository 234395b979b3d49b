//! Table `activity`: one append-only row for each thing that happened, numbered in commit order. The filed-under columns are written once, as known at commit.

use crate::{
    ActivityId, ActivityKind, BuildingId, Change, DeliveryId, IncidentId, Json, PropertyId, SiteId,
    TaskId, ZoneId,
};
use sea_orm::entity::prelude::*;

/// One row of `activity`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activity")]
pub struct Model {
    /// The number in commit order: the feed cursor.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// Derived from the event key.
    #[sea_orm(unique)]
    pub id: ActivityId,
    /// What it tells.
    pub kind: ActivityKind,
    /// When it happened, by the platform's clock.
    pub occurred_at: DateTimeUtc,
    /// When caretaker made it durable.
    pub recorded_at: DateTimeUtc,
    /// Whether something that happened later was already known of the same thing.
    pub late: bool,
    /// The row it is about, as the fact alone says: an incident, task, status change, note, chase, zone, level or site.
    pub subject_id: Uuid,
    /// The site it was told for.
    pub site_id: Option<SiteId>,
    /// Filed under this property.
    pub property_id: Option<PropertyId>,
    /// Filed under this building.
    pub building_id: Option<BuildingId>,
    /// Filed under this zone.
    pub zone_id: Option<ZoneId>,
    /// Filed under this incident.
    pub incident_id: Option<IncidentId>,
    /// Filed under this task.
    pub task_id: Option<TaskId>,
    /// Filed under this Urgent tenant.
    pub tenant: Option<String>,
    /// The delivery that told it; null for what caretaker noticed itself.
    pub delivery_id: Option<DeliveryId>,
    /// The fields it changed.
    pub changes: Json<Vec<Change>>,
    /// What it says beside the changes: the text of a note, the whole of an unknown event.
    pub data: Option<Json<serde_json::Value>>,
    /// The [`GENERATION`] of the release that wrote it; 0 for those that did not write it.
    pub generation: i32,
}

crate::stored::stored!(
    seq,
    id,
    kind,
    occurred_at,
    recorded_at,
    late,
    subject_id,
    site_id,
    property_id,
    building_id,
    zone_id,
    incident_id,
    task_id,
    tenant,
    delivery_id,
    changes,
    data,
    generation,
);

/// Counts the releases that keep something of what they are told which the release before them did not. What an activity
/// of a lesser generation speaks of is gone through again.
pub const GENERATION: i32 = 1;

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
