//! Table `task`: a piece of work: an Urgent maintenance task, a Matrix task, or an incident's own work order.

use crate::{
    BuildingId, IncidentId, Json, Priority, SetBy, SiteId, Source, StatusChangeId, TaskId,
    TaskKind, WorkState, ZoneId,
};
use sea_orm::entity::prelude::*;

/// One row of `task`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "task")]
pub struct Model {
    /// Derived from (tenant, TaskIdentifier) or (Matrix building, TaskId).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaskId,
    /// The platform that runs it.
    pub source: Source,
    /// What sort of work it is.
    pub kind: TaskKind,
    /// The Urgent tenant; null for Matrix.
    pub tenant: Option<String>,
    /// TaskIdentifier (a GUID) or Matrix's TaskId.
    pub identifier: String,
    /// The Urgent TaskReference; not unique.
    pub reference: Option<String>,
    /// The caller's own reference; equals the TaskId of the incident it was made for.
    pub external_identifier: Option<String>,
    /// The site it was told for.
    pub site_id: Option<SiteId>,
    /// The building it is in now.
    pub building_id: Option<BuildingId>,
    /// The zone it is in.
    pub zone_id: Option<ZoneId>,
    /// The incident it belongs to.
    pub incident_id: Option<IncidentId>,
    /// `Meta.Name` (Matrix).
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// MatrixItemCode.
    pub category: Option<String>,
    /// ServiceLevel.
    pub service_level: Option<String>,
    /// Supplier.
    pub supplier: Option<String>,
    /// Workflow.
    pub workflow: Option<String>,
    /// InitiatorName, or `Meta.By`.
    pub initiator: Option<String>,
    /// DefectSource.
    pub defect_source: Option<String>,
    /// Chargeability.
    pub chargeability: Option<String>,
    /// `Meta.Priority` (Matrix).
    pub priority: Option<Priority>,
    /// `Meta.Priority` as sent.
    pub priority_raw: Option<String>,
    /// The state of a Matrix task.
    pub state: Option<WorkState>,
    /// `Meta.Status` as sent.
    pub state_raw: Option<String>,
    /// The Urgent status, a name in the user's language.
    pub status: Option<String>,
    /// The status in lower case, by which the operator's map is asked for its type.
    pub status_key: Option<String>,
    /// When that status was reached; null while no status change was told.
    pub status_at: Option<DateTimeUtc>,
    /// The status change that says so.
    pub status_change_id: Option<StatusChangeId>,
    /// The status named in a description; shown only while no status change was told.
    pub described_status: Option<String>,
    /// Whether a description ("created" or "changed", or a Matrix event) was told.
    pub is_described: bool,
    /// Assets (GUIDs).
    pub assets: Json<Vec<String>>,
    /// IsAssetAvailable.
    pub is_asset_available: Option<bool>,
    /// CustomFields as sent.
    pub custom_fields: Option<Json<serde_json::Value>>,
    /// Relate as sent.
    pub related: Option<Json<serde_json::Value>>,
    /// When it was first told of, by the platform's clock.
    pub reported_at: DateTimeUtc,
    /// `Meta.Start` once assigned.
    pub assigned_at: Option<DateTimeUtc>,
    /// `Meta.End`.
    pub due_at: Option<DateTimeUtc>,
    /// `Meta.AStart`.
    pub started_at: Option<DateTimeUtc>,
    /// `Meta.AEnd`, as last told.
    pub ended_at: Option<DateTimeUtc>,
    /// `ended_at` while the state is a closed one.
    pub completed_at: Option<DateTimeUtc>,
    /// How often it was chased.
    pub chase_count: i32,
    /// When it was chased last.
    pub last_chased_at: Option<DateTimeUtc>,
    /// The whole JSON of the latest description.
    pub raw: Option<String>,
    /// When the latest activity on it happened.
    pub last_activity_at: DateTimeUtc,
    /// Which fact set which field.
    pub set_by: Json<SetBy>,
}

crate::stored::stored!(
    id,
    source,
    kind,
    tenant,
    identifier,
    reference,
    external_identifier,
    site_id,
    building_id,
    zone_id,
    incident_id,
    name,
    description,
    category,
    service_level,
    supplier,
    workflow,
    initiator,
    defect_source,
    chargeability,
    priority,
    priority_raw,
    state,
    state_raw,
    status,
    status_key,
    status_at,
    status_change_id,
    described_status,
    is_described,
    assets,
    is_asset_available,
    custom_fields,
    related,
    reported_at,
    assigned_at,
    due_at,
    started_at,
    ended_at,
    completed_at,
    chase_count,
    last_chased_at,
    raw,
    last_activity_at,
    set_by,
);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
