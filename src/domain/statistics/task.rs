//! Which tasks count for which number. Matrix's rules hold for Matrix's tasks; Urgent tells neither an assignment nor a
//! beginning nor a deadline, and the type of a status is what the operator of caretaker says. Incidents' own work orders
//! are left out, as in lists, unless a filter asks for a kind.

use chrono::{DateTime, Utc};
use entity::task::Column;
use entity::{Priority, StatusTypeName, TaskKind, WorkState};
use sea_orm::ActiveEnum;

use super::Length;
use super::length::{equals, is, told};
use crate::domain::filter::{Filter, Operand, Test};
use crate::domain::key::Key;
use crate::domain::status_type::filter::open;

/// By which time a task belongs to a period.
pub const BY: Column = Column::ReportedAt;

/// The kinds, as they are listed. The first is there only where a filter asks for a kind.
pub const KINDS: [TaskKind; 3] = [
    TaskKind::IncidentWork,
    TaskKind::Scheduled,
    TaskKind::Maintenance,
];

/// The types of a status, as they are listed.
pub const STATUS_TYPES: [StatusTypeName; 5] = [
    StatusTypeName::New,
    StatusTypeName::Open,
    StatusTypeName::Closed,
    StatusTypeName::Cancelled,
    StatusTypeName::Unknown,
];

/// A number of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Number {
    /// All that were first told of.
    Reported,
    /// Those on which somebody still has to act.
    Open,
    /// Those of Matrix that are completed, and those of Urgent whose status is of the type CLOSED.
    Completed,
    /// Those on which somebody still has to act though their deadline has passed.
    Overdue,
    /// Those of Matrix in one state.
    State(WorkState),
    /// Those of Urgent whose status has one type.
    StatusType(StatusTypeName),
    /// Those of Matrix of one priority.
    Priority(Priority),
    /// Those of one kind.
    Kind(TaskKind),
}

impl Number {
    /// Which of the tasks of a stretch of time it counts. Types of statuses are still to be settled.
    pub fn filter(self, now: DateTime<Utc>) -> Filter<Column> {
        match self {
            Self::Reported => Filter::default(),
            Self::Open => open(),
            Self::Completed => Filter::Any(vec![
                Self::State(WorkState::Completed).filter(now),
                Self::StatusType(StatusTypeName::Closed).filter(now),
            ]),
            Self::Overdue => Filter::All(vec![
                open(),
                is(Column::DueAt, Test::Lt(Operand::Key(Key::Time(now)))),
            ]),
            Self::State(state) => equals(Column::State, state),
            Self::StatusType(kind) => is(
                Column::StatusKey,
                Test::In(vec![Key::Text(kind.to_value())]),
            ),
            Self::Priority(priority) => equals(Column::Priority, priority),
            Self::Kind(kind) => equals(Column::Kind, kind),
        }
    }
}

/// The response time of Matrix's tasks: from the assignment to the beginning of work.
pub fn response() -> Length<Column> {
    Length {
        of: Filter::All(vec![
            Filter::Not(Box::new(equals(Column::State, WorkState::NotAssigned))),
            told(Column::AssignedAt),
            told(Column::StartedAt),
        ]),
        from: Column::AssignedAt,
        until: Column::StartedAt,
    }
}

/// The resolution time of Matrix's tasks: from the assignment until it was done, of those that are completed.
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
