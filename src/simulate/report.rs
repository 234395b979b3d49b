//! What was sent and how it was answered: the count, its verdict, and its form for machines. People read `summary`.

use super::{audience::Heard, call::Call};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// Unexplained answers shown in full.
const SHOWN: usize = 5;
/// So many calls in a row without an answer, each tried several times, mean that the server is gone.
const GONE: usize = 5;

/// How one call ended.
pub(super) enum Outcome {
    /// The server answered, for good.
    Answered(Answer),
    /// It never did.
    Failed { retries: usize, reason: String },
}

/// A final answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    /// Of the last attempt.
    pub(super) latency: Duration,
    /// Attempts before it: the server asked to come again, or the connection broke.
    pub(super) retries: usize,
}

impl Answer {
    /// As the platform reads it: 200 counts only with an empty body.
    pub(super) fn is_acknowledgement(&self) -> bool {
        self.status == 200 && self.body.is_empty()
    }

    fn is_expected(&self, call: &Call) -> bool {
        if call.expected == 200 {
            self.is_acknowledgement()
        } else {
            self.status == call.expected
        }
    }
}

/// Calls and events of one operation.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sent {
    pub(super) calls: usize,
    pub(super) events: usize,
}

/// An answer nobody asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unexplained {
    pub(super) operation: &'static str,
    pub(super) expected: u16,
    pub(super) status: u16,
    pub(super) body: String,
}

/// The whole run.
#[derive(Debug, Default, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// By operation, repeats too.
    pub(super) sent: BTreeMap<&'static str, Sent>,
    /// Final answers by status.
    pub(super) answers: BTreeMap<u16, usize>,
    /// Calls answered as an acknowledgement, and the events in them.
    pub(super) acknowledged: Sent,
    /// Broken Urgent calls refused as they should be.
    pub(super) expected_rejections: usize,
    /// Broken elements within Matrix batches that were acknowledged: the server should have quarantined these.
    pub(super) broken_elements: usize,
    pub(super) repeats: usize,
    pub(super) moved: usize,
    /// Attempts repeated after 503 or a broken connection.
    pub(super) retries: usize,
    pub(super) unexplained: usize,
    /// The first few of them.
    pub(super) unexplained_answers: Vec<Unexplained>,
    /// Calls that were never answered.
    pub(super) failed: usize,
    /// Why the first of them failed.
    pub(super) first_failure: Option<String>,
    /// Calls not made, because the run was stopped or the server was gone.
    pub(super) not_sent: usize,
    pub(super) seconds: f64,
    /// Acknowledged events.
    pub(super) events_per_second: f64,
    pub(super) p50_milliseconds: f64,
    pub(super) p99_milliseconds: f64,
    /// What those heard who followed; null where nobody did.
    pub(super) heard: Option<Heard>,
    #[serde(skip)]
    latencies: Vec<Duration>,
    #[serde(skip)]
    failed_in_a_row: usize,
}

impl Report {
    /// Counts one call.
    pub(super) fn count(&mut self, call: &Call, outcome: Outcome) {
        let sent = self.sent.entry(call.operation.name()).or_default();
        sent.calls += 1;
        sent.events += call.events;
        self.repeats += usize::from(call.repeat);
        self.moved += usize::from(call.moved);
        match outcome {
            Outcome::Answered(answer) => self.answered(call, answer),
            Outcome::Failed { retries, reason } => {
                self.retries += retries;
                self.failed += 1;
                self.failed_in_a_row += 1;
                self.first_failure.get_or_insert(reason);
            }
        }
    }

