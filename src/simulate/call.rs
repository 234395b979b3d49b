//! From the history to HTTP calls: Matrix batches per property, Urgent calls one by one, and what answer each deserves.
//! Pure; disorder is `disorder`, broken elements are made by `spoil`.

use super::{
    operation::Operation,
    spoil,
    story::{Event, What},
};
use chrono::{DateTime, Utc};
use fastrand::Rng;
use std::sync::{Arc, Mutex};

/// The `X-Timestamp` a call and its repeats share; empty until it is first signed.
pub(super) type SignedAt = Arc<Mutex<Option<Stamp>>>;

/// A signed time.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    pub(super) text: String,
    /// From then on a repeat is signed anew, as the receiver's grace window asks; never where it is `None`.
    pub(super) until: Option<DateTime<Utc>>,
}

/// One HTTP call to make.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) body: String,
    /// Events in it, broken ones too.
    pub(super) events: usize,
    /// Broken ones among them.
    pub(super) broken: usize,
    /// The status that is right for it.
    pub(super) expected: u16,
    /// Sent before, on purpose.
    pub(super) repeat: bool,
    /// Moved from its place, on purpose.
    pub(super) moved: bool,
    /// Stories it tells of: an earlier call of any of them is answered first, unless one was moved or is a repeat.
    pub(super) stories: Vec<usize>,
    /// A repeat carries the first call's time of signing, as the platform's own does.
    pub(super) signed_at: SignedAt,
}

/// How events become calls.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    /// Most events of a Matrix call.
    pub(super) batch: usize,
    /// Share of Matrix elements, and of Urgent calls, that are broken.
    pub(super) bad: f64,
}

#[derive(Default)]
struct Batch {
    elements: Vec<String>,
    stories: Vec<usize>,
    size: usize,
}

/// Packs `events`, which are in order of time, into calls. Every story stays in order.
pub(super) fn pack(rng: &mut Rng, events: Vec<Event>, packing: Packing) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut open: Vec<Batch> = Vec::new();
    for event in events {
        match event.what {
            What::Matrix { property, element } => {
                if open.len() <= property {
                    open.resize_with(property + 1, Batch::default);
                }
                let batch = &mut open[property];
                if batch.elements.is_empty() {
                    batch.size = rng.usize(1..=packing.batch.max(1));
                }
                batch.elements.push(element);
                batch.stories.push(event.story);
                if batch.elements.len() >= batch.size {
                    calls.push(close(rng, batch, packing.bad));
                }
            }
            What::Urgent { operation, body } => {
                // An incident is pushed before the work order that it led to.
                for batch in open
                    .iter_mut()
                    .filter(|batch| batch.stories.contains(&event.story))
                {
                    calls.push(close(rng, batch, packing.bad));
                }
                calls.push(single(rng, operation, body, event.story, packing.bad));
            }
        }
    }
    for batch in open.iter_mut().filter(|batch| !batch.elements.is_empty()) {
        calls.push(close(rng, batch, packing.bad));
    }
    calls
}

fn call(operation: Operation, body: String, events: usize, stories: Vec<usize>) -> Call {
    Call {
        operation,
        body,
        events,
        broken: 0,
        expected: 200,
        repeat: false,
        moved: false,
        stories,
        signed_at: SignedAt::default(),
    }
}

fn close(rng: &mut Rng, batch: &mut Batch, bad: f64) -> Call {
    let Batch {
        mut elements,
        mut stories,
        ..
    } = std::mem::take(batch);
    let mut broken = 0;
    for element in &mut elements {
        if rng.f64() < bad {
            *element = spoil::element(rng, element);
            broken += 1;
        } else if rng.f64() < 0.03 {
            // The sibling sensor push sends each object as a string; the bus may too.
            *element = serde_json::Value::String(std::mem::take(element)).to_string();
        }
    }
    stories.sort_unstable();
    stories.dedup();
    let count = elements.len();
    let alone = count == 1 && broken == 0 && elements[0].starts_with('{') && rng.f64() < 0.1;
    // A lone object is a batch of one.
    let body = if alone {
        elements.remove(0)
    } else {
        format!("[{}]", elements.join(","))
    };
    Call {
        broken,
        ..call(Operation::Batch, body, count, stories)
    }
}

