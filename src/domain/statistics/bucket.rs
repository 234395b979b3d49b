//! Hours, days, weeks and months as a clock on the wall shows them. Where it is put forward or back, a day has 23 or 25
//! hours, or 23.5 and 24.5; an hour never has more than sixty minutes: one that is shown twice is two.

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Offset, TimeDelta, Timelike, Utc,
};
use chrono::{LocalResult, TimeZone};
use chrono_tz::Tz;

/// How long the stretches are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday (ISO 8601).
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

impl Bucket {
    /// How many of them a period has when nothing is said of its beginning.
    pub(super) fn usual(self) -> usize {
        match self {
            Self::Hour => 24,
            Self::Day => 30,
            Self::Week | Self::Month => 12,
        }
    }

    /// No bucket between two changes of the clock is shorter.
    pub(super) fn least(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::Day => TimeDelta::days(1),
            Self::Week => TimeDelta::weeks(1),
            Self::Month => TimeDelta::days(28),
        }
    }

    /// When the next one begins after `time`; none where the calendar ends.
    pub(super) fn next(self, zone: Tz, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = time.with_timezone(&zone);
        if self == Self::Hour {
            let past = i64::from(local.minute() * 60 + local.second());
            let past = TimeDelta::seconds(past) + TimeDelta::nanoseconds(local.nanosecond().into());
            return time.checked_add_signed(TimeDelta::hours(1) - past);
        }
        let mut first = self.first_day(local.date_naive())?;
        loop {
            first = self.following(first)?;
            let start = midnight(zone, first)?;
            // A date that a zone skipped begins where the one after it does.
            if start > time {
                return Some(start);
            }
        }
    }

    /// When the one began that `time` is in; none where the calendar ends.
    pub(super) fn start(self, zone: Tz, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = time.with_timezone(&zone);
        if self == Self::Hour {
            return time.checked_sub_signed(TimeDelta::hours(1) - (self.next(zone, time)? - time));
        }
        midnight(zone, self.first_day(local.date_naive())?).map(|start| start.min(time))
    }

    /// The first day of the one that `date` is in.
    fn first_day(self, date: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Hour | Self::Day => Some(date),
            Self::Week => {
                date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into()))
            }
            Self::Month => date.with_day(1),
        }
    }

    /// The first day of the one after that which begins with `first`.
    fn following(self, first: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Hour | Self::Day => first.checked_add_days(Days::new(1)),
            Self::Week => first.checked_add_days(Days::new(7)),
            Self::Month => first.checked_add_months(Months::new(1)),
        }
    }
}

