//! The closed vocabularies that are stored as text. A platform's word that is not listed becomes `UNKNOWN`
//! and keeps its original beside it in a `…_raw` column.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The platform that a row comes from.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Source {
    /// SmartClean Matrix.
    #[default]
    Matrix,
    /// Techniche Urgent.
    Urgent,
}

/// How urgent a piece of Matrix work is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Priority {
    /// "H"
    #[default]
    High,
    /// "M"
    Medium,
    /// "N"
    Normal,
    /// "L"
    Low,
    /// Any other word, or none.
    Unknown,
}

/// The state of an incident or of a Matrix task.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkState {
    /// Reported; nobody has it yet.
    #[default]
    NotAssigned,
    /// Somebody has it.
    Assigned,
    /// Waiting.
    Pending,
    /// Work is under way.
    Started,
    /// Done.
    Completed,
    /// Ended without being done.
    Incomplete,
    /// Any other word, or none.
    Unknown,
}

/// What sort of work a task is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskKind {
    /// A Matrix task of its own, such as a planned clean.
    #[default]
    Scheduled,
    /// The work order that Matrix runs for an incident.
    IncidentWork,
    /// An Urgent maintenance task.
    Maintenance,
}

/// What an activity tells.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActivityKind {
    /// INCIDENT_CREATED, INCIDENT_CREATED_OPEN, NEW_INCIDENT_CREATED_OPEN
    #[default]
    IncidentReported,
    /// INCIDENT_ESCALATED
    IncidentEscalated,
    /// INCIDENT_STARTED
    IncidentStarted,
    /// INCIDENT_COMPLETED
    IncidentCompleted,
    /// INCIDENT_INCOMPLETE
    IncidentNotResolved,
    /// Urgent "task created"
    TaskCreated,
    /// Urgent "task changed"
    TaskChanged,
    /// TASK_STARTED
    TaskStarted,
    /// TASK_COMPLETED
    TaskCompleted,
    /// TASK_INCOMPLETE
    TaskNotResolved,
    /// Urgent "status changed"
    StatusChanged,
    /// Urgent "note added"
    NoteAdded,
    /// Urgent "task chased"
    TaskChased,
    /// ZONE_CREATED, ZONE_NAME_MODIFIED, ZONE_STATUS_MODIFIED, ZONE_REMOVED
    ZoneChanged,
    /// LEVEL_CREATED, LEVEL_NAME_MODIFIED
    LevelChanged,
    /// Things known apart turned out to belong together.
    Linked,
    /// Something known was told otherwise: what it shows, or where it stands, is another than before.
    Corrected,
    /// A deadline came near.
    SlaAtRisk,
    /// A deadline passed.
    SlaBreached,
    /// Shifts, audits and whatever is not known yet.
    OtherEvent,
}

/// The calls that platforms make to caretaker.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Operation {
    /// A batch of the Matrix Event Bus.
    #[default]
    Events,
    /// Urgent "task created".
    TaskCreated,
    /// Urgent "task changed".
    TaskChanged,
    /// Urgent "status changed".
    StatusChanged,
    /// Urgent "note added".
    NoteAdded,
    /// Urgent "task chased".
    TaskChased,
}

/// What became of a delivery.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// All of it is in the model.
    #[default]
    Applied,
    /// A part is in the model, the rest is quarantined.
    PartlyQuarantined,
    /// It said only what was known already.
    Duplicate,
    /// It contradicts what was said before under the same identifier.
    Conflict,
    /// None of it could be understood.
    Rejected,
}

/// The four types that every Urgent status belongs to.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StatusTypeName {
    /// Not dispatched yet.
    #[default]
    New,
    /// Being dealt with.
    Open,
    /// Done.
    Closed,
    /// Called off.
    Cancelled,
    /// Not mapped by the operator.
    Unknown,
}

/// Who declared something that operators decide.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Declarer {
    /// The settings of a server.
    #[default]
    Settings,
    /// An operator, by a mutation.
    Operator,
}

/// What can be found by words.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(
    rs_type = "String",
    db_type = "Text",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Searched {
    /// A building, by its name.
    Building,
    /// A zone, by its name.
    Zone,
    /// An incident, by its name and description.
    Incident,
    /// A task, by its name and description, and by the notes on it and on its status changes.
    Task,
}