fn single(rng: &mut Rng, operation: Operation, body: String, story: usize, bad: f64) -> Call {
    if rng.f64() >= bad {
        return call(operation, body, 1, vec![story]);
    }
    let (body, expected) = spoil::call(rng, &body);
    Call {
        broken: 1,
        expected,
        ..call(operation, body, 1, vec![story])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{
        estate,
        story::{Span, tell},
    };
    use chrono::DateTime;
    use serde_json::Value;

    fn calls(bad: f64) -> Vec<Call> {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let events = tell(1, &estate::draw(1, 6_000), Span::before(now, 7), 6_000);
        pack(&mut Rng::with_seed(1), events, Packing { batch: 20, bad })
    }

    /// The elements of a batch, those sent as strings opened.
    fn elements(call: &Call) -> Vec<Value> {
        let body: Value = serde_json::from_str(&call.body).unwrap();
        let list = if body.is_array() {
            body.as_array().unwrap().clone()
        } else {
            vec![body]
        };
        list.into_iter()
            .map(|element| {
                element
                    .as_str()
                    .and_then(|text| serde_json::from_str(text).ok())
                    .unwrap_or(element)
            })
            .collect()
    }

    #[test]
    fn every_event_is_in_one_call_and_batches_mix_stories() {
        let calls = calls(0.0);
        assert_eq!(calls.iter().map(|call| call.events).sum::<usize>(), 6_000);
        let batches: Vec<&Call> = calls
            .iter()
            .filter(|call| call.operation == Operation::Batch)
            .collect();
        assert!(batches.iter().all(|call| call.events <= 20
            && elements(call).len() == call.events
            && call.expected == 200));
        assert!(batches.iter().any(|call| call.stories.len() > 3));
        assert!(
            batches.iter().any(|call| call.body.starts_with('{')),
            "a lone object"
        );
        assert!(
            batches
                .iter()
                .any(|call| call.body.contains("\"{\\\"ID\\\"")),
            "an element as a string"
        );
        for batch in batches {
            let properties: std::collections::BTreeSet<String> = elements(batch)
                .iter()
                .map(|e| e["Entity"].to_string())
                .collect();
            assert_eq!(properties.len(), 1);
        }
    }

    #[test]
    fn incidents_are_packed_in_order_and_before_their_work_orders() {
        let mut last: std::collections::HashMap<String, i64> = std::collections::HashMap::new();
        let mut linked = 0;
        for call in calls(0.0) {
            if call.operation == Operation::Batch {
                for element in elements(&call) {
                    let Some(task) = element["Meta"]["TaskId"].as_str() else {
                        continue;
                    };
                    let at = element["UnixTimeInt"].as_i64().unwrap();
                    assert!(
                        last.insert(task.to_owned(), at)
                            .is_none_or(|before| before < at)
                    );
                }
            } else if call.operation == Operation::TaskCreated {
                let body: Value = serde_json::from_str(&call.body).unwrap();
                let Some(task) = body["ExternalIdentifier"]
                    .as_str()
                    .filter(|task| task.len() == 19)
                else {
                    continue;
                };
                assert!(
                    last.contains_key(task),
                    "{task} is a work order before it is an incident"
                );
                linked += 1;
            }
        }
        assert!(linked > 50);
    }

    #[test]
    fn the_broken_share_is_as_asked_and_each_has_its_right_answer() {
        let calls = calls(0.1);
        let (mut elements_sent, mut broken, mut rejected) = (0, 0, [0, 0]);
        for call in &calls {
            if call.operation == Operation::Batch {
                elements_sent += call.events;
                broken += call.broken;
                assert_eq!(call.expected, 200);
                serde_json::from_str::<Value>(&call.body).unwrap();
            } else {
                let parsed = serde_json::from_str::<Value>(&call.body);
                match call.expected {
                    200 => assert!(call.broken == 0 && parsed.is_ok()),
                    400 => rejected[0] += usize::from(parsed.is_err()),
                    422 => rejected[1] += usize::from(parsed.is_ok()),
                    other => panic!("unexpected {other}"),
                }
            }
        }
        let share = broken as f64 / elements_sent as f64;
        assert!((0.08..0.12).contains(&share), "{share}");
        let urgent = calls
            .iter()
            .filter(|call| call.operation != Operation::Batch);
        let (all, bad) = urgent.fold((0, 0), |(all, bad), call| (all + 1, bad + call.broken));
        assert!(
            (0.08..0.12).contains(&(bad as f64 / all as f64)),
            "{bad} of {all}"
        );
        assert_eq!(rejected[0] + rejected[1], bad);
        assert!(rejected[0] > 20 && rejected[1] > 20, "{rejected:?}");
    }
}
