//! The numbers of tasks in one stretch of time.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

use super::{
    Length, PriorityCount, RowCount, Sheet, StateCount, StatusTypeCount, TaskKindCount, each, int,
    number,
};
use crate::domain::statistics::Interval;
use crate::domain::statistics::{incident, task};
use crate::graphql::edge::edges;
use crate::graphql::error::Fault;
use crate::graphql::expand::{self, Members};
use crate::graphql::filter::TaskFilter;
use crate::graphql::written::{Below, Json, Written};

/// The numbers of the tasks that were first told of in a stretch of time. Each says by which filter its rows are found.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct TaskNumbers {
    /// The beginning of the stretch (UTC); what was told of then counts.
    start: DateTime<Utc>,
    /// The end of the stretch (UTC); what was told of then belongs to the next.
    end: DateTime<Utc>,
    #[graphql(skip)]
    sheet: Sheet<task::Number>,
}

edges!(TaskNumbers, registry => [
    number::<RowCount>(registry, "reported", "All tasks that were first told of."),
    number::<RowCount>(registry, "open", "Those of them on which somebody still has to act, as `Task.isOpen` says."),
    number::<RowCount>(registry, "completed", "Those of them that are done: Matrix's in state `COMPLETED`, Urgent's with a status of the type `CLOSED`."),
    number::<RowCount>(registry, "overdue", "Those of them on which somebody still has to act though their deadline (Matrix: `End`) has passed. Urgent tells none."),
    number::<Option<f64>>(registry, "resolutionRate", "`completed` by `reported`, 0 to 1; null when none was told of."),
    each::<TaskKindCount, 3>(registry, "byKind", "By kind, every one of them; incidents' own work orders only where the filter asks for a kind."),
    each::<StateCount, 7>(registry, "byState", "Those of Matrix by state, every one of them; Urgent's have none."),
    each::<StatusTypeCount, 5>(registry, "byStatusType", "Those of Urgent by the type of their status, every one of them; one without a status has none."),
    each::<PriorityCount, 5>(registry, "byPriority", "Those of Matrix by priority, every one of them; Urgent tells none."),
    number::<Length>(registry, "responseSeconds", "The response time of Matrix's tasks, in seconds: from the assignment (`Start`, once assigned) to the beginning of work (`AStart`), of those that somebody has. Urgent tells neither."),
    number::<Length>(registry, "resolutionSeconds", "The resolution time of Matrix's tasks, in seconds: from the assignment (`Start`, once assigned) until it was done (`AEnd`), of those in state `COMPLETED`. Urgent tells no assignment."),
]);

impl Written for TaskNumbers {
    fn write(&self, below: &Below<'_>, json: &mut Json) {
        json.object("TaskNumbers", below, |step, json| {
            match step.field.as_str() {
                "start" => self.start.write(&step.below, json),
                "end" => self.end.write(&step.below, json),
                "reported" => self.rows(task::Number::Reported).write(&step.below, json),
                "open" => self.rows(task::Number::Open).write(&step.below, json),
                "completed" => self.rows(task::Number::Completed).write(&step.below, json),
                "overdue" => self.rows(task::Number::Overdue).write(&step.below, json),
                "resolution_rate" => self.resolution_rate().write(&step.below, json),
                "by_kind" => self.by_kind().write(&step.below, json),
                "by_state" => self.by_state().write(&step.below, json),
                "by_status_type" => self.by_status_type().write(&step.below, json),
                "by_priority" => self.by_priority().write(&step.below, json),
                "response_seconds" => self.response_seconds().write(&step.below, json),
                "resolution_seconds" => self.resolution_seconds().write(&step.below, json),
                _ => json.fail(step.unknown()),
            }
        });
    }
}

impl TaskNumbers {
    pub(in crate::graphql) fn new(sheet: Sheet<task::Number>) -> Self {
        let Interval { start, end, .. } = sheet.interval;
        Self { start, end, sheet }
    }

    fn own(&self, number: task::Number) -> Result<(i32, Members), Fault> {
        let own = expand::members::<TaskFilter>(&number.filter(self.sheet.frame.now));
        let own = own.ok_or_else(|| Fault::internal("a number without a filter"))?;
        Ok((int(self.sheet.count(number)), own))
    }

    fn rows(&self, number: task::Number) -> Result<RowCount, Fault> {
        let (count, own) = self.own(number)?;
        let filter = self.sheet.opened(own);
        Ok(RowCount { count, filter })
    }

    fn resolution_rate(&self) -> Option<f64> {
        self.sheet
            .rate(task::Number::Completed, task::Number::Reported)
    }

    fn by_kind(&self) -> Result<Vec<TaskKindCount>, Fault> {
        let unasked = usize::from(!self.sheet.frame.is_kind_asked);
        let kinds = task::KINDS.into_iter().skip(unasked).map(|kind| {
            let (count, own) = self.own(task::Number::Kind(kind))?;
            let filter = self.sheet.opened(own);
            Ok(TaskKindCount {
                kind: kind.into(),
                count,
                filter,
            })
        });
        kinds.collect()
    }

    fn by_state(&self) -> Result<Vec<StateCount>, Fault> {
        let states = incident::STATES.into_iter().map(|state| {
            let (count, own) = self.own(task::Number::State(state))?;
            let filter = self.sheet.opened(own);
            Ok(StateCount {
                state: state.into(),
                count,
                filter,
            })
        });
        states.collect()
    }

    fn by_status_type(&self) -> Result<Vec<StatusTypeCount>, Fault> {
        let types = task::STATUS_TYPES.into_iter().map(|status_type| {
            let (count, own) = self.own(task::Number::StatusType(status_type))?;
            let filter = self.sheet.opened(own);
            Ok(StatusTypeCount {
                status_type: status_type.into(),
                count,
                filter,
            })
        });
        types.collect()
    }

    fn by_priority(&self) -> Result<Vec<PriorityCount>, Fault> {
        let priorities = incident::PRIORITIES.into_iter().map(|priority| {
            let (count, own) = self.own(task::Number::Priority(priority))?;
            let filter = self.sheet.opened(own);
            Ok(PriorityCount {
                priority: priority.into(),
                count,
                filter,
            })
        });
        priorities.collect()
    }

    fn response_seconds(&self) -> Result<Length, Fault> {
        let of = expand::members::<TaskFilter>(&task::response().of);
        let of = of.ok_or_else(|| Fault::internal("a length without a filter"))?;
        Ok(self.sheet.length(0, of, self.sheet.found.response))
    }

    fn resolution_seconds(&self) -> Result<Length, Fault> {
        let of = expand::members::<TaskFilter>(&task::resolution().of);
        let of = of.ok_or_else(|| Fault::internal("a length without a filter"))?;
        Ok(self.sheet.length(1, of, self.sheet.found.resolution))
    }
}
