//! Statistics: numbers of incidents and of tasks, each with the filter that finds its rows.

mod incident;
mod task;

use std::sync::Arc;

use async_graphql::registry::{MetaField, Registry};
use async_graphql::{InputObject, Json, OutputType, SimpleObject};
use chrono::{DateTime, Utc};

use crate::domain::statistics::read::{Counts, KindCount as Kinds};
use crate::domain::statistics::{Interval, Ranks};
use crate::graphql::edge_field::{bounded, field};
use crate::graphql::enums::{Bucket, Priority, StatusType, TaskKind, WorkState};
use crate::graphql::expand::{self, Members};
use crate::graphql::moment::Moment;
use crate::graphql::slot::Slots;
use crate::graphql::written::written;

pub use incident::IncidentNumbers;
pub use task::TaskNumbers;

/// A field that is worked out when it is asked for.
fn number<T: OutputType>(
    registry: &mut Registry,
    name: &str,
    description: &str,
) -> (String, MetaField) {
    let ty = T::create_type_info(registry);
    field(name, description, ty, Vec::new())
}

/// A list of about `ROWS` that is worked out when it is asked for.
fn each<T: OutputType, const ROWS: usize>(
    registry: &mut Registry,
    name: &str,
    description: &str,
) -> (String, MetaField) {
    let (name, mut field) = number::<Vec<T>>(registry, name, description);
    field.compute_complexity = Some(|_, _, _, below| Ok(bounded(below.saturating_mul(ROWS))));
    (name, field)
}

/// What statistics are of: what was reported from a time on and before another.
#[derive(Clone, Debug, Default, InputObject)]
pub struct Period {
    /// From then on. When not given: the beginning of the 24th hour, the 30th day, the 12th week or the 12th month
    /// backwards, counted with the one that `to` is in; of the 30th day where there are no buckets.
    pub(in crate::graphql) from: Option<Moment>,
    /// Until then, without what was reported exactly then. Now, when not given.
    pub(in crate::graphql) to: Option<Moment>,
}

/// Statistics of a place, of what was reported there in a period.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Statistics {
    /// The beginning of the period (UTC); what was reported then counts.
    from: DateTime<Utc>,
    /// The end of the period (UTC); what was reported then does not count any more.
    to: DateTime<Utc>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Statistics { from, to } and slots);

impl Statistics {
    pub(in crate::graphql) fn new(whole: Interval, slots: Slots) -> Self {
        Self {
            from: whole.start,
            to: whole.end,
            slots,
        }
    }
}

/// What all numbers of one answer share.
pub(in crate::graphql) struct Frame<N> {
    /// What finds the rows of the whole, but for the time.
    pub(in crate::graphql) base: Members,
    /// When the numbers were asked for.
    pub(in crate::graphql) now: DateTime<Utc>,
    /// Which numbers were asked for.
    pub(in crate::graphql) wanted: Vec<N>,
    /// Whether incidents' own work orders were asked for.
    pub(in crate::graphql) is_kind_asked: bool,
}

/// The numbers of one stretch of time.
pub struct Sheet<N> {
    frame: Arc<Frame<N>>,
    interval: Interval,
    found: Found,
}

/// What was found of one stretch of time.
#[derive(Clone, Default)]
pub(in crate::graphql) struct Found {
    pub(in crate::graphql) counts: Counts,
    pub(in crate::graphql) response: Option<Ranks>,
    pub(in crate::graphql) resolution: Option<Ranks>,
    pub(in crate::graphql) kinds: Vec<Kinds>,
}

impl<N: Copy + PartialEq> Sheet<N> {
    pub(in crate::graphql) fn new(frame: Arc<Frame<N>>, interval: Interval, found: Found) -> Self {
        Self {
            frame,
            interval,
            found,
        }
    }

    fn count(&self, number: N) -> i64 {
        let nth = self
            .frame
            .wanted
            .iter()
            .position(|wanted| *wanted == number);
        let count = nth.and_then(|nth| self.found.counts.counts.get(nth));
        count.copied().unwrap_or(0)
    }

    /// `part` of `whole`; none where there is nothing.
    fn rate(&self, part: N, whole: N) -> Option<f64> {
        let whole = self.count(whole);
        (whole > 0).then(|| self.count(part) as f64 / whole as f64)
    }

    /// What finds the rows of this stretch that `own` asks for.
    fn opened(&self, own: Members) -> Json<serde_json::Value> {
        let mut all = own;
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
        let stretch = serde_json::json!({
            "gte": text(self.interval.start),
            "lt": text(self.interval.end),
        });
        let stretch = [("reportedAt".to_owned(), stretch)];
        expand::add(&mut all, stretch.into_iter().collect());
        expand::add(&mut all, self.frame.base.clone());
        Json(all.into())
    }

    fn length(&self, nth: usize, of: Members, ranks: Option<Ranks>) -> Length {
        let told = self.found.counts.lengths.get(nth).copied();
        let (count, sum) = told.unwrap_or_default();
        Length {
            count: int(count),
            average: (count > 0).then(|| sum as f64 / count as f64),
            median: ranks.map(|ranks| int(ranks.median)),
            p90: ranks.map(|ranks| int(ranks.p90)),
            filter: self.opened(of),
        }
    }
}

