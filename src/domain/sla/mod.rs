//! The clocks of an incident: when work on it should begin and end, when that becomes doubtful and when it is missed.
//!
//! [`Deadlines::of`] says what the incident's own facts and the operator's [`Rule`] come to; it is stored with the
//! incident. [`Deadlines::at`] reads it at a time. Both are pure: a deadline passes without anybody's doing.

pub mod filter;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use entity::{Priority, WorkState, incident};
use serde::{Deserialize, Serialize};

/// The last year that is kept: later ones would not be in order as text.
const LAST_YEAR: i32 = 9999;

/// The window from the assignment to the deadline where Matrix tells no deadline, by priority (Matrix's reports).
fn window(priority: Priority) -> Option<TimeDelta> {
    let seconds = match priority {
        Priority::High => 900,
        Priority::Medium => 1_200,
        Priority::Normal => 1_800,
        Priority::Low => 3_600,
        Priority::Unknown => return None,
    };
    Some(TimeDelta::seconds(seconds))
}

/// What the operator decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// How much of a window, in per cent, is left when it counts as at risk.
    pub at_risk_percent: u8,
    /// Within how many seconds after its assignment work should begin, by priority; none: no such clock runs.
    pub start_within_seconds: Vec<(Priority, u32)>,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            at_risk_percent: 25,
            start_within_seconds: Vec::new(),
        }
    }
}

impl Rule {
    fn start_within(&self, priority: Priority) -> Option<TimeDelta> {
        let mut clocks = self.start_within_seconds.iter();
        let found = clocks.find(|(of, _)| *of == priority);
        found.map(|(_, seconds)| TimeDelta::seconds((*seconds).into()))
    }

    /// When what began at `from` and should be done by `deadline` becomes doubtful.
    fn risk(&self, from: DateTime<Utc>, deadline: DateTime<Utc>) -> DateTime<Utc> {
        let left = (deadline - from).max(TimeDelta::zero());
        let micros = left.num_microseconds().unwrap_or(i64::MAX);
        // Divided first: the product of a window of millennia and 100 would not fit.
        let reserve = micros / 100 * i64::from(self.at_risk_percent.min(100));
        deadline - TimeDelta::microseconds(reserve)
    }
}

/// What is stored of the clocks: nothing in it changes by the passing of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    /// When work should have begun; none when no such clock runs.
    pub start_by: Option<DateTime<Utc>>,
    /// When it should be dealt with; none when no such clock runs.
    pub due_at: Option<DateTime<Utc>>,
    /// The first deadline that is or will be missed if nothing more happens; none when all were kept.
    pub miss_at: Option<DateTime<Utc>>,
    /// When the next pending deadline becomes doubtful; none when none is pending or one was missed before.
    pub risk_at: Option<DateTime<Utc>>,
}

/// A deadline; none where it lies beyond the years that are kept.
fn after(from: DateTime<Utc>, within: TimeDelta) -> Option<DateTime<Utc>> {
    from.checked_add_signed(within)
        .filter(|deadline| deadline.year() <= LAST_YEAR)
}

/// When an incident ended whose end no event tells: when it was first said to be over; where it was reopened since, when
/// it was last.
fn told_to_end(incident: &incident::Model) -> Option<DateTime<Utc>> {
    if incident.reopened_at.is_none() {
        return incident.first_ended_at;
    }
    let last = incident.set_by.0.get("state");
    let last = last.and_then(|setter| DateTime::from_timestamp_micros(setter.1));
    last.max(incident.last_open_at)
}

impl Deadlines {
    /// What the facts of `incident` and `rule` come to. No clock runs while nobody has it.
    pub fn of(incident: &incident::Model, rule: &Rule) -> Self {
        let is_had = incident.state != WorkState::NotAssigned;
        let Some(from) = incident.assigned_at.filter(|_| is_had) else {
            return Self::default();
        };
        let due_at = incident
            .due_at
            .or_else(|| after(from, window(incident.priority)?));
        let start_by = rule
            .start_within(incident.priority)
            .and_then(|within| after(from, within));
        // Only what was completed is dealt with: work that ended without success has missed its deadline when that passes.
        let ended = (incident.state == WorkState::Completed)
            .then(|| incident.completed_at.or(told_to_end(incident)))
            .flatten();
        let began = incident.started_at.into_iter().chain(ended).min();
        let clocks = [(start_by, began), (due_at, ended)];
        let missed = |(deadline, done): &(Option<DateTime<Utc>>, Option<DateTime<Utc>>)| {
            deadline.filter(|deadline| done.is_none_or(|done| done > *deadline))
        };
        let miss_at = clocks.iter().filter_map(missed).min();
        let pending = clocks.iter().filter(|(_, done)| done.is_none());
        let risk_at = pending
            .filter_map(|(deadline, _)| Some(rule.risk(from, (*deadline)?)))
            .min()
            .zip(miss_at)
            .map(|(risk, miss)| risk.min(miss));
        Self {
            start_by,
            due_at,
            miss_at,
            risk_at,
        }
    }
}

