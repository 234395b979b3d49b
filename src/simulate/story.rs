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
    use std::collections::BTreeSet;

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
}