/// When a day begins: at its midnight, at the first one where the clock shows it twice, and where it skips it, at the
/// moment at which it is put forward.
fn midnight(zone: Tz, date: NaiveDate) -> Option<DateTime<Utc>> {
    let local = date.and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&local) {
        LocalResult::Single(time) => Some(time.to_utc()),
        LocalResult::Ambiguous(first, second) => Some(first.min(second).to_utc()),
        LocalResult::None => {
            // Bisected: the first second at which the clock shows that midnight or more. No zone is a day and a half off.
            let (mut before, mut after) = (
                local.and_utc().checked_sub_signed(TimeDelta::hours(36))?,
                local.and_utc().checked_add_signed(TimeDelta::hours(36))?,
            );
            while after - before > TimeDelta::seconds(1) {
                let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
                let offset = zone.offset_from_utc_datetime(&middle.naive_utc()).fix();
                let shown = middle.naive_utc() + offset;
                if shown >= local {
                    after = middle;
                } else {
                    before = middle;
                }
            }
            Some(after)
        }
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

    fn zone(name: &str) -> Tz {
        name.parse().unwrap()
    }

    /// The starts from `from` to `to`, as the clock on the wall shows them, and how many minutes each lasts.
    fn walk(bucket: Bucket, name: &str, from: &str, to: &str) -> Vec<(String, i64)> {
        let (zone, mut time, end) = (zone(name), at(from), at(to));
        let mut found = Vec::new();
        while time < end {
            let next = bucket.next(zone, time).unwrap();
            let shown = time.with_timezone(&zone).format("%m-%dT%H:%M");
            found.push((shown.to_string(), (next - time).num_minutes()));
            time = next;
        }
        found
    }

    fn minutes(of: &[(String, i64)]) -> Vec<i64> {
        of.iter().map(|(_, minutes)| *minutes).collect()
    }

    #[test]
    fn a_day_has_23_hours_in_march_and_25_in_october() {
        let berlin = |from, to| walk(Bucket::Day, "Europe/Berlin", from, to);
        let march = berlin("2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z");
        assert_eq!(minutes(&march), [24 * 60, 23 * 60, 24 * 60]);
        assert!(march.iter().all(|(shown, _)| shown.ends_with("T00:00")));
        let october = berlin("2026-10-23T22:00:00Z", "2026-10-26T23:00:00Z");
        assert_eq!(minutes(&october), [24 * 60, 25 * 60, 24 * 60]);
    }

    #[test]
    fn an_hour_that_is_shown_twice_is_two_and_one_that_is_skipped_is_none() {
        let hours = |from, to| walk(Bucket::Hour, "Europe/Berlin", from, to);
        let autumn = hours("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        assert_eq!(autumn.len(), 25);
        let shown: Vec<&str> = autumn.iter().map(|(shown, _)| shown.as_str()).collect();
        assert_eq!(shown[2..4], ["10-25T02:00", "10-25T02:00"]);
        assert!(minutes(&autumn).iter().all(|minutes| *minutes == 60));
        let spring = hours("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        assert_eq!(spring.len(), 23);
        assert!(spring.iter().all(|(shown, _)| shown != "03-29T02:00"));
    }

    #[test]
    fn half_an_hour_is_put_forward_and_back_on_lord_howe() {
        let name = "Australia/Lord_Howe";
        // 5 April 2026: from 02:00 back to 01:30; 4 October: from 02:00 forward to 02:30.
        let autumn = walk(
            Bucket::Day,
            name,
            "2026-04-04T13:00:00Z",
            "2026-04-05T13:30:00Z",
        );
        assert_eq!(minutes(&autumn), [24 * 60 + 30]);
        let spring = walk(
            Bucket::Day,
            name,
            "2026-10-03T13:30:00Z",
            "2026-10-04T13:00:00Z",
        );
        assert_eq!(minutes(&spring), [24 * 60 - 30]);
        let hours = walk(
            Bucket::Hour,
            name,
            "2026-04-04T13:00:00Z",
            "2026-04-04T16:30:00Z",
        );
        let expected = [
            ("04-05T00:00", 60),
            ("04-05T01:00", 60),
            ("04-05T01:30", 30),
            ("04-05T02:00", 60),
        ];
        assert_eq!(
            hours,
            expected.map(|(shown, minutes)| (shown.to_owned(), minutes))
        );
        let hours = walk(
            Bucket::Hour,
            name,
            "2026-10-03T14:30:00Z",
            "2026-10-03T17:00:00Z",
        );
        let expected = [
            ("10-04T01:00", 60),
            ("10-04T02:30", 30),
            ("10-04T03:00", 60),
        ];
        assert_eq!(
            hours,
            expected.map(|(shown, minutes)| (shown.to_owned(), minutes))
        );
    }

    #[test]
    fn hours_begin_at_the_full_hour_of_the_zone() {
        for (name, first) in [
            ("Asia/Kolkata", "2026-05-01T00:30:00Z"),
            ("Asia/Kathmandu", "2026-05-01T00:15:00Z"),
        ] {
            let next = Bucket::Hour.next(zone(name), at("2026-05-01T00:00:00Z"));
            assert_eq!(next, Some(at(first)), "{name}");
            let start = Bucket::Hour.start(zone(name), at("2026-05-01T00:59:59.5Z"));
            assert_eq!(start, Some(at(first)), "{name}");
        }
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_their_first() {
        let berlin = zone("Europe/Berlin");
        let sunday = at("2026-03-01T12:00:00Z");
        assert_eq!(
            Bucket::Week.start(berlin, sunday),
            Some(at("2026-02-22T23:00:00Z"))
        );
        assert_eq!(
            Bucket::Week.next(berlin, sunday),
            Some(at("2026-03-01T23:00:00Z"))
        );
        let months = walk(
            Bucket::Month,
            "Europe/Berlin",
            "2026-02-28T23:00:00Z",
            "2026-04-30T22:00:00Z",
        );
        assert_eq!(months[0], ("03-01T00:00".to_owned(), 31 * 24 * 60 - 60));
        assert_eq!(months[1], ("04-01T00:00".to_owned(), 30 * 24 * 60));
    }

    #[test]
    fn a_midnight_that_is_skipped_or_shown_twice_still_begins_one_day() {
        // Beirut, 26 March 2023... put forward at midnight; here Cairo, 28 April 2023: 00:00 is 01:00.
        let cairo = walk(
            Bucket::Day,
            "Africa/Cairo",
            "2023-04-26T22:00:00Z",
            "2023-04-28T21:00:00Z",
        );
        assert_eq!(cairo[1], ("04-28T01:00".to_owned(), 23 * 60));
        // Havana, 3 November 2024: 01:00 is 00:00 again.
        let havana = walk(
            Bucket::Day,
            "America/Havana",
            "2024-11-02T04:00:00Z",
            "2024-11-04T05:00:00Z",
        );
        assert_eq!(minutes(&havana), [24 * 60, 25 * 60]);
        // Apia had no 30 December 2011.
        let apia = walk(
            Bucket::Day,
            "Pacific/Apia",
            "2011-12-29T10:00:00Z",
            "2011-12-31T10:00:00Z",
        );
        let shown: Vec<&str> = apia.iter().map(|(shown, _)| shown.as_str()).collect();
        assert_eq!(shown, ["12-29T00:00", "12-31T00:00"]);
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_moments_and_the_next_begins_where_it_ends(
            second in 0_i64..4_000_000_000,
            micros in 0_u32..1_000_000,
            name in prop::sample::select(vec![
                "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia",
                "Africa/Cairo", "America/Sao_Paulo", "UTC", "Antarctica/Troll",
            ]),
            bucket in prop::sample::select(vec![Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month]),
        ) {
            let zone = zone(name);
            let time = DateTime::from_timestamp(second, micros * 1_000).unwrap();
            let start = bucket.start(zone, time).unwrap();
            let next = bucket.next(zone, time).unwrap();
            prop_assert!(start <= time && time < next);
            let shown = next.with_timezone(&zone);
            prop_assert_eq!(shown.minute() % 15 + shown.second(), 0);
            // Two changes of the clock at most, of three hours at most (Troll: two).
            prop_assert!(next - start <= bucket.least() + TimeDelta::days(4));
        }
    }
}
