//! The enums of the schema, in the words of the API's reader.

use async_graphql::Enum;

/// The platform that something comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::Source")]
pub enum Source {
    /// SmartClean Matrix: cleaning, sensors and incidents.
    Matrix,
    /// Techniche Urgent: maintenance tasks.
    Urgent,
}

/// How urgent a piece of Matrix work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::Priority")]
pub enum Priority {
    /// Matrix sends `H`.
    High,
    /// Matrix sends `M`.
    Medium,
    /// Matrix sends `N`.
    Normal,
    /// Matrix sends `L`.
    Low,
    /// Another word, or none: the field with `Raw` in its name has it as sent.
    Unknown,
}

/// How an incident stands to its deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Enum)]
#[graphql(remote = "crate::domain::sla::SlaState")]
pub enum SlaState {
    /// There is time.
    OnTrack,
    /// Little of the window is left: a quarter, unless the operator says otherwise.
    AtRisk,
    /// A deadline was missed, whether or not it was dealt with afterwards.
    Breached,
    /// It was dealt with, and no deadline was missed.
    Met,
    /// No clock runs: nobody has it, or no deadline is known.
    NotApplicable,
}

/// The state of an incident or of a Matrix task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::WorkState")]
pub enum WorkState {
    /// Reported; nobody has it yet.
    NotAssigned,
    /// Somebody has it.
    Assigned,
    /// It waits.
    Pending,
    /// Somebody works on it.
    Started,
    /// It is done.
    Completed,
    /// It ended without being done.
    Incomplete,
    /// Another word, or none: the field with `Raw` in its name has it as sent.
    Unknown,
}

/// The stretches of time that statistics are cut into, by the clock of a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::domain::statistics::Bucket")]
pub enum Bucket {
    /// From full hour to full hour. An hour that the clock shows twice is two.
    Hour,
    /// From midnight to midnight: 23 or 25 hours where the clock is put forward or back by one.
    Day,
    /// From Monday to Monday (ISO 8601).
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

/// What sort of work a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::TaskKind")]
pub enum TaskKind {
    /// A Matrix task of its own, such as a planned clean.
    Scheduled,
    /// The work order that Matrix runs for an incident. Lists leave these out unless a filter asks for a kind.
    IncidentWork,
    /// An Urgent maintenance task.
    Maintenance,
}

/// The type that a status of Urgent belongs to, as the operator of caretaker mapped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::StatusTypeName")]
pub enum StatusType {
    /// Not dispatched yet.
    New,
    /// Being dealt with.
    Open,
    /// Done.
    Closed,
    /// Called off.
    Cancelled,
    /// Not mapped.
    Unknown,
}

/// What an activity tells. Each kind is an object type of its own that implements `Activity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::ActivityKind")]
pub enum ActivityKind {
    /// An incident was reported.
    IncidentReported,
    /// An incident was escalated.
    IncidentEscalated,
    /// Work on an incident began.
    IncidentStarted,
    /// An incident was dealt with.
    IncidentCompleted,
    /// Work on an incident ended without success.
    IncidentNotResolved,
    /// A maintenance task was created.
    TaskCreated,
    /// The description of a maintenance task changed.
    TaskChanged,
    /// Work on a Matrix task began.
    TaskStarted,
    /// A Matrix task was done.
    TaskCompleted,
    /// A Matrix task ended without success.
    TaskNotResolved,
    /// The status of a maintenance task changed.
    StatusChanged,
    /// A note was added to a maintenance task.
    NoteAdded,
    /// Somebody chased a maintenance task.
    TaskChased,
    /// A zone was created, renamed, given a status or removed.
    ZoneChanged,
    /// A floor was created or renamed.
    LevelChanged,
    /// Things known apart turned out to belong together.
    Linked,
    /// Something known was told in other words, or no longer belongs where it was.
    Corrected,
    /// A deadline came near.
    SlaAtRisk,
    /// A deadline passed.
    SlaBreached,
    /// Something that caretaker keeps whole but does not interpret: shifts, audits, unknown events.
    OtherEvent,
}

/// The calls that platforms make to caretaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::Operation")]
pub enum Operation {
    /// A batch of events of Matrix.
    Events,
    /// Urgent: task created.
    TaskCreated,
    /// Urgent: task changed.
    TaskChanged,
    /// Urgent: status changed.
    StatusChanged,
    /// Urgent: note added.
    NoteAdded,
    /// Urgent: task chased.
    TaskChased,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::Outcome")]
pub enum Outcome {
    /// All of it was taken in.
    Applied,
    /// A part was taken in, the rest is quarantined.
    PartlyQuarantined,
    /// It said only what was known already.
    Duplicate,
    /// It contradicts what was said before under the same identifier.
    Conflict,
    /// None of it could be understood.
    Rejected,
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Direction {
    /// Smallest or earliest first; what has no value comes last.
    Asc,
    /// Greatest or latest first; what has no value comes first.
    Desc,
}

impl From<Direction> for crate::domain::page::Direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Asc => Self::Ascending,
            Direction::Desc => Self::Descending,
        }
    }
}
