//! Incidents.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use entity::incident;

use super::Sla;
use crate::domain::sla::Deadlines;
use crate::graphql::duration::Duration;
use crate::graphql::enums::{Priority, WorkState};
use crate::graphql::id::{GlobalId, Kind};
use crate::graphql::slot::Slots;
use crate::graphql::written::written;

/// Something that needs somebody, reported by a sensor or a person through Matrix.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Incident {
    /// The global id.
    id: GlobalId,
    /// Matrix's `TaskId`, which Urgent's `ExternalIdentifier` repeats.
    code: String,
    /// What it is called (Matrix: `Meta.Name`); null when none was told.
    name: Option<String>,
    /// The description of the event; null when none was told.
    description: Option<String>,
    /// What reported it (Matrix: `Meta.By`): the kind of sensor, or the person's app; null when none was told.
    kind: Option<String>,
    /// How urgent it is (Matrix: `Meta.Priority`).
    priority: Priority,
    /// The priority as Matrix sent it; null when it sent none.
    priority_raw: Option<String>,
    /// The state that the latest event tells, by the time of the events.
    state: WorkState,
    /// The state as Matrix sent it (`Meta.Status`); null when it sent none.
    state_raw: Option<String>,
    /// Whether somebody still has to act.
    is_open: bool,
    /// The latest escalation level; Matrix's `L0` is 0.
    escalation_level: i32,
    /// The highest escalation level it ever had.
    highest_escalation_level: i32,
    /// When it was reported (UTC): the earliest start or event that was told.
    reported_at: DateTime<Utc>,
    /// When somebody got it (UTC); null while nobody has.
    assigned_at: Option<DateTime<Utc>>,
    /// When it should be dealt with (UTC, Matrix: `Meta.End`); null when no deadline was told.
    due_at: Option<DateTime<Utc>>,
    /// When work on it began (UTC, Matrix: `Meta.AStart`); null while it has not.
    started_at: Option<DateTime<Utc>>,
    /// When it was dealt with (UTC, Matrix: `Meta.AEnd`); null while it is open.
    completed_at: Option<DateTime<Utc>>,
    /// When it was told to be open again after it had ended (UTC), the last time; null when it never was.
    reopened_at: Option<DateTime<Utc>>,
    /// How it stands to its deadlines.
    sla: Sla,
    /// From its assignment to the beginning of work; null while either is not known.
    response_time: Option<Duration>,
    /// From its assignment until it was dealt with; null while it is open.
    resolution_time: Option<Duration>,
    /// The devices that reported it (Matrix: `Meta.SourceDeviceIdentifier`); empty when none were told.
    sensors: Vec<String>,
    /// When the latest activity on it happened (UTC).
    last_activity_at: DateTime<Utc>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Incident {
    id, code, name, description, kind, priority, priority_raw, state, state_raw, is_open,
    escalation_level, highest_escalation_level, reported_at, assigned_at, due_at, started_at,
    completed_at, reopened_at, sla, response_time, resolution_time, sensors, last_activity_at,
} and slots);

impl Incident {
    pub(in crate::graphql) fn new(row: incident::Model, slots: Slots, now: DateTime<Utc>) -> Self {
        let since_assigned = |time: Option<DateTime<Utc>>| Some(Duration(time? - row.assigned_at?));
        Self {
            sla: Sla::new(Deadlines::stored(&row), now),
            response_time: since_assigned(row.started_at),
            resolution_time: since_assigned(row.completed_at),
            id: GlobalId(Kind::Incident, row.id.0),
            code: row.code,
            name: row.name,
            description: row.description,
            kind: row.kind,
            priority: row.priority.into(),
            priority_raw: row.priority_raw,
            state: row.state.into(),
            state_raw: row.state_raw,
            is_open: row.is_open,
            escalation_level: row.escalation_level,
            highest_escalation_level: row.highest_escalation_level,
            reported_at: row.reported_at,
            assigned_at: row.assigned_at,
            due_at: row.due_at,
            started_at: row.started_at,
            completed_at: row.completed_at,
            reopened_at: row.reopened_at,
            sensors: row.sensors.0,
            last_activity_at: row.last_activity_at,
            slots,
        }
    }
}