/// How an incident stands to its deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlaState {
    /// Nobody has it yet, or it has no deadline.
    NotApplicable,
    /// There is time.
    OnTrack,
    /// Little of the window is left.
    AtRisk,
    /// A deadline was missed.
    Breached,
    /// All deadlines were kept.
    Met,
}

impl Deadlines {
    /// What is stored with an incident.
    pub fn stored(incident: &incident::Model) -> Self {
        Self {
            start_by: incident.sla_start_by,
            due_at: incident.sla_due_at,
            miss_at: incident.sla_miss_at,
            risk_at: incident.sla_risk_at,
        }
    }

    /// The incident with these stored.
    pub fn store(self, incident: &mut incident::Model) {
        incident.sla_start_by = self.start_by;
        incident.sla_due_at = self.due_at;
        incident.sla_miss_at = self.miss_at;
        incident.sla_risk_at = self.risk_at;
    }

    /// How it stands at `now`.
    pub fn at(&self, now: DateTime<Utc>) -> SlaState {
        if self.due_at.is_none() && self.start_by.is_none() {
            return SlaState::NotApplicable;
        }
        match (self.miss_at, self.risk_at) {
            (None, _) => SlaState::Met,
            (Some(miss), _) if now > miss => SlaState::Breached,
            (_, Some(risk)) if now >= risk => SlaState::AtRisk,
            // It was done too late, but that lies ahead of `now`: a clock of Matrix goes before ours.
            _ => SlaState::OnTrack,
        }
    }

