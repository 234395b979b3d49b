//! Table `incident`: something that needs somebody, reported by a sensor or a person through Matrix.

use crate::{BuildingId, IncidentId, Json, Priority, SetBy, SiteId, TaskId, WorkState, ZoneId};
use sea_orm::entity::prelude::*;

/// One row of `incident`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "incident")]
pub struct Model {
    /// Derived from (Matrix building, TaskId).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IncidentId,
    /// The site it was told for.
    pub site_id: SiteId,
    /// The building it is in now.
    pub building_id: BuildingId,
    /// The zone it is in.
    pub zone_id: Option<ZoneId>,
    /// Matrix's TaskId.
    pub code: String,
    /// Matrix's own work order for it.
    pub task_id: TaskId,
    /// `Meta.Name`.
    pub name: Option<String>,
    /// The `Description` of the event.
    pub description: Option<String>,
    /// `Meta.By`: the kind of sensor, or the person's app.
    pub kind: Option<String>,
    /// `Meta.Priority`.
    pub priority: Priority,
    /// `Meta.Priority` as sent.
    pub priority_raw: Option<String>,
    /// The state of the latest event by event time.
    pub state: WorkState,
    /// `Meta.Status` as sent.
    pub state_raw: Option<String>,
    /// Whether the state is one in which somebody still has to act.
    pub is_open: bool,
    /// The latest escalation level; L0 is 0.
    pub escalation_level: i32,
    /// The highest escalation level ever told.
    pub highest_escalation_level: i32,
    /// The earliest Start or event time.
    pub reported_at: DateTimeUtc,
    /// The Start of the latest event once it was assigned.
    pub assigned_at: Option<DateTimeUtc>,
    /// `Meta.End`.
    pub due_at: Option<DateTimeUtc>,
    /// `Meta.AStart`.
    pub started_at: Option<DateTimeUtc>,
    /// `Meta.AEnd`, as last told.
    pub ended_at: Option<DateTimeUtc>,
    /// `ended_at` while the state is a closed one.
    pub completed_at: Option<DateTimeUtc>,
    /// `Meta.SourceDeviceIdentifier`.
    pub sensors: Json<Vec<String>>,
    /// When work on it should have begun; none when no such clock runs.
    pub sla_start_by: Option<DateTimeUtc>,
    /// When it should be dealt with; none when no such clock runs.
    pub sla_due_at: Option<DateTimeUtc>,
    /// The first of its deadlines that is or will be missed if nothing more happens.
    pub sla_miss_at: Option<DateTimeUtc>,
    /// When the next pending deadline becomes doubtful.
    pub sla_risk_at: Option<DateTimeUtc>,
    /// When an event first told it to have ended.
    pub first_ended_at: Option<DateTimeUtc>,
    /// When an event last told it to be open.
    pub last_open_at: Option<DateTimeUtc>,
    /// `last_open_at` where that is after `first_ended_at`.
    pub reopened_at: Option<DateTimeUtc>,
    /// When the latest activity on it happened.
    pub last_activity_at: DateTimeUtc,
    /// Which fact set which field.
    pub set_by: Json<SetBy>,
}

crate::stored::stored!(
    id,
    site_id,
    building_id,
    zone_id,
    code,
    task_id,
    name,
    description,
    kind,
    priority,
    priority_raw,
    state,
    state_raw,
    is_open,
    escalation_level,
    highest_escalation_level,
    reported_at,
    assigned_at,
    due_at,
    started_at,
    ended_at,
    completed_at,
    sensors,
    sla_start_by,
    sla_due_at,
    sla_miss_at,
    sla_risk_at,
    first_ended_at,
    last_open_at,
    reopened_at,
    last_activity_at,
    set_by,
);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
