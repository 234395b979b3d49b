//! What a call says, in our words: the one value in which every platform's decoder ends and from which the fold starts.
//! Facts are already checked for shape; times are whole microseconds; nothing here knows a wire format.

use chrono::{DateTime, Utc};
use entity::status_change::Compliance;
use entity::{ActivityId, ActivityKind, Priority, Setter, Version, WorkState};
use serde_json::Value;

/// One thing that a platform said.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Derived from the event key: two facts with one id are one fact.
    pub id: ActivityId,
    /// What it tells.
    pub kind: ActivityKind,
    /// When it happened, by the platform's clock, in whole microseconds.
    pub occurred_at: DateTime<Utc>,
    /// What it says of whom.
    pub what: What,
    /// What the activity shows beside the changes (the text of a note, the whole of an unknown event).
    pub data: Option<Value>,
}

/// What a fact says of whom.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An incident was reported, escalated, started or ended.
    Incident(Work),
    /// A Matrix task was started or ended.
    MatrixTask(Work),
    /// A zone was created, renamed, given a status or removed.
    Zone(ZoneEvent),
    /// A level was created or renamed.
    Level(LevelEvent),
    /// An Urgent task was described ("created" or "changed").
    Description(Box<Description>),
    /// The status of an Urgent task changed.
    Status(StatusChange),
    /// A note was added to an Urgent task.
    Note(Note),
    /// An Urgent task was chased.
    Chase(Chase),
    /// Anything else: kept whole, filed under the place.
    Other(Place),
}

/// A word of a platform with its meaning in ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<T> {
    /// What it means; `UNKNOWN` for a word we do not know.
    pub meaning: T,
    /// The word as sent.
    pub raw: String,
}

/// Where in Matrix's world something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The Matrix building id; null for events of a property or an organisation only.
    pub building: Option<String>,
    /// The Matrix property id.
    pub property: Option<String>,
    /// The zone, where one is named.
    pub zone: Option<NamedPlace>,
    /// The level, where one is named.
    pub level: Option<NamedPlace>,
}

/// A zone or level as mentioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPlace {
    /// The platform's id.
    pub code: String,
    /// Its name, where one is given.
    pub name: Option<String>,
}

/// The stages of Matrix work: the tie-break between events of one second, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// INCIDENT_CREATED
    Created = 1,
    /// INCIDENT_CREATED_OPEN
    Open = 2,
    /// INCIDENT_ESCALATED
    Escalated = 3,
    /// …_STARTED
    Started = 4,
    /// …_INCOMPLETE
    Incomplete = 5,
    /// …_COMPLETED
    Completed = 6,
}

/// An event of an incident or of a Matrix task. `None` means not told (absent, or 0 in a time) and writes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// Where it is; the building is part of the identity.
    pub building: String,
    /// The property, the zone and the level it is filed under.
    pub place: Place,
    /// Matrix's TaskId.
    pub code: String,
    /// The stage that the event stands for.
    pub stage: Stage,
    /// `Meta.Name`.
    pub name: Option<String>,
    /// `Description`.
    pub description: Option<String>,
    /// `Meta.By`.
    pub kind: Option<String>,
    /// `Meta.Priority`.
    pub priority: Option<Word<Priority>>,
    /// `Meta.Status`, else what the event's name says.
    pub state: Word<WorkState>,
    /// `Meta.EscalationLevel` as a number: L2 is 2.
    pub escalation_level: Option<i32>,
    /// `Meta.Start`: created, or assigned once it was.
    pub start: Option<DateTime<Utc>>,
    /// `Meta.End`: due.
    pub due: Option<DateTime<Utc>>,
    /// `Meta.AStart`: work started.
    pub started: Option<DateTime<Utc>>,
    /// `Meta.AEnd`: work ended.
    pub ended: Option<DateTime<Utc>>,
    /// `Meta.SourceDeviceIdentifier`.
    pub sensors: Option<Vec<String>>,
}

/// What happened to a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneEvent {
    /// The building that the zone is in.
    pub building: String,
    /// The property and the level.
    pub place: Place,
    /// The zone.
    pub zone: NamedPlace,
    /// Its status, where one is given.
    pub status: Option<String>,
    /// Whether it was created (`Some(false)`) or removed (`Some(true)`).
    pub removed: Option<bool>,
}

/// What happened to a level.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelEvent {
    /// The building that the level is in.
    pub building: String,
    /// The property.
    pub place: Place,
    /// The level.
    pub level: NamedPlace,
}

/// Whether a member of a description was there, and if so what it said.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Told<T> {
    /// Not mentioned.
    #[default]
    Absent,
    /// Explicitly null.
    Null,
    /// A value.
    Value(T),
}

impl<T> Told<T> {
    /// The same, with the value made into another.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Told<U> {
        match self {
            Self::Absent => Told::Absent,
            Self::Null => Told::Null,
            Self::Value(value) => Told::Value(make(value)),
        }
    }
}

