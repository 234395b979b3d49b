//! What a call says, in our words: the one value in which every platform's decoder ends and from which the fold starts.
//! Facts are already checked for shape; times are whole microseconds; nothing here knows a wire format.

mod task;
mod work;

use chrono::{DateTime, Utc};
use entity::{ActivityId, ActivityKind, Setter};
use serde_json::Value;

pub use self::task::{
    Chase, Description, Note, SiteDescription, StatusChange, Stray, TaskName, Told,
};
pub use self::work::{LevelEvent, NamedPlace, Place, PlaceStage, Stage, Work, ZoneEvent};

/// One thing that a platform said.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Derived from the event key: two facts with one id are one fact.
    pub id: ActivityId,
    /// What it tells.
    pub kind: ActivityKind,
    /// When it happened, by the platform's clock, in whole microseconds.
    pub occurred_at: DateTime<Utc>,
    /// A hash of all that was said, where the event key leaves something out, else 0: facts with one id may still say
    /// different things, and the greater wins, whichever came first.
    pub content: u64,
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
    /// A call of Urgent of which it is not known which task it means: kept whole.
    Stray(Stray),
}

/// A word of a platform with its meaning in ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<T> {
    /// What it means; `UNKNOWN` for a word we do not know.
    pub meaning: T,
    /// The word as sent.
    pub raw: String,
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
            What::Zone(event) => (class::MENTION, self.occurred_at, event.stage() as u8),
            What::Level(event) => (class::MENTION, self.occurred_at, event.stage() as u8),
            What::Description(description) => {
                let class = if description.is_change {
                    class::CHANGED
                } else {
                    class::CREATED
                };
                (class, description.as_of, 0)
            }
            What::Status(_) | What::Note(_) | What::Chase(_) | What::Other(_) | What::Stray(_) => {
                (class::MENTION, self.occurred_at, 0)
            }
        };
        Setter(class, at.timestamp_micros(), stage, self.id.0, self.content)
    }
}
