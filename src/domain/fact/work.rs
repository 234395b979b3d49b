//! What Matrix says: of incidents and tasks, of zones and levels, and where they are.

use chrono::{DateTime, Utc};
use entity::{Priority, WorkState};

use super::Word;

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
    /// `Meta.Status`, else what the event's name says; an escalation says nothing of it.
    pub state: Option<Word<WorkState>>,
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
    /// Whether it was created, and not only given another name.
    pub created: bool,
}

/// The stages of a place: the tie-break between its events of one second, after those of the work in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceStage {
    /// …_CREATED
    Created = 7,
    /// …_NAME_MODIFIED, …_STATUS_MODIFIED
    Modified = 8,
    /// …_REMOVED
    Removed = 9,
}

impl ZoneEvent {
    /// The stage that the event stands for.
    pub fn stage(&self) -> PlaceStage {
        match self.removed {
            Some(false) => PlaceStage::Created,
            None => PlaceStage::Modified,
            Some(true) => PlaceStage::Removed,
        }
    }
}

impl LevelEvent {
    /// The stage that the event stands for.
    pub fn stage(&self) -> PlaceStage {
        if self.created {
            PlaceStage::Created
        } else {
            PlaceStage::Modified
        }
    }
}
