//! Which incidents count for which number, by the rules of Matrix's own reports: resolution rate = completed / total;
//! response time = AStart − assigned; resolution time = AEnd − assigned; SLA violated = not completed by `End`; what
//! nobody has counts towards neither response time nor SLA.

use chrono::{DateTime, Utc};
use entity::incident::Column;
use entity::{Priority, WorkState};

use super::Length;
use super::length::{equals, is, not, told};
use crate::domain::filter::{Filter, Operand, Test};
use crate::domain::key::Key;

/// By which time an incident belongs to a period: what was reported together is looked at together, so that a rate is
/// one of its own rows. Late words change the numbers of the period in which it was reported.
pub const BY: Column = Column::ReportedAt;

/// The states, as they are listed.
pub const STATES: [WorkState; 7] = [
    WorkState::NotAssigned,
    WorkState::Assigned,
    WorkState::Pending,
    WorkState::Started,
    WorkState::Completed,
    WorkState::Incomplete,
    WorkState::Unknown,
];

/// The priorities, as they are listed.
pub const PRIORITIES: [Priority; 5] = [
    Priority::High,
    Priority::Medium,
    Priority::Normal,
    Priority::Low,
    Priority::Unknown,
];

/// A number of incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Number {
    /// All that were reported.
    Reported,
    /// Those on which somebody still has to act.
    Open,
    /// Those that were dealt with. Ended without success is not.
    Completed,
    /// Those that missed a deadline, as known now: not completed by `End`, or, where the operator sets such a deadline,
    /// not begun in time. Those that nobody has miss none.
    Breached,
    /// Those that were told to be open again after they had ended.
    Reopened,
    /// Those in one state.
    State(WorkState),
    /// Those of one priority.
    Priority(Priority),
}

impl Number {
    /// Which of the incidents of a stretch of time it counts.
    pub fn filter(self, now: DateTime<Utc>) -> Filter<Column> {
        match self {
            Self::Reported => Filter::default(),
            Self::Open => is(Column::IsOpen, Test::Eq(Operand::Key(Key::Bool(true)))),
            Self::Completed => Self::State(WorkState::Completed).filter(now),
            Self::Breached => is(Column::SlaMissAt, Test::Lt(Operand::Key(Key::Time(now)))),
            Self::Reopened => told(Column::ReopenedAt),
            Self::State(state) => equals(Column::State, state),
            Self::Priority(priority) => equals(Column::Priority, priority),
        }
    }
}

/// The response time: from the assignment to the beginning of work.
pub fn response() -> Length<Column> {
    Length {
        of: Filter::All(vec![
            not(equals(Column::State, WorkState::NotAssigned)),
            told(Column::AssignedAt),
            told(Column::StartedAt),
        ]),
        from: Column::AssignedAt,
        until: Column::StartedAt,
    }
}

/// The resolution time: from the assignment until it was dealt with, of those that were.
pub fn resolution() -> Length<Column> {
    Length {
        of: Filter::All(vec![
            equals(Column::State, WorkState::Completed),
            told(Column::AssignedAt),
            told(Column::CompletedAt),
        ]),
        from: Column::AssignedAt,
        until: Column::CompletedAt,
    }
}

/// When it was told to be open again, of the first time at which an event told it to have ended and the last at which one
/// told it to be open. Least and greatest know no order of arrival; of one second the end counts as the later.
pub fn reopened_at(
    first_ended: Option<DateTime<Utc>>,
    last_open: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    last_open.filter(|open| first_ended.is_some_and(|ended| *open > ended))
}
