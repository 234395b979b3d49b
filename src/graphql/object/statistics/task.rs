//! The numbers of tasks in one stretch of time.

use async_graphql::Object;
use chrono::{DateTime, Utc};

use super::{
    Length, PriorityCount, RowCount, Sheet, StateCount, StatusTypeCount, TaskKindCount, int,
};
use crate::domain::statistics::{incident, task};
use crate::graphql::expand::{self, Members};
use crate::graphql::filter::TaskFilter;

/// The numbers of the tasks that were first told of in a stretch of time.
pub struct TaskNumbers(pub(in crate::graphql) Sheet<task::Number>);

impl TaskNumbers {
    fn own(&self, number: task::Number) -> async_graphql::Result<(i32, Members)> {
        let own = expand::members::<TaskFilter>(&number.filter(self.0.frame.now));
        let own = own.ok_or("a number without a filter")?;
        Ok((int(self.0.count(number)), own))
    }

    fn rows(&self, number: task::Number) -> async_graphql::Result<RowCount> {
        let (count, own) = self.own(number)?;
        let filter = self.0.opened(own);
        Ok(RowCount { count, filter })
    }
}

/// The numbers of the tasks that were first told of in a stretch of time. Each says by which filter its rows are found.
#[Object]
impl TaskNumbers {
    /// The beginning of the stretch (UTC); what was told of then counts.
    async fn start(&self) -> DateTime<Utc> {
        self.0.interval.start
    }

    /// The end of the stretch (UTC); what was told of then belongs to the next.
    async fn end(&self) -> DateTime<Utc> {
        self.0.interval.end
    }

    /// All tasks that were first told of.
    async fn reported(&self) -> async_graphql::Result<RowCount> {
        self.rows(task::Number::Reported)
    }

    /// Those of them on which somebody still has to act, as `Task.isOpen` says.
    async fn open(&self) -> async_graphql::Result<RowCount> {
        self.rows(task::Number::Open)
    }

    /// Those of them that are done: Matrix's in state `COMPLETED`, Urgent's with a status of the type `CLOSED`.
    async fn completed(&self) -> async_graphql::Result<RowCount> {
        self.rows(task::Number::Completed)
    }

    /// Those of them on which somebody still has to act though their deadline (Matrix: `End`) has passed. Urgent tells none.
    async fn overdue(&self) -> async_graphql::Result<RowCount> {
        self.rows(task::Number::Overdue)
    }

    /// `completed` by `reported`, 0 to 1; null when none was told of.
    async fn resolution_rate(&self) -> Option<f64> {
        self.0.rate(task::Number::Completed, task::Number::Reported)
    }

    /// By kind, every one of them; incidents' own work orders only where the filter asks for a kind.
    #[graphql(complexity = "3 * child_complexity + 1")]
    async fn by_kind(&self) -> async_graphql::Result<Vec<TaskKindCount>> {
        let unasked = usize::from(!self.0.frame.is_kind_asked);
        let kinds = task::KINDS.into_iter().skip(unasked).map(|kind| {
            let (count, own) = self.own(task::Number::Kind(kind))?;
            let filter = self.0.opened(own);
            Ok(TaskKindCount {
                kind: kind.into(),
                count,
                filter,
            })
        });
        kinds.collect()
    }

    /// Those of Matrix by state, every one of them; Urgent's have none.
    #[graphql(complexity = "7 * child_complexity + 1")]
    async fn by_state(&self) -> async_graphql::Result<Vec<StateCount>> {
        let states = incident::STATES.into_iter().map(|state| {
            let (count, own) = self.own(task::Number::State(state))?;
            let filter = self.0.opened(own);
            Ok(StateCount {
                state: state.into(),
                count,
                filter,
            })
        });
        states.collect()
    }

    /// Those of Urgent by the type of their status, every one of them; one without a status has none.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn by_status_type(&self) -> async_graphql::Result<Vec<StatusTypeCount>> {
        let types = task::STATUS_TYPES.into_iter().map(|status_type| {
            let (count, own) = self.own(task::Number::StatusType(status_type))?;
            let filter = self.0.opened(own);
            Ok(StatusTypeCount {
                status_type: status_type.into(),
                count,
                filter,
            })
        });
        types.collect()
    }

    /// Those of Matrix by priority, every one of them; Urgent tells none.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn by_priority(&self) -> async_graphql::Result<Vec<PriorityCount>> {
        let priorities = incident::PRIORITIES.into_iter().map(|priority| {
            let (count, own) = self.own(task::Number::Priority(priority))?;
            let filter = self.0.opened(own);
            Ok(PriorityCount {
                priority: priority.into(),
                count,
                filter,
            })
        });
        priorities.collect()
    }

    /// The response time of Matrix's tasks, in seconds: from the assignment (`Start`, once assigned) to the beginning of work
    /// (`AStart`), of those that somebody has. Urgent tells neither.
    async fn response_seconds(&self) -> async_graphql::Result<Length> {
        let of = expand::members::<TaskFilter>(&task::response().of);
        let of = of.ok_or("a length without a filter")?;
        Ok(self.0.length(0, of, self.0.found.response))
    }

    /// The resolution time of Matrix's tasks, in seconds: from the assignment (`Start`, once assigned) until it was done
    /// (`AEnd`), of those in state `COMPLETED`. Urgent tells no assignment.
    async fn resolution_seconds(&self) -> async_graphql::Result<Length> {
        let of = expand::members::<TaskFilter>(&task::resolution().of);
        let of = of.ok_or("a length without a filter")?;
        Ok(self.0.length(1, of, self.0.found.resolution))
    }
}
