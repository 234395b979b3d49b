//! The period that statistics are of, and the stretches that it is cut into. Half-open: what was reported at the end of
//! one belongs to the next, and together they hold what the period holds.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::Bucket;
use crate::domain::filter::comparable;

/// A stretch of time, with its beginning and without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Its beginning.
    pub start: DateTime<Utc>,
    /// Its end.
    pub end: DateTime<Utc>,
}

/// Up to how many buckets are counted exactly when they are too many.
const MOST_WALKED: usize = 50_000;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// From when; without it, so many buckets before the end as are usual.
    pub from: Option<DateTime<Utc>>,
    /// Until when; without it, until now.
    pub to: Option<DateTime<Utc>>,
    /// How it is cut; without it, it is not.
    pub bucket: Option<Bucket>,
    /// Whose clock cuts it.
    pub zone: Tz,
}

/// A period, cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// All of it.
    pub whole: Interval,
    /// Its buckets, in order; the first begins with it and the last ends with it, though the hours, days, weeks or months
    /// that they are of may not. None when it is not cut.
    pub buckets: Vec<Interval>,
}

/// Why there is no such period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It ends before it begins.
    Backward,
    /// It has too many buckets: this many, or about as many.
    TooMany(usize),
}

/// The time zone with a name of the IANA database.
pub fn zone(name: &str) -> Option<Tz> {
    name.parse().ok()
}

impl Asked {
    /// From when to when.
    ///
    /// # Errors
    /// When it ends before it begins.
    pub fn whole(&self, now: DateTime<Utc>) -> Result<Interval, Unfit> {
        let end = comparable(self.to.unwrap_or(now));
        let start = match self.from {
            Some(from) => comparable(from),
            None => self.usual_start(end),
        };
        if start > end {
            return Err(Unfit::Backward);
        }
        Ok(Interval { start, end })
    }

    /// So many buckets back that, with the one that `end` cuts, they are as many as usual.
    fn usual_start(&self, end: DateTime<Utc>) -> DateTime<Utc> {
        let bucket = self.bucket.unwrap_or(Bucket::Day);
        let mut start = end;
        for _ in 0..bucket.usual() {
            let before = start - chrono::TimeDelta::microseconds(1);
            start = bucket.start(self.zone, before).unwrap_or(before);
        }
        comparable(start)
    }

    /// About how many buckets it has, without looking at a calendar; never too few by more than changes of the clock make.
    pub fn about(&self, now: DateTime<Utc>) -> usize {
        let Some(bucket) = self.bucket else { return 0 };
        let Ok(whole) = self.whole(now) else { return 0 };
        let length = (whole.end - whole.start).num_seconds() / bucket.least().num_seconds();
        usize::try_from(length)
            .unwrap_or(usize::MAX)
            .saturating_add(1)
    }

    /// The period with its buckets.
    ///
    /// # Errors
    /// When it ends before it begins, or has more buckets than `most`.
    pub fn cut(&self, now: DateTime<Utc>, most: usize) -> Result<Period, Unfit> {
        let whole = self.whole(now)?;
        let (mut buckets, mut count) = (Vec::new(), 0);
        if let Some(bucket) = self.bucket {
            let mut start = whole.start;
            while start < whole.end {
                let next = bucket.next(self.zone, start).unwrap_or(whole.end);
                let end = comparable(next).min(whole.end);
                count += 1;
                match count {
                    count if count <= most => buckets.push(Interval { start, end }),
                    count if count < MOST_WALKED => {}
                    count => return Err(Unfit::TooMany(self.about(now).max(count))),
                }
                start = end;
            }
            if count > most {
                return Err(Unfit::TooMany(count));
            }
        }
        Ok(Period { whole, buckets })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn asked(bucket: Option<Bucket>) -> Asked {
        Asked {
            from: None,
            to: None,
            bucket,
            zone: zone("Europe/Berlin").unwrap(),
        }
    }

    #[test]
    fn a_period_without_a_beginning_has_the_usual_buckets_and_ends_now() {
        let now = at("2026-03-31T09:30:00Z");
        for (bucket, count, start) in [
            (Bucket::Hour, 24, "2026-03-30T10:00:00Z"),
            (Bucket::Day, 30, "2026-03-01T23:00:00Z"),
            (Bucket::Week, 12, "2026-01-11T23:00:00Z"),
            (Bucket::Month, 12, "2025-03-31T22:00:00Z"),
        ] {
            let period = asked(Some(bucket)).cut(now, 100).unwrap();
            assert_eq!(period.buckets.len(), count, "{bucket:?}");
            assert_eq!(period.whole.start, at(start), "{bucket:?}");
            assert_eq!(period.whole.end, now);
        }
        let whole = asked(None).cut(now, 100).unwrap();
        assert_eq!(whole.whole.start, at("2026-03-01T23:00:00Z"));
        assert_eq!(whole.buckets, []);
    }

    #[test]
    fn what_is_cut_too_fine_or_runs_backward_is_refused() {
        let now = at("2026-03-31T09:30:00Z");
        let long = Asked {
            from: Some(at("1970-01-01T00:00:00Z")),
            ..asked(Some(Bucket::Hour))
        };
        assert_eq!(long.cut(now, 1_000), Err(Unfit::TooMany(long.about(now))));
        assert!(long.about(now) > 490_000);
        let backward = Asked {
            from: Some(at("2026-04-01T00:00:00Z")),
            ..asked(None)
        };
        assert_eq!(backward.cut(now, 1_000), Err(Unfit::Backward));
        let empty = Asked {
            from: Some(now),
            ..asked(Some(Bucket::Day))
        };
        assert_eq!(empty.cut(now, 1_000).unwrap().buckets, []);
        let ever = Asked {
            from: Some(DateTime::<Utc>::MIN_UTC),
            to: Some(DateTime::<Utc>::MAX_UTC),
            ..asked(Some(Bucket::Month))
        };
        assert!(matches!(ever.cut(now, 1_000), Err(Unfit::TooMany(_))));
    }

    proptest! {
        #[test]
        fn buckets_lie_side_by_side_and_fill_the_period(
            start in 0_i64..2_000_000_000,
            length in 0_i64..5_000_000,
            bucket in prop::sample::select(vec![Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month]),
            name in prop::sample::select(vec!["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
        ) {
            let asked = Asked {
                from: DateTime::from_timestamp(start, 0),
                to: DateTime::from_timestamp(start + length, 0),
                bucket: Some(bucket),
                zone: zone(name).unwrap(),
            };
            let period = asked.cut(Utc::now(), 10_000).unwrap();
            let mut at = period.whole.start;
            for interval in &period.buckets {
                prop_assert_eq!(interval.start, at);
                prop_assert!(interval.end > at);
                at = interval.end;
            }
            prop_assert_eq!(at, period.whole.end);
            prop_assert!(period.buckets.len() <= asked.about(Utc::now()) + 3);
        }
    }
}
