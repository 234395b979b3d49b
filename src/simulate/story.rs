//! The history of the estate as a stream of events: which stories happen when, and their order.
//! Pure: the seed and `now` decide everything. How a story goes is `matrix`, `background` and `urgent`.

use super::{background, estate::Estate, matrix, operation::Operation, urgent};
use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;

/// One thing a platform will tell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// The story it belongs to; within one, order matters.
    pub(super) story: usize,
    pub(super) what: What,
}

/// An event in its platform's own form.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// One element of a Matrix batch, as JSON; the bus pushes each property by itself.
    Matrix { property: usize, element: String },
    /// One Urgent call.
    Urgent { operation: Operation, body: String },
}

/// The span that is told, and what numbers the tasks.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
}

/// The last of the history lies this far back, so that nothing is told from the receiver's future.
const LITTLE: TimeDelta = TimeDelta::seconds(5);

impl Span {
    /// `days` days that end a little before `now`.
    pub(super) fn before(now: DateTime<Utc>, days: u32) -> Self {
        let to = now - LITTLE;
        Self {
            from: to - TimeDelta::days(i64::from(days)),
            to,
        }
    }

    /// A moment within, down to Urgent's 100 ns.
    fn moment(&self, rng: &mut Rng) -> DateTime<Utc> {
        let ticks = (self.to - self.from).num_milliseconds().max(1) * 10_000;
        let drawn = rng.i64(0..ticks);
        self.from + TimeDelta::microseconds(drawn / 10) + TimeDelta::nanoseconds(drawn % 10 * 100)
    }
}

/// Exactly `count` events within `span`, ordered by time. Stories that reach past the span's end are still going on.
pub(super) fn tell(seed: u64, estate: &Estate, span: Span, count: usize) -> Vec<Event> {
    // Not the estate's own stream, so that both can grow by themselves.
    let mut rng = Rng::with_seed(seed ^ 0x5eed_0f57_0a1e_5000);
    // References count on from the clock: a second run then continues instead of naming the first one's tasks.
    let mut reference = span.to.timestamp().rem_euclid(10_000_000) * 100;
    let mut events: Vec<Event> = Vec::with_capacity(count + 16);
    let mut story = 0;
    while events.len() < count {
        let start = span.moment(&mut rng);
        let told = one(&mut rng, estate, start, &mut reference);
        events.extend(
            told.into_iter()
                .filter(|(at, _)| *at <= span.to)
                .map(|(at, what)| Event { at, story, what }),
        );
        story += 1;
    }
    events.truncate(count);
    events.sort_by_key(|event| event.at);
    events
}

