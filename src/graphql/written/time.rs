//! Times, of which a page may have a thousand: RFC 3339 with an offset of zero and 0, 3 or 6 digits of a second.

use chrono::{DateTime, Datelike, Timelike, Utc};

/// Appends `time` as a JSON string.
pub(super) fn write(time: DateTime<Utc>, text: &mut Vec<u8>) {
    let utc = time;
    // Without an offset: each part of a time with one is worked out anew.
    let time = time.naive_utc();
    let year = time.year();
    let nanos = time.nanosecond();
    // What is stored has neither another year nor more digits.
    if !(0..=9_999).contains(&year) || !nanos.is_multiple_of(1_000) || nanos >= 1_000_000_000 {
        text.push(b'"');
        text.extend_from_slice(utc.to_rfc3339().as_bytes());
        text.push(b'"');
        return;
    }
    text.push(b'"');
    digits(text, year.unsigned_abs(), 4);
    text.push(b'-');
    digits(text, time.month(), 2);
    text.push(b'-');
    digits(text, time.day(), 2);
    text.push(b'T');
    digits(text, time.hour(), 2);
    text.push(b':');
    digits(text, time.minute(), 2);
    text.push(b':');
    digits(text, time.second(), 2);
    let micros = nanos / 1_000;
    if micros != 0 {
        text.push(b'.');
        if micros.is_multiple_of(1_000) {
            digits(text, micros / 1_000, 3);
        } else {
            digits(text, micros, 6);
        }
    }
    text.extend_from_slice(b"+00:00\"");
}

/// Appends the last `count` decimal digits of `number`.
fn digits(text: &mut Vec<u8>, number: u32, count: usize) {
    let mut digits = [b'0'; 6];
    let mut left = number;
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
    }
    text.extend_from_slice(digits.get(6 - count..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_written_as_the_library_writes_them(
            seconds in -60_000_000_000_i64..250_000_000_000,
            micros in prop_oneof![Just(0_i64), (0_i64..1_000).prop_map(|milli| milli * 1_000), 0_i64..1_000_000],
            nanos in prop_oneof![9 => Just(0_i64), 1 => 0_i64..1_000],
        ) {
            let length = TimeDelta::seconds(seconds) + TimeDelta::microseconds(micros) + TimeDelta::nanoseconds(nanos);
            let time = DateTime::UNIX_EPOCH + length;
            let mut text = Vec::new();
            write(time, &mut text);
            let expected = serde_json::to_vec(&time.to_rfc3339()).unwrap();
            prop_assert_eq!(text, expected);
        }
    }
}
