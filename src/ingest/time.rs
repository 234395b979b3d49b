//! Times as the platforms write them → whole microseconds in UTC, between 1970 and 9999.
//! Says what was expected when it refuses; never rounds up.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde_json::Value;

/// The first second after the year 9999.
const END: i64 = 253_402_300_800;
const SECONDS: &str = "whole seconds since 1970 (a number or digits), 0 for not yet";
const ISO: &str =
    "a date and time such as 2020-05-29T10:47:34.9156321Z (ISO 8601, years 1970 to 9999)";

/// Matrix's seconds since the epoch: a number or digits, `1686793261.0` too. Absent, null, empty and 0 mean "not yet".
pub fn seconds(value: Option<&Value>) -> Result<Option<DateTime<Utc>>, &'static str> {
    let whole = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(whole) => Some(whole),
            None => number.as_f64().and_then(whole_of),
        },
        Some(Value::String(text)) => {
            let text = text.trim();
            if text.is_empty() {
                return Ok(None);
            }
            digits(text)
        }
        Some(_) => None,
    };
    match whole {
        Some(0) => Ok(None),
        Some(whole) if (1..END).contains(&whole) => {
            DateTime::from_timestamp(whole, 0).map(Some).ok_or(SECONDS)
        }
        _ => Err(SECONDS),
    }
}

fn digits(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_whole = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    let is_number = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    (is_whole && is_number)
        .then(|| whole.parse().ok())
        .flatten()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked before the cast"
)]
fn whole_of(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

/// Urgent's ISO 8601: no fraction or one of any length (cut to microseconds), `Z`, an offset or no zone at all (then UTC).
pub fn date_time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    parse(text.trim())
        .filter(|time| (0..END).contains(&time.timestamp()))
        .ok_or(ISO)
}

fn parse(text: &str) -> Option<DateTime<Utc>> {
    let date = text.get(..10)?;
    let rest = text.get(10..)?.strip_prefix(['T', 't', ' '])?;
    let (time, offset) = split_zone(rest)?;
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let (clock, fraction) = time.split_once(['.', ',']).unwrap_or((time, "0"));
    let mut parts = clock.split(':');
    let hour = two_digits(parts.next()?)?;
    let minute = two_digits(parts.next()?)?;
    let second = match parts.next() {
        Some(second) => two_digits(second)?,
        None => 0,
    };
    if parts.next().is_some() {
        return None;
    }
    // A leap second is the moment after :59; no engine stores :60.
    let leap = i64::from(second == 60);
    let local = date.and_hms_micro_opt(
        hour,
        minute,
        if leap == 1 { 59 } else { second },
        micros(fraction)?,
    )?;
    local
        .and_utc()
        .checked_add_signed(Duration::seconds(leap) - offset)
}

/// The time of day and how far its zone is ahead of UTC.
fn split_zone(text: &str) -> Option<(&str, Duration)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, Duration::zero()));
    }
    let Some(at) = text.rfind(['+', '-']) else {
        return Some((text, Duration::zero()));
    };
    let (time, zone) = text.split_at_checked(at)?;
    let (hours, minutes) = match zone.get(1..)? {
        hours if hours.len() == 2 => (hours, "00"),
        zone if zone.len() == 4 => (zone.get(..2)?, zone.get(2..)?),
        zone => zone.split_once(':')?,
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let ahead = Duration::minutes(i64::from(hours * 60 + minutes));
    Some((time, if zone.starts_with('-') { -ahead } else { ahead }))
}

fn two_digits(text: &str) -> Option<u32> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn micros(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let cut = fraction.get(..6).unwrap_or(fraction);
    format!("{cut:0<6}").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn iso(text: &str) -> Option<String> {
        date_time(text)
            .ok()
            .map(|time| time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
    }

    #[test]
    fn fractions_of_any_length_are_cut_to_microseconds() {
        for (fraction, micros) in [
            ("", "000000"),
            (".9", "900000"),
            (".91", "910000"),
            (".915", "915000"),
            (".9156", "915600"),
            (".91563", "915630"),
            (".915632", "915632"),
            (".9156329", "915632"),
            (".999999999", "999999"),
        ] {
            assert_eq!(
                iso(&format!("2020-05-29T10:47:34{fraction}Z")),
                Some(format!("2020-05-29T10:47:34.{micros}Z"))
            );
        }
    }

    #[test]
    fn no_zone_is_utc_and_offsets_are_taken_off() {
        let utc = Some("2020-05-29T10:47:34.500000Z".to_owned());
        for text in [
            "2020-05-29T10:47:34.5",
            "2020-05-29 10:47:34.5",
            "2020-05-29T10:47:34,5z",
            "2020-05-29T12:47:34.5+02:00",
            "2020-05-29T12:47:34.5+0200",
            "2020-05-29T12:47:34.5+02",
            "2020-05-29T05:17:34.5-05:30",
            " 2020-05-29T10:47:34.5+00:00 ",
        ] {
            assert_eq!(iso(text), utc, "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_the_next_second() {
        assert_eq!(
            iso("2016-12-31T23:59:60Z").as_deref(),
            Some("2017-01-01T00:00:00.000000Z")
        );
    }

    #[test]
    fn what_is_no_time_or_out_of_range_is_refused() {
        for text in [
            "",
            "yesterday",
            "2020-05-29",
            "2020-05-29T",
            "2020-13-29T10:47:34Z",
            "2020-05-29T25:47:34Z",
            "2020-05-29T10:47:34.Z",
            "2020-05-29T10:47:34+99:00",
            "2020-05-29T10:47:34Europe/London",
            "0001-01-01T00:00:00",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59-01:00",
            "2020-05-29T10:é7:34Z",
            "ééééé-05-29",
        ] {
            assert!(date_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_come_as_numbers_digits_and_whole_floats() {
        let expected = DateTime::from_timestamp(1_686_793_261, 0);
        for value in [
            json!(1_686_793_261),
            json!("1686793261"),
            json!(" 1686793261 "),
            json!(1_686_793_261.0),
            json!("1686793261.0"),
        ] {
            assert_eq!(seconds(Some(&value)), Ok(expected), "{value}");
        }
    }

    #[test]
    fn zero_empty_null_and_absent_are_not_yet() {
        for value in [json!(0), json!("0"), json!(""), json!(null), json!(0.0)] {
            assert_eq!(seconds(Some(&value)), Ok(None), "{value}");
        }
        assert_eq!(seconds(None), Ok(None));
    }

    #[test]
    fn seconds_out_of_range_or_not_whole_are_refused() {
        for value in [
            json!(-1),
            json!("-1"),
            json!(253_402_300_800_i64),
            json!(1_686_793_261_000_i64),
            json!(u64::MAX),
            json!(1e300),
            json!(1.5),
            json!("1.5"),
            json!("inf"),
            json!("12a"),
            json!(true),
            json!([1]),
        ] {
            assert!(seconds(Some(&value)).is_err(), "{value}");
        }
        assert!(seconds(Some(&json!(253_402_300_799_i64))).is_ok());
    }
}
