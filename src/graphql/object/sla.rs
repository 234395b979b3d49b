//! How an incident stands to its deadlines.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

use crate::domain::sla::Deadlines;
use crate::graphql::duration::Duration;
use crate::graphql::enums::SlaState;
use crate::graphql::written::written;

/// How an incident stands to its deadlines, now.
#[derive(SimpleObject)]
pub struct Sla {
    /// Whether there is time, little of it, or none.
    state: SlaState,
    /// When work on it should begin (UTC); null where the operator sets no such deadline, or nobody has it.
    start_by: Option<DateTime<Utc>>,
    /// When it should be dealt with (UTC): what Matrix says (`Meta.End`), else the end of the window that its priority
    /// gives it from its assignment: 15 minutes for `HIGH`, 20 for `MEDIUM`, 30 for `NORMAL`, an hour for `LOW`. Null
    /// while nobody has it, and where neither is known.
    due_at: Option<DateTime<Utc>>,
    /// The first deadline that was missed (UTC); null when none was.
    breached_at: Option<DateTime<Utc>>,
    /// How long until the next deadline; null when none is pending.
    remaining: Option<Duration>,
}

written!(Sla {
    state,
    start_by,
    due_at,
    breached_at,
    remaining
});

impl Sla {
    pub(in crate::graphql) fn new(deadlines: Deadlines, now: DateTime<Utc>) -> Self {
        Self {
            state: deadlines.at(now).into(),
            start_by: deadlines.start_by,
            due_at: deadlines.due_at,
            breached_at: deadlines.breached_at(now),
            remaining: deadlines.remaining(now).map(Duration),
        }
    }
}
