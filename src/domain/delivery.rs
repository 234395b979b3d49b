//! A call on its way to the writer: who sent it, its bytes, and what the decoder made of them. `read` finds kept ones.

pub mod read;

use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::{DeliveryId, Operation, Outcome, Source};

use super::fact::Fact;

/// An authentic call, decoded.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Derived from (source, operation, signed time, body hash).
    pub id: DeliveryId,
    /// The platform.
    pub source: Source,
    /// The call.
    pub operation: Operation,
    /// The name of the credential that proved the sender.
    pub credential: String,
    /// Its position in the settings, from 0.
    pub credential_position: u32,
    /// The time that was signed with the call, exactly as sent.
    pub signed_at: Option<String>,
    /// SHA-256 of the body, hexadecimal.
    pub body_hash: String,
    /// The body exactly as received.
    pub body: Vec<u8>,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// What the decoder made of it.
    pub content: Content,
}

/// What a decoder made of a body.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// What it says, each with the position of its element in the batch; shared with the thread that folds it.
    pub facts: Vec<(usize, Arc<Fact>)>,
    /// Where the elements of the facts stand, by their positions.
    pub origins: Vec<Origin>,
    /// What could not be understood.
    pub misfits: Vec<Misfit>,
    /// What is odd but accepted: `JSON path: what`.
    pub flags: Vec<String>,
}

/// Where an element stands in its call: what the quarantine shows should the database refuse it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The position of the element, that of its fact.
    pub element: usize,
    /// The JSON path, such as `$[0].Body[3]`.
    pub path: String,
    /// The element.
    pub text: Text,
}

/// The text of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// These bytes of the body.
    OfBody(Range<usize>),
    /// What stood in another text.
    Own(String),
}

/// As many bytes of a refused body or element as a misfit repeats; the whole of it is kept with the delivery.
pub const EXCERPT: usize = 64 * 1024;

/// Something that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The position of the element in a batch; null when the body as a whole is meant.
    pub element: Option<usize>,
    /// The JSON path, such as `$[3].Meta.TaskId`.
    pub path: String,
    /// What was wrong and what was expected, in plain words.
    pub reason: String,
    /// The element as received.
    pub content: String,
}

/// What became of a delivery, told to the caller after the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The delivery.
    pub id: DeliveryId,
    /// What became of it.
    pub outcome: Outcome,
    /// Elements quarantined, including those the database refused.
    pub quarantined: usize,
    /// Facts that were news.
    pub applied: usize,
    /// Elements that had been quarantined before and went through this time.
    pub resolved: usize,
    /// Whether the transaction that stored it appended activities, this delivery's or those of its neighbours.
    pub is_told: bool,
}

/// Why a delivery is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It arrived, perhaps not for the first time.
    Arrival,
    /// It is kept and is driven again: it did not come once more.
    Replay,
    /// It is folded into a side database, where only the model counts and no call is kept.
    Rebuild,
}