fn int(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A number of rows.
#[derive(SimpleObject)]
pub struct RowCount {
    /// How many.
    count: i32,
    /// What finds them: a value for `filter` of `incidents`, or of `tasks` where tasks are counted. It holds the place, the
    /// stretch of time and what the statistics were asked with; times in it are fixed, but `slaState` and
    /// `breachesWithin` ask how something stands when they are asked.
    filter: Json<serde_json::Value>,
}

written!(RowCount { count, filter });

/// How long something took, in whole seconds. What began before it was assigned took none.
#[derive(SimpleObject)]
pub struct Length {
    /// How many rows tell it.
    count: i32,
    /// The average, in seconds; null when no row tells it.
    average: Option<f64>,
    /// The median, in seconds: the least of the values that at least half of them do not exceed (nearest rank). Null when no
    /// row tells it.
    median: Option<i32>,
    /// The 90th percentile, in seconds: the least of the values that at least nine in ten do not exceed (nearest rank). Null
    /// when no row tells it.
    p90: Option<i32>,
    /// What finds the rows that tell it: a value for `filter` of `incidents`, or of `tasks` where tasks are counted.
    filter: Json<serde_json::Value>,
}

written!(Length {
    count,
    average,
    median,
    p90,
    filter
});

/// How many there are in a state.
#[derive(SimpleObject)]
pub struct StateCount {
    /// The state.
    state: WorkState,
    /// How many.
    count: i32,
    /// What finds them: a value for `filter` of `incidents`, or of `tasks` where tasks are counted.
    filter: Json<serde_json::Value>,
}

written!(StateCount {
    state,
    count,
    filter
});

/// How many there are of a priority.
#[derive(SimpleObject)]
pub struct PriorityCount {
    /// The priority.
    priority: Priority,
    /// How many.
    count: i32,
    /// What finds them: a value for `filter` of `incidents`, or of `tasks` where tasks are counted.
    filter: Json<serde_json::Value>,
}

written!(PriorityCount {
    priority,
    count,
    filter
});

/// How many incidents one sort of sensor or app reported.
#[derive(SimpleObject)]
pub struct KindCount {
    /// What reported them, in the words of Matrix (`Meta.By`); null where nothing was told, and for all others together.
    kind: Option<String>,
    /// Whether these are all that are not named: the 20 most frequent are.
    is_other: bool,
    /// How many.
    count: i32,
    /// What finds them: a value for `filter` of `incidents`.
    filter: Json<serde_json::Value>,
}

written!(KindCount {
    kind,
    is_other,
    count,
    filter
});

/// How many tasks there are of a kind.
#[derive(SimpleObject)]
pub struct TaskKindCount {
    /// The kind.
    kind: TaskKind,
    /// How many.
    count: i32,
    /// What finds them: a value for `filter` of `tasks`.
    filter: Json<serde_json::Value>,
}

written!(TaskKindCount {
    kind,
    count,
    filter
});

/// How many Urgent tasks there are whose status has a type.
#[derive(SimpleObject)]
pub struct StatusTypeCount {
    /// The type.
    status_type: StatusType,
    /// How many.
    count: i32,
    /// What finds them: a value for `filter` of `tasks`.
    filter: Json<serde_json::Value>,
}

written!(StatusTypeCount {
    status_type,
    count,
    filter
});

macro_rules! statistics {
    ($($(#[$doc:meta])* $name:ident of $numbers:ident;)+) => {$(
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// The beginning of the period (UTC); what was reported then counts.
            from: DateTime<Utc>,
            /// The end of the period (UTC); what was reported then does not count any more.
            to: DateTime<Utc>,
            /// The IANA name of the time zone whose clock cuts the buckets.
            time_zone: &'static str,
            /// What the buckets are; null where the period is not cut.
            bucket: Option<Bucket>,
            /// The numbers of the whole period.
            whole: $numbers,
            /// The numbers of each bucket, the earliest first; the first and the last may be cut off by the period. Empty when no
            /// `bucket` was asked for.
            buckets: Vec<$numbers>,
        }

        impl $name {
            pub(in crate::graphql) fn new(
                period: Interval,
                zone: &'static str,
                bucket: Option<Bucket>,
                whole: $numbers,
                buckets: Vec<$numbers>,
            ) -> Self {
                Self { from: period.start, to: period.end, time_zone: zone, bucket, whole, buckets }
            }
        }

        written!($name { from, to, time_zone, bucket, whole, buckets });
    )+};
}

statistics! {
    /// Statistics of incidents: of those that were reported in a period, whatever became of them later.
    IncidentStatistics of IncidentNumbers;
    /// Statistics of tasks: of those that were first told of in a period, whatever became of them later. Incidents' own work
    /// orders are left out unless the filter asks for a kind.
    TaskStatistics of TaskNumbers;
}
