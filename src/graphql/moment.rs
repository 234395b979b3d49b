//! The scalar `Moment`: a time, or an ISO 8601 duration counted from now.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::domain::filter::{Operand, Span};
use crate::domain::key::Key;

/// A time, or a distance from now.
#[derive(Clone, Debug)]
pub struct Moment(pub(super) Operand);

/// A time (RFC 3339 with an offset, such as `2026-03-01T08:00:00Z`) or an ISO 8601 duration counted from now
/// (`-P7D` is seven days ago, `PT4H` is in four hours; months and years are those of the calendar in UTC).
#[Scalar]
impl ScalarType for Moment {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            let time = time.with_timezone(&Utc).trunc_subsecs(6);
            return Ok(Self(Operand::Key(Key::Time(time))));
        }
        match duration(text) {
            Some(span) => Ok(Self(Operand::FromNow(span))),
            None => Err(InputValueError::custom(
                "expected a time with an offset (2026-03-01T08:00:00Z) or a duration from now (-P7D)",
            )),
        }
    }

    fn to_value(&self) -> Value {
        match &self.0 {
            Operand::Key(Key::Time(time)) => Value::String(time.to_rfc3339()),
            _ => Value::Null,
        }
    }
}

/// `[-]P[nY][nM][nW][nD][T[nH][nM][nS]]` with whole numbers, each part at most once and in this order.
pub(super) fn duration(text: &str) -> Option<Span> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.strip_prefix('P')?;
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None if text.is_empty() => return None,
        None => (text, ""),
    };
    let [years, months, weeks, days] = parts(date, ['Y', 'M', 'W', 'D'])?;
    let [hours, minutes, seconds] = parts(time, ['H', 'M', 'S'])?;
    let months = i32::try_from(years.checked_mul(12)?.checked_add(months)?).ok()?;
    let rest = TimeDelta::try_weeks(weeks)?
        .checked_add(&TimeDelta::try_days(days)?)?
        .checked_add(&TimeDelta::try_hours(hours)?)?
        .checked_add(&TimeDelta::try_minutes(minutes)?)?
        .checked_add(&TimeDelta::try_seconds(seconds)?)?;
    Some(Span {
        months: sign * months,
        rest: rest * sign,
    })
}

fn parts<const N: usize>(mut text: &str, units: [char; N]) -> Option<[i64; N]> {
    let mut values = [0; N];
    for (unit, value) in std::iter::zip(units, &mut values) {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        if let Some(rest) = rest.strip_prefix(unit) {
            // Nine digits are more than any clock shows and cannot overflow below.
            *value = number.parse().ok().filter(|_| digits <= 9)?;
            text = rest;
        }
    }
    text.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_iso_8601_writes_them() {
        let read = |text| duration(text).map(|span| (span.months, span.rest.num_seconds()));
        assert_eq!(read("-P7D"), Some((0, -604_800)));
        assert_eq!(read("PT4H"), Some((0, 14_400)));
        assert_eq!(read("P1Y2M"), Some((14, 0)));
        assert_eq!(read("-P1M"), Some((-1, 0)));
        assert_eq!(read("P2WT1M1S"), Some((0, 1_209_661)));
        for wrong in [
            "",
            "P",
            "PT",
            "7D",
            "P7",
            "PD",
            "P1D2M",
            "P1.5D",
            "P7DT",
            "P99999999999D",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