    /// When a deadline was missed, as known at `now`.
    pub fn breached_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.miss_at.filter(|miss| now > *miss)
    }

    /// How much time is left until the next deadline; none when none is pending.
    pub fn remaining(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        self.miss_at
            .filter(|miss| now <= *miss)
            .map(|miss| miss - now)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    /// An incident that somebody got at 0 and that is due at 1,000.
    fn incident() -> incident::Model {
        incident::Model {
            state: WorkState::Assigned,
            priority: Priority::High,
            assigned_at: Some(at(0)),
            due_at: Some(at(1_000)),
            ..crate::domain::fold::empty_incident("B", "1", at(0))
        }
    }

    fn rule() -> Rule {
        Rule {
            start_within_seconds: vec![(Priority::High, 300)],
            ..Rule::default()
        }
    }

    #[test]
    fn a_window_is_at_risk_in_its_last_quarter_and_breached_after_its_end() {
        let clocks = Deadlines::of(&incident(), &Rule::default());
        let states = [0, 749, 750, 1_000, 1_001].map(|second| clocks.at(at(second)));
        use SlaState::{AtRisk, Breached, OnTrack};
        assert_eq!(states, [OnTrack, OnTrack, AtRisk, AtRisk, Breached]);
        assert_eq!(clocks.remaining(at(400)), Some(TimeDelta::seconds(600)));
        assert_eq!(clocks.remaining(at(1_001)), None);
        assert_eq!(clocks.breached_at(at(1_000)), None);
        assert_eq!(clocks.breached_at(at(1_001)), Some(at(1_000)));
    }

    #[test]
    fn nobody_is_late_with_what_nobody_has() {
        let row = incident::Model {
            assigned_at: None,
            ..incident()
        };
        let clocks = Deadlines::of(&row, &rule());
        assert_eq!(clocks, Deadlines::default());
        assert_eq!(clocks.at(at(9_999)), SlaState::NotApplicable);
    }

    #[test]
    fn what_was_given_back_runs_against_nobody() {
        let row = incident::Model {
            state: WorkState::NotAssigned,
            ..incident()
        };
        assert_eq!(Deadlines::of(&row, &rule()), Deadlines::default());
    }

    #[test]
    fn without_a_told_deadline_the_window_of_the_priority_stands_in() {
        let due = |priority| {
            let row = incident::Model {
                due_at: None,
                priority,
                ..incident()
            };
            Deadlines::of(&row, &Rule::default()).due_at
        };
        assert_eq!(due(Priority::High), Some(at(900)));
        assert_eq!(due(Priority::Medium), Some(at(1_200)));
        assert_eq!(due(Priority::Normal), Some(at(1_800)));
        assert_eq!(due(Priority::Low), Some(at(3_600)));
        assert_eq!(due(Priority::Unknown), None);
    }

    #[test]
    fn what_was_completed_in_time_is_met_and_what_was_late_stays_breached() {
        let completed = |second| incident::Model {
            state: WorkState::Completed,
            completed_at: Some(at(second)),
            ..incident()
        };
        let met = Deadlines::of(&completed(1_000), &Rule::default());
        assert_eq!(met.at(at(99_999)), SlaState::Met);
        assert_eq!(met.risk_at, None);
        let late = Deadlines::of(&completed(1_001), &Rule::default());
        assert_eq!(late.at(at(1_001)), SlaState::Breached);
        assert_eq!(late.breached_at(at(5_000)), Some(at(1_000)));
    }

    #[test]
    fn what_was_completed_at_a_time_that_nobody_tells_ended_when_that_was_said() {
        let row = incident::Model {
            state: WorkState::Completed,
            is_open: false,
            first_ended_at: Some(at(400)),
            last_open_at: Some(at(300)),
            ..incident()
        };
        assert_eq!(
            Deadlines::of(&row, &Rule::default()).at(at(9_999)),
            SlaState::Met
        );
        let again = incident::Model {
            last_open_at: Some(at(1_500)),
            reopened_at: Some(at(1_500)),
            ..row
        };
        let late = Deadlines::of(&again, &Rule::default());
        assert_eq!(late.breached_at(at(9_999)), Some(at(1_000)));
    }

    #[test]
    fn a_deadline_beyond_the_years_that_are_kept_is_none() {
        let row = incident::Model {
            assigned_at: "9999-12-31T23:59:59Z".parse().ok(),
            due_at: None,
            ..incident()
        };
        assert_eq!(Deadlines::of(&row, &rule()), Deadlines::default());
    }

    #[test]
    fn work_that_ended_without_success_still_misses_its_deadline() {
        let row = incident::Model {
            state: WorkState::Incomplete,
            is_open: false,
            completed_at: Some(at(500)),
            ..incident()
        };
        let clocks = Deadlines::of(&row, &Rule::default());
        assert_eq!(clocks.at(at(600)), SlaState::OnTrack);
        assert_eq!(clocks.at(at(1_001)), SlaState::Breached);
    }

    #[test]
    fn a_clock_for_the_start_runs_only_where_the_operator_sets_one() {
        let idle = Deadlines::of(&incident(), &rule());
        assert_eq!(idle.start_by, Some(at(300)));
        assert_eq!(idle.at(at(224)), SlaState::OnTrack);
        assert_eq!(idle.at(at(225)), SlaState::AtRisk);
        assert_eq!(idle.at(at(301)), SlaState::Breached);
        let started = |second| incident::Model {
            started_at: Some(at(second)),
            ..incident()
        };
        let in_time = Deadlines::of(&started(300), &rule());
        assert_eq!(in_time.at(at(301)), SlaState::OnTrack);
        assert_eq!(in_time.at(at(750)), SlaState::AtRisk);
        let late = Deadlines::of(&started(301), &rule());
        assert_eq!(late.breached_at(at(400)), Some(at(300)));
        let other = incident::Model {
            priority: Priority::Low,
            ..incident()
        };
        assert_eq!(Deadlines::of(&other, &rule()).start_by, None);
    }

    proptest! {
        /// What a filter asks of the stored columns relies on it.
        #[test]
        fn doubt_never_comes_after_the_miss_and_time_only_makes_it_worse(
            assigned in proptest::option::of(-5_000_i64..5_000),
            due in proptest::option::of(-5_000_i64..5_000),
            started in proptest::option::of(-5_000_i64..5_000),
            ended in proptest::option::of(-5_000_i64..5_000),
            is_completed: bool,
            percent in 0_u8..=200,
            now in -6_000_i64..6_000,
        ) {
            let row = incident::Model {
                assigned_at: assigned.map(at),
                due_at: due.map(at),
                started_at: started.map(at),
                completed_at: ended.map(at),
                state: if is_completed { WorkState::Completed } else { WorkState::Started },
                ..incident()
            };
            let rule = Rule { at_risk_percent: percent, ..rule() };
            let clocks = Deadlines::of(&row, &rule);
            if let (Some(risk), Some(miss)) = (clocks.risk_at, clocks.miss_at) {
                prop_assert!(risk <= miss);
            }
            prop_assert!(clocks.miss_at.is_some() || clocks.risk_at.is_none());
            let runs = clocks.due_at.is_some() || clocks.start_by.is_some();
            prop_assert!(runs || clocks.miss_at.is_none());
            let rank = |state| match state {
                SlaState::NotApplicable | SlaState::Met | SlaState::OnTrack => 0,
                SlaState::AtRisk => 1,
                SlaState::Breached => 2,
            };
            let mut stored = row.clone();
            clocks.store(&mut stored);
            let states = [
                SlaState::NotApplicable,
                SlaState::OnTrack,
                SlaState::AtRisk,
                SlaState::Breached,
                SlaState::Met,
            ];
            for state in states {
                let holds = state.filter().at(at(now)).matches(&stored);
                prop_assert_eq!(holds, state == clocks.at(at(now)), "{:?}", state);
            }
            prop_assert!(rank(clocks.at(at(now))) <= rank(clocks.at(at(now + 1))));
        }
    }
}
