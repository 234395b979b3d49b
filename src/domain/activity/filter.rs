//! What the feed is narrowed by: the same filter is read as SQL for stored activities and in memory for live ones.

use chrono::{DateTime, Utc};
use entity::activity;
use sea_orm::sea_query::Condition;

use crate::domain::filter;

/// A filter of activities with every relative time fixed.
#[derive(Clone, Debug, Default)]
pub struct Filter(filter::Filter<activity::Column>);

impl Filter {
    /// Fixes the relative times of `filter` at `now`.
    pub fn new(filter: filter::Filter<activity::Column>, now: DateTime<Utc>) -> Self {
        Self(filter.at(now))
    }

    /// Only the activities filed under one task.
    pub fn of_task(task: entity::TaskId) -> Self {
        use filter::{Operand, Test};
        Self(filter::Filter::Is(
            activity::Column::TaskId,
            Test::Eq(Operand::Key(crate::domain::key::Key::Id(task.0))),
        ))
    }

    /// The filter as SQL over the table `activity`.
    pub fn to_condition(&self) -> Condition {
        self.0.to_condition()
    }

    /// The same question asked of a row in memory.
    pub fn matches(&self, row: &activity::Model) -> bool {
        self.0.matches(row)
    }
}
