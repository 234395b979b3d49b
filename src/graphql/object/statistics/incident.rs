//! The numbers of incidents in one stretch of time.

use async_graphql::Object;
use chrono::{DateTime, Utc};

use super::{KindCount, Length, PriorityCount, RowCount, Sheet, StateCount, int};
use crate::domain::statistics::incident;
use crate::graphql::expand::{self, Members};
use crate::graphql::filter::IncidentFilter;

/// The numbers of the incidents that were reported in a stretch of time, by the rules of Matrix's own reports.
pub struct IncidentNumbers(pub(in crate::graphql) Sheet<incident::Number>);

impl IncidentNumbers {
    fn own(&self, number: incident::Number) -> async_graphql::Result<(i32, Members)> {
        let own = expand::members::<IncidentFilter>(&number.filter(self.0.frame.now));
        let own = own.ok_or("a number without a filter")?;
        Ok((int(self.0.count(number)), own))
    }

    fn rows(&self, number: incident::Number) -> async_graphql::Result<RowCount> {
        let (count, own) = self.own(number)?;
        let filter = self.0.opened(own);
        Ok(RowCount { count, filter })
    }
}

/// The numbers of the incidents that were reported in a stretch of time, by the rules of Matrix's own reports. Each says by
/// which filter its rows are found.
#[Object]
impl IncidentNumbers {
    /// The beginning of the stretch (UTC); what was reported then counts.
    async fn start(&self) -> DateTime<Utc> {
        self.0.interval.start
    }

    /// The end of the stretch (UTC); what was reported then belongs to the next.
    async fn end(&self) -> DateTime<Utc> {
        self.0.interval.end
    }

    /// All incidents that were reported.
    async fn reported(&self) -> async_graphql::Result<RowCount> {
        self.rows(incident::Number::Reported)
    }

    /// Those of them on which somebody still has to act.
    async fn open(&self) -> async_graphql::Result<RowCount> {
        self.rows(incident::Number::Open)
    }

    /// Those of them that were dealt with: in state `COMPLETED`.
    async fn completed(&self) -> async_graphql::Result<RowCount> {
        self.rows(incident::Number::Completed)
    }

    /// Those of them that missed a deadline, as known now, dealt with or not: Matrix's SLA violations. It is `Meta.End`, else
    /// the window of the priority; where the operator sets deadlines for the start of work, those too. Incidents that nobody
    /// has miss none.
    async fn breached(&self) -> async_graphql::Result<RowCount> {
        self.rows(incident::Number::Breached)
    }

    /// Those of them that were told to be open again, by the time of the events, after they had ended.
    async fn reopened(&self) -> async_graphql::Result<RowCount> {
        self.rows(incident::Number::Reopened)
    }

    /// `completed` by `reported`, 0 to 1; null when none was reported.
    async fn resolution_rate(&self) -> Option<f64> {
        self.0
            .rate(incident::Number::Completed, incident::Number::Reported)
    }

    /// By state, every one of them.
    #[graphql(complexity = "7 * child_complexity + 1")]
    async fn by_state(&self) -> async_graphql::Result<Vec<StateCount>> {
        let states = incident::STATES.into_iter().map(|state| {
            let (count, own) = self.own(incident::Number::State(state))?;
            let filter = self.0.opened(own);
            Ok(StateCount {
                state: state.into(),
                count,
                filter,
            })
        });
        states.collect()
    }

    /// By priority, every one of them.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn by_priority(&self) -> async_graphql::Result<Vec<PriorityCount>> {
        let priorities = incident::PRIORITIES.into_iter().map(|priority| {
            let (count, own) = self.own(incident::Number::Priority(priority))?;
            let filter = self.0.opened(own);
            Ok(PriorityCount {
                priority: priority.into(),
                count,
                filter,
            })
        });
        priorities.collect()
    }

    /// By what reported them, the most frequent first: the 20 most frequent, then the others together, if there are any.
    #[graphql(complexity = "21 * child_complexity + 1")]
    async fn by_kind(&self) -> Vec<KindCount> {
        let named = &self.0.found.kinds;
        let member = |value: serde_json::Value| {
            let members = [("kind".to_owned(), value)];
            self.0.opened(members.into_iter().collect())
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

    /// The response time, in seconds: from the assignment (Matrix: `Start`, once assigned) to the beginning of work
    /// (`AStart`), of those that somebody has.
    async fn response_seconds(&self) -> async_graphql::Result<Length> {
        let of = expand::members::<IncidentFilter>(&incident::response().of);
        let of = of.ok_or("a length without a filter")?;
        Ok(self.0.length(0, of, self.0.found.response))
    }

    /// The resolution time, in seconds: from the assignment (Matrix: `Start`, once assigned) until it was dealt with (`AEnd`),
    /// of those in state `COMPLETED`.
    async fn resolution_seconds(&self) -> async_graphql::Result<Length> {
        let of = expand::members::<IncidentFilter>(&incident::resolution().of);
        let of = of.ok_or("a length without a filter")?;
        Ok(self.0.length(1, of, self.0.found.resolution))
    }
}