fn one(
    rng: &mut Rng,
    estate: &Estate,
    start: DateTime<Utc>,
    reference: &mut i64,
) -> Vec<(DateTime<Utc>, What)> {
    let building = &estate.buildings[rng.usize(..estate.buildings.len())];
    let property = building.property;
    let matrix = |told: Vec<(DateTime<Utc>, String)>| -> Vec<_> {
        told.into_iter()
            .map(|(at, element)| (at, What::Matrix { property, element }))
            .collect()
    };
    let zone = &building.zones[rng.usize(..building.zones.len())];
    let trouble = &zone.kind.troubles[rng.usize(..zone.kind.troubles.len())];
    let tenant = estate.properties[property].tenant;
    let urgent = |told: Vec<urgent::Told>| {
        told.into_iter()
            .map(|(at, operation, body)| (at, What::Urgent { operation, body }))
    };
    match rng.u32(..100) {
        0..58 => {
            let (told, task_id) = matrix::incident(rng, estate, building, zone, trouble, start);
            let mut all = matrix(told);
            if let Some(site) = building.site.as_ref().filter(|_| rng.f64() < 0.35) {
                *reference += 1;
                let raised = start + TimeDelta::seconds(rng.i64(60..900));
                let about = urgent::Work::reactive(tenant, building, site, zone, trouble, task_id);
                all.extend(urgent(urgent::task(rng, &about, *reference, raised)));
                all.sort_by_key(|(at, _)| *at);
            }
            all
        }
        58..83 => matrix(matrix::cleaning(rng, estate, building, zone, start)),
        83..88 => matrix(background::grid(rng, estate, building, zone, start)),
        88..92 => matrix(background::shift(rng, estate, building, start)),
        92..94 => matrix(background::audit(rng, estate, building, zone, start)),
        _ => match &building.site {
            Some(site) => {
                *reference += 1;
                let about = urgent::Work::planned(rng, tenant, building, site);
                urgent(urgent::task(rng, &about, *reference, start)).collect()
            }
            None => matrix(matrix::cleaning(rng, estate, building, zone, start)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::estate;
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};

    fn history(seed: u64, count: usize) -> Vec<Event> {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        tell(
            seed,
            &estate::draw(seed, count),
            Span::before(now, 7),
            count,
        )
    }

    fn elements(events: &[Event]) -> impl Iterator<Item = Value> {
        events.iter().filter_map(|event| match &event.what {
            What::Matrix { element, .. } => Some(serde_json::from_str(element).unwrap()),
            What::Urgent { .. } => None,
        })
    }

    fn bodies(events: &[Event]) -> impl Iterator<Item = (Operation, Value)> {
        events.iter().filter_map(|event| match &event.what {
            What::Matrix { .. } => None,
            What::Urgent { operation, body } => {
                Some((*operation, serde_json::from_str(body).unwrap()))
            }
        })
    }

    #[test]
    fn same_seed_and_now_tell_the_same_history_in_order_of_time() {
        let events = history(5, 2_000);
        assert_eq!(events.len(), 2_000);
        assert!(events.is_sorted_by_key(|event| event.at));
        assert!(events == history(5, 2_000));
        assert!(events != history(6, 2_000));
    }

    #[test]
    fn every_event_of_the_vocabulary_occurs() {
        let seen: BTreeSet<String> = elements(&history(1, 5_000))
            .map(|e| e["Event"].as_str().unwrap().to_owned())
            .collect();
        for event in [
            "INCIDENT_CREATED",
            "INCIDENT_CREATED_OPEN",
            "NEW_INCIDENT_CREATED_OPEN",
            "INCIDENT_ESCALATED",
            "INCIDENT_STARTED",
            "INCIDENT_COMPLETED",
            "INCIDENT_INCOMPLETE",
            "TASK_STARTED",
            "TASK_COMPLETED",
            "TASK_INCOMPLETE",
            "SHIFT_STARTED",
            "SHIFTS_PUBLISHED",
            "SHIFT_DELAYED",
            "SHIFT_ABSENT",
            "SHIFT_COMPLETED",
            "AUDIT_STARTED",
            "AUDIT_COMPLETED",
            "ZONE_CREATED",
            "ZONE_NAME_MODIFIED",
            "ZONE_STATUS_MODIFIED",
            "ZONE_REMOVED",
            "LEVEL_CREATED",
            "LEVEL_NAME_MODIFIED",
        ] {
            assert!(seen.contains(event), "{event} never occurs");
        }
    }

    #[test]
    fn work_orders_have_the_shape_of_the_published_example_and_go_forward() {
        let example = serde_json::json!({
            "AEnd": 0, "AStart": 0, "By": "AQ Lite", "End": 1_686_794_161, "EscalationLevel": "L0", "Name": "Bad smell in washroom",
            "Priority": "H", "SourceDeviceIdentifier": ["AQ-L2-M-01"], "Start": 1_686_793_261, "Status": "NOT_ASSIGNED",
            "TaskId": "1686793261034749182", "Type": "INCIDENT", "Zone": "zone-l2-male-washroom", "ZoneName": "L2 Male Washroom"
        });
        let expected: BTreeSet<&String> = example.as_object().unwrap().keys().collect();
        let mut latest: BTreeMap<String, i64> = BTreeMap::new();
        for element in elements(&history(2, 3_000)) {
            let envelope: BTreeSet<&str> = element
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(
                envelope,
                BTreeSet::from([
                    "ID",
                    "ATTR",
                    "Description",
                    "Event",
                    "Principal",
                    "PType",
                    "Entity",
                    "EType",
                    "RoutingKey",
                    "RoutingKeyS",
                    "Status",
                    "Time",
                    "UnixTime",
                    "UnixTimeInt",
                    "Module",
                    "Meta"
                ])
            );
            let words: Vec<&str> = element["RoutingKeyS"]
                .as_array()
                .unwrap()
                .iter()
                .map(|word| word.as_str().unwrap())
                .collect();
            assert_eq!(element["RoutingKey"], words.join("."));
            let at = element["UnixTimeInt"].as_i64().unwrap();
            assert_eq!(element["UnixTime"], at.to_string());
            assert_eq!(
                element["Time"],
                format!("{}#{at}", element["Module"].as_str().unwrap())
            );
            let Some(task) = element["Meta"]["TaskId"].as_str() else {
                continue;
            };
            assert!(task.len() == 19 && task.bytes().all(|byte| byte.is_ascii_digit()));
            assert_eq!(
                element["Meta"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .collect::<BTreeSet<_>>(),
                expected
            );
            let before = latest.insert(task.to_owned(), at);
            assert!(
                before.is_none_or(|before| before < at),
                "{task} stands still"
            );
        }
    }

    #[test]
    fn urgent_tasks_begin_with_their_creation_and_some_belong_to_incidents() {
        let events = history(4, 4_000);
        let incidents: BTreeSet<String> = elements(&events)
            .filter_map(|e| e["Meta"]["TaskId"].as_str().map(str::to_owned))
            .collect();
        let mut created = BTreeSet::new();
        let mut linked = 0;
        let mut children = 0;
        for (operation, body) in bodies(&events) {
            if let Some(task) = body["TaskIdentifier"].as_str() {
                match operation {
                    Operation::TaskCreated => assert!(created.insert(task.to_owned())),
                    _ => assert!(created.contains(task)),
                }
            }
            if operation == Operation::TaskCreated {
                let site = &body["Site"];
                children += usize::from(site["ParentCode"].is_string());
                linked += usize::from(
                    body["ExternalIdentifier"]
                        .as_str()
                        .is_some_and(|task| incidents.contains(task)),
                );
            }
        }
        assert!(
            created.len() > 100 && linked > 50 && children > 20,
            "{} {linked} {children}",
            created.len()
        );
    }

    #[test]
    fn the_platforms_inconsistencies_all_occur() {
        let events = history(9, 6_000);
        let all: Vec<(Operation, Value)> = bodies(&events).collect();
        let of = |wanted| {
            all.iter()
                .filter(move |(operation, _)| *operation == wanted)
                .map(|(_, body)| body)
        };
        assert!(of(Operation::NoteAdded).any(|note| note.get("TaskIdentifier").is_none()));
        assert!(of(Operation::NoteAdded).any(|note| note["TaskReference"].is_string()));
        assert!(of(Operation::NoteAdded).any(|note| note["TaskReference"].is_i64()));
        let statuses: Vec<&Value> = of(Operation::StatusChanged).collect();
        assert!(
            statuses
                .iter()
                .any(|status| status["Status"] == "Intervention effectuée – Attente du devis")
        );
        assert!(
            statuses
                .iter()
                .any(|status| status["AssetDowntime"].is_object())
        );
        assert!(
            statuses
                .iter()
                .any(|status| status["AssetDowntime"].is_null())
        );
        let answers: Vec<&Value> = statuses
            .iter()
            .filter_map(|status| status["TaskCompliance"].as_array())
            .flatten()
            .map(|answer| &answer["Answer"])
            .collect();
        assert!(answers.iter().any(|answer| answer.is_string()));
        assert!(answers.iter().any(|answer| answer.is_boolean()));
        assert!(answers.iter().any(|answer| answer.is_f64()));
        let times: Vec<&str> = statuses
            .iter()
            .filter_map(|status| status["StatusChangeDateTimeUtc"].as_str())
            .collect();
        let digits: BTreeSet<usize> = times
            .iter()
            .map(|time| {
                time.split_once('.').map_or(0, |(_, rest)| {
                    rest.bytes().take_while(u8::is_ascii_digit).count()
                })
            })
            .collect();
        assert_eq!(digits, (0..=7).collect());
        assert!(times.iter().any(|time| time.ends_with('Z')));
        assert!(times.iter().any(|time| time[19..].contains(['+', '-'])));
        assert!(
            times
                .iter()
                .any(|time| !time.ends_with('Z') && !time[19..].contains(['+', '-']))
        );
        assert!(
            of(Operation::TaskChased).next().is_some()
                && of(Operation::TaskChanged).next().is_some()
        );
        assert!(elements(&events).any(|element| element["Meta"]["Start"].is_string()));
        assert!(elements(&events).any(|element| element["Meta"]["Start"].is_i64()));
    }
}