/// The "Read Task" JSON of "task created" and "task changed".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// Tenant.
    pub tenant: String,
    /// TaskIdentifier, lower case.
    pub identifier: String,
    /// Whether it came as "changed": then it overwrites, and explicit nulls write.
    pub is_change: bool,
    /// The payload's own modification time, else the signed time.
    pub as_of: DateTime<Utc>,
    /// TaskReference as text.
    pub reference: Told<String>,
    /// ExternalIdentifier.
    pub external_identifier: Told<String>,
    /// InitiatorName.
    pub initiator: Told<String>,
    /// Description.
    pub description: Told<String>,
    /// DefectSource.
    pub defect_source: Told<String>,
    /// MatrixItemCode.
    pub category: Told<String>,
    /// Chargeability.
    pub chargeability: Told<String>,
    /// Workflow.
    pub workflow: Told<String>,
    /// ServiceLevel.
    pub service_level: Told<String>,
    /// Supplier.
    pub supplier: Told<String>,
    /// Assets.
    pub assets: Told<Vec<String>>,
    /// IsAssetAvailable.
    pub is_asset_available: Told<bool>,
    /// CustomFields.
    pub custom_fields: Told<Value>,
    /// Relate.
    pub related: Told<Value>,
    /// Status, a name in the user's language.
    pub status: Told<String>,
    /// The site, where a site code is given.
    pub site: Option<SiteDescription>,
    /// The whole JSON as text.
    pub raw: String,
}

/// A site as an Urgent description gives it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiteDescription {
    /// SiteCode.
    pub code: String,
    /// ParentCode.
    pub parent_code: Told<String>,
    /// Name.
    pub name: Told<String>,
    /// Address.
    pub address: Told<Value>,
    /// Location/Latitude, degrees north.
    pub latitude: Told<f64>,
    /// Location/Longitude, degrees east.
    pub longitude: Told<f64>,
}

/// An Urgent task as a call names it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskName {
    /// Tenant.
    pub tenant: String,
    /// TaskIdentifier, lower case; null only in notes.
    pub identifier: Option<String>,
    /// TaskReference as text.
    pub reference: String,
}

/// A change of status.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusChange {
    /// Tenant.
    pub tenant: String,
    /// TaskIdentifier, lower case.
    pub task: String,
    /// TaskReference as text.
    pub reference: String,
    /// StatusChangeIdentifier, lower case.
    pub identifier: String,
    /// Status, a name in the user's language.
    pub status: String,
    /// Note.
    pub note: Option<String>,
    /// TaskCompliance.
    pub compliance: Vec<Compliance>,
    /// AssetDowntime/Reason.
    pub downtime_reason: Option<String>,
    /// AssetDowntime/IsAssetBackUp.
    pub is_asset_back_up: Option<bool>,
    /// Which version of the act this is.
    pub version: Version,
}

/// A note.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The task as the call names it.
    pub task: TaskName,
    /// NoteIdentifier, lower case.
    pub identifier: String,
    /// Note.
    pub text: String,
    /// Which version of the act this is.
    pub version: Version,
}

/// A chase.
#[derive(Clone, Debug, PartialEq)]
pub struct Chase {
    /// Tenant.
    pub tenant: String,
    /// TaskIdentifier, lower case.
    pub task: String,
    /// TaskReference as text.
    pub reference: String,
    /// ChaseIdentifier, lower case.
    pub identifier: String,
    /// Note.
    pub text: String,
    /// Which version of the act this is.
    pub version: Version,
}

/// Classes of order keys: a mention gives way to a "created", a "created" to a "changed".
pub mod class {
    /// Named in passing (also: every Matrix event, which has no descriptions).
    pub const MENTION: u8 = 0;
    /// "Task created".
    pub const CREATED: u8 = 1;
    /// "Task changed".
    pub const CHANGED: u8 = 2;
}

impl Fact {
    /// The order key with which this fact writes fields: a field keeps the value with the greatest.
    pub fn setter(&self) -> Setter {
        let (class, at, stage) = match &self.what {
            What::Incident(work) | What::MatrixTask(work) => {
                (class::MENTION, self.occurred_at, work.stage as u8)
            }
            What::Zone(_) | What::Level(_) => {
                (class::MENTION, self.occurred_at, Stage::Completed as u8 + 1)
            }
            What::Description(description) => {
                let class = if description.is_change {
                    class::CHANGED
                } else {
                    class::CREATED
                };
                (class, description.as_of, 0)
            }
            What::Status(_) | What::Note(_) | What::Chase(_) | What::Other(_) => {
                (class::MENTION, self.occurred_at, 0)
            }
        };
        Setter(class, at.timestamp_micros(), stage, self.id.0)
    }
}
