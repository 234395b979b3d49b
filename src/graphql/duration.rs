//! The scalar `Duration`: a length of time, as ISO 8601 writes it.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::TimeDelta;

use super::moment;

/// A length of time as ISO 8601 writes it, in weeks, days and smaller units, such as `PT25M`, `PT1H30M` or `P2DT4H`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration(pub(super) TimeDelta);

/// A length of time as ISO 8601 writes it, in weeks, days and smaller units: `PT25M`, `PT1H30M`, `P2DT4H`. Months and years
/// are not taken: how long they are depends on when they begin.
#[Scalar]
impl ScalarType for Duration {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        let span = moment::duration(text).filter(|span| span.months == 0);
        let length = span.map(|span| span.rest);
        length
            .filter(|length| *length >= TimeDelta::zero())
            .map(Self)
            .ok_or_else(|| {
                InputValueError::custom(
                    "expected a length of time such as PT25M or P2DT4H; months and years have none that is fixed",
                )
            })
    }

    fn to_value(&self) -> Value {
        Value::String(self.text())
    }
}

impl Duration {
    /// As ISO 8601 writes it.
    pub(super) fn text(self) -> String {
        written(self.0)
    }
}

fn written(length: TimeDelta) -> String {
    let sign = if length < TimeDelta::zero() { "-" } else { "" };
    let length = length.abs();
    let (days, hours) = (length.num_days(), length.num_hours() % 24);
    let (minutes, seconds) = (length.num_minutes() % 60, length.num_seconds() % 60);
    let micros = length.subsec_nanos() / 1_000;
    let part = |number: i64, unit| match number {
        0 => String::new(),
        number => format!("{number}{unit}"),
    };
    let fraction = match micros {
        0 => part(seconds, 'S'),
        micros => format!(
            "{}S",
            format!("{seconds}.{micros:06}").trim_end_matches('0')
        ),
    };
    let date = part(days, 'D');
    let time = format!("{}{}{fraction}", part(hours, 'H'), part(minutes, 'M'));
    match (date.is_empty(), time.is_empty()) {
        (true, true) => "PT0S".to_owned(),
        (false, true) => format!("{sign}P{date}"),
        (_, false) => format!("{sign}P{date}T{time}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_written_as_iso_8601_does() {
        let seconds = |seconds| written(TimeDelta::seconds(seconds));
        assert_eq!(seconds(0), "PT0S");
        assert_eq!(seconds(1_500), "PT25M");
        assert_eq!(seconds(5_400), "PT1H30M");
        assert_eq!(seconds(187_200), "P2DT4H");
        assert_eq!(seconds(86_400), "P1D");
        assert_eq!(seconds(-61), "-PT1M1S");
        assert_eq!(written(TimeDelta::milliseconds(1_250)), "PT1.25S");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(seconds in 0_i64..100_000_000) {
            let length = TimeDelta::seconds(seconds);
            let read = Duration::parse(Value::String(written(length)));
            prop_assert_eq!(read.ok(), Some(Duration(length)));
        }
    }
}