    fn answered(&mut self, call: &Call, answer: Answer) {
        *self.answers.entry(answer.status).or_default() += 1;
        self.retries += answer.retries;
        self.failed_in_a_row = 0;
        self.latencies.push(answer.latency);
        if !answer.is_expected(call) {
            self.unexplained += 1;
            if self.unexplained_answers.len() < SHOWN {
                self.unexplained_answers.push(Unexplained {
                    operation: call.operation.name(),
                    expected: call.expected,
                    status: answer.status,
                    body: answer.body,
                });
            }
        } else if answer.is_acknowledgement() {
            self.acknowledged.calls += 1;
            self.acknowledged.events += call.events;
            self.broken_elements += call.broken;
        } else {
            self.expected_rejections += 1;
        }
    }

    /// A call that was not made after all.
    pub(super) fn skip(&mut self) {
        self.not_sent += 1;
    }

    /// Whether so many calls in a row failed that the server must be gone.
    pub(super) fn server_is_gone(&self) -> bool {
        self.failed_in_a_row >= GONE
    }

    /// Closes the count; `left` calls were never begun.
    pub(super) fn finish(&mut self, took: Duration, left: usize) {
        self.not_sent += left;
        self.seconds = took.as_secs_f64();
        self.events_per_second = self.acknowledged.events as f64 / self.seconds.max(f64::EPSILON);
        self.latencies.sort_unstable();
        self.p50_milliseconds = self.percentile(50);
        self.p99_milliseconds = self.percentile(99);
    }

    /// Nearest rank.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.latencies.len() * percent).div_ceil(100);
        self.latencies
            .get(rank.saturating_sub(1))
            .map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }

    /// Everything was sent, every answer was the right one, and who followed was told what the feed holds.
    pub(super) fn is_clean(&self) -> bool {
        let is_heard = self.heard.as_ref().is_none_or(Heard::is_clean);
        self.unexplained == 0 && self.failed == 0 && self.not_sent == 0 && is_heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{call::SignedAt, operation::Operation};

    fn call(expected: u16) -> Call {
        Call {
            operation: Operation::NoteAdded,
            body: String::new(),
            events: 1,
            broken: 0,
            expected,
            repeat: false,
            moved: false,
            stories: vec![],
            signed_at: SignedAt::default(),
        }
    }

    fn answered(expected: u16, status: u16, body: &str) -> Report {
        let mut report = Report::default();
        let answer = Answer {
            status,
            body: body.into(),
            latency: Duration::from_millis(3),
            retries: 0,
        };
        report.count(&call(expected), Outcome::Answered(answer));
        report.finish(Duration::from_secs(1), 0);
        report
    }

    #[test]
    fn only_the_right_answer_is_explained() {
        assert!(answered(200, 200, "").is_clean());
        assert!(answered(422, 422, "why").is_clean());
        assert_eq!(answered(422, 422, "why").expected_rejections, 1);
        for (expected, status, body) in [
            (200, 200, "ok"),
            (200, 204, ""),
            (200, 429, ""),
            (400, 422, ""),
            (422, 200, ""),
        ] {
            let report = answered(expected, status, body);
            assert!(
                !report.is_clean() && report.unexplained == 1,
                "{expected} {status} {body}"
            );
            assert!(
                report
                    .to_string()
                    .contains(&format!("expected {expected}, got {status}"))
            );
        }
    }

    #[test]
    fn percentiles_are_nearest_rank_and_failures_in_a_row_mean_gone() {
        let mut report = Report::default();
        for milliseconds in 1..=200 {
            let answer = Answer {
                status: 200,
                body: String::new(),
                latency: Duration::from_millis(milliseconds),
                retries: 0,
            };
            report.count(&call(200), Outcome::Answered(answer));
        }
        report.finish(Duration::from_secs(2), 0);
        assert_eq!(
            (
                report.p50_milliseconds,
                report.p99_milliseconds,
                report.events_per_second
            ),
            (100.0, 198.0, 100.0)
        );
        for _ in 0..GONE {
            assert!(!report.server_is_gone());
            report.count(
                &call(200),
                Outcome::Failed {
                    retries: 1,
                    reason: "refused".into(),
                },
            );
        }
        assert!(report.server_is_gone() && !report.is_clean());
    }
}
