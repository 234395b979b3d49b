//! The numbers of incidents in one stretch of time.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

use super::{KindCount, Length, PriorityCount, RowCount, Sheet, StateCount, each, int, number};
use crate::domain::statistics::Interval;
use crate::domain::statistics::incident;
use crate::graphql::edge::edges;
use crate::graphql::error::Fault;
use crate::graphql::expand::{self, Members};
use crate::graphql::filter::IncidentFilter;
use crate::graphql::written::{Below, Json, Written};

/// The numbers of the incidents that were reported in a stretch of time, by the rules of Matrix's own reports. Each says by
/// which filter its rows are found.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct IncidentNumbers {
    /// The beginning of the stretch (UTC); what was reported then counts.
    start: DateTime<Utc>,
    /// The end of the stretch (UTC); what was reported then belongs to the next.
    end: DateTime<Utc>,
    #[graphql(skip)]
    sheet: Sheet<incident::Number>,
}

edges!(IncidentNumbers, registry => [
    number::<RowCount>(registry, "reported", "All incidents that were reported."),
    number::<RowCount>(registry, "open", "Those of them on which somebody still has to act."),
    number::<RowCount>(registry, "completed", "Those of them that were dealt with: in state `COMPLETED`."),
    number::<RowCount>(registry, "breached", "Those of them that missed a deadline, as known now, dealt with or not: Matrix's SLA violations. It is `Meta.End`, else the window of the priority; where the operator sets deadlines for the start of work, those too. Incidents that nobody has miss none."),
    number::<RowCount>(registry, "reopened", "Those of them that were told to be open again, by the time of the events, after they had ended."),
    number::<Option<f64>>(registry, "resolutionRate", "`completed` by `reported`, 0 to 1; null when none was reported."),
    each::<StateCount, 7>(registry, "byState", "By state, every one of them."),
    each::<PriorityCount, 5>(registry, "byPriority", "By priority, every one of them."),
    each::<KindCount, 21>(registry, "byKind", "By what reported them, the most frequent first: the 20 most frequent, then the others together, if there are any."),
    number::<Length>(registry, "responseSeconds", "The response time, in seconds: from the assignment (Matrix: `Start`, once assigned) to the beginning of work (`AStart`), of those that somebody has."),
    number::<Length>(registry, "resolutionSeconds", "The resolution time, in seconds: from the assignment (Matrix: `Start`, once assigned) until it was dealt with (`AEnd`), of those in state `COMPLETED`."),
]);

impl Written for IncidentNumbers {
    fn write(&self, below: &Below<'_>, json: &mut Json) {
        json.object("IncidentNumbers", below, |step, json| {
            match step.field.as_str() {
                "start" => self.start.write(&step.below, json),
                "end" => self.end.write(&step.below, json),
                "reported" => self
                    .rows(incident::Number::Reported)
                    .write(&step.below, json),
                "open" => self.rows(incident::Number::Open).write(&step.below, json),
                "completed" => self
                    .rows(incident::Number::Completed)
                    .write(&step.below, json),
                "breached" => self
                    .rows(incident::Number::Breached)
                    .write(&step.below, json),
                "reopened" => self
                    .rows(incident::Number::Reopened)
                    .write(&step.below, json),
                "resolution_rate" => self.resolution_rate().write(&step.below, json),
                "by_state" => self.by_state().write(&step.below, json),
                "by_priority" => self.by_priority().write(&step.below, json),
                "by_kind" => self.by_kind().write(&step.below, json),
                "response_seconds" => self.response_seconds().write(&step.below, json),
                "resolution_seconds" => self.resolution_seconds().write(&step.below, json),
                _ => json.fail(step.unknown()),
            }
        });
    }
}

impl IncidentNumbers {
    pub(in crate::graphql) fn new(sheet: Sheet<incident::Number>) -> Self {
        let Interval { start, end, .. } = sheet.interval;
        Self { start, end, sheet }
    }

    fn own(&self, number: incident::Number) -> Result<(i32, Members), Fault> {
        let own = expand::members::<IncidentFilter>(&number.filter(self.sheet.frame.now));
        let own = own.ok_or_else(|| Fault::internal("a number without a filter"))?;
        Ok((int(self.sheet.count(number)), own))
    }

    fn rows(&self, number: incident::Number) -> Result<RowCount, Fault> {
        let (count, own) = self.own(number)?;
        let filter = self.sheet.opened(own);
        Ok(RowCount { count, filter })
    }

    fn resolution_rate(&self) -> Option<f64> {
        self.sheet
            .rate(incident::Number::Completed, incident::Number::Reported)
    }

    fn by_state(&self) -> Result<Vec<StateCount>, Fault> {
        let states = incident::STATES.into_iter().map(|state| {
            let (count, own) = self.own(incident::Number::State(state))?;
            let filter = self.sheet.opened(own);
            Ok(StateCount {
                state: state.into(),
                count,
                filter,
            })
        });
        states.collect()
    }

    fn by_priority(&self) -> Result<Vec<PriorityCount>, Fault> {
        let priorities = incident::PRIORITIES.into_iter().map(|priority| {
            let (count, own) = self.own(incident::Number::Priority(priority))?;
            let filter = self.sheet.opened(own);
            Ok(PriorityCount {
                priority: priority.into(),
                count,
                filter,
            })
        });
        priorities.collect()
    }

    fn by_kind(&self) -> Vec<KindCount> {
        let named = &self.sheet.found.kinds;
        let member = |value: serde_json::Value| {
            let members = [("kind".to_owned(), value)];
            self.sheet.opened(members.into_iter().collect())
        };
        let mut kinds: Vec<KindCount> = named
            .iter()
            .map(|found| KindCount {
                kind: found.kind.clone(),
                is_other: false,
                count: int(found.count),
                filter: member(match &found.kind {
                    Some(kind) => serde_json::json!({ "eq": kind }),
                    None => serde_json::json!({ "isNull": true }),
                }),
            })
            .collect();
        let listed: i64 = named.iter().map(|found| found.count).sum();
        let total = named.first().map_or(0, |found| found.total);
        if total > listed {
            let names: Vec<&String> = named
                .iter()
                .filter_map(|found| found.kind.as_ref())
                .collect();
            let is_null_named = named.iter().any(|found| found.kind.is_none());
            let filter = if is_null_named {
                serde_json::json!({ "notIn": names, "isNull": false })
            } else {
                serde_json::json!({ "notIn": names })
            };
            kinds.push(KindCount {
                kind: None,
                is_other: true,
                count: int(total - listed),
                filter: member(filter),
            });
        }
        kinds
    }

    fn response_seconds(&self) -> Result<Length, Fault> {
        let of = expand::members::<IncidentFilter>(&incident::response().of);
        let of = of.ok_or_else(|| Fault::internal("a length without a filter"))?;
        Ok(self.sheet.length(0, of, self.sheet.found.response))
    }

    fn resolution_seconds(&self) -> Result<Length, Fault> {
        let of = expand::members::<IncidentFilter>(&incident::resolution().of);
        let of = of.ok_or_else(|| Fault::internal("a length without a filter"))?;
        Ok(self.sheet.length(1, of, self.sheet.found.resolution))
    }
}
