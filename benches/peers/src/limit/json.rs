//! JSON written by hand, in the form in which caretaker answers: global ids, RFC 3339 times, cursors.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A moment as the database hands it out.
#[derive(Clone, Copy)]
pub enum Moment<'a> {
    /// PostgreSQL's.
    Time(DateTime<Utc>),
    /// SQLite's, already the text of the answer.
    Text(&'a str),
}

/// An answer while it is written.
pub struct Json(pub String);

impl Json {
    /// An answer that begins with `start`.
    pub fn new(start: &str) -> Self {
        let mut text = String::with_capacity(48 * 1024);
        text.push_str(start);
        Self(text)
    }

    /// Text as it stands.
    pub fn raw(&mut self, text: &str) -> &mut Self {
        self.0.push_str(text);
        self
    }

    /// A comma, unless this is the first of a list.
    pub fn comma(&mut self) -> &mut Self {
        if !self.0.ends_with(['[', '{']) {
            self.0.push(',');
        }
        self
    }

    /// A string, escaped.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.0.push('"');
        if text
            .bytes()
            .any(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
        {
            for letter in text.chars() {
                match letter {
                    '"' => self.0.push_str("\\\""),
                    '\\' => self.0.push_str("\\\\"),
                    '\n' => self.0.push_str("\\n"),
                    '\r' => self.0.push_str("\\r"),
                    '\t' => self.0.push_str("\\t"),
                    letter if letter < ' ' => {
                        self.0.push_str(&format!("\\u{:04x}", u32::from(letter)));
                    }
                    letter => self.0.push(letter),
                }
            }
        } else {
            self.0.push_str(text);
        }
        self.0.push('"');
        self
    }

    /// A string or null.
    pub fn maybe(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.raw("null"),
        }
    }

    /// A whole number.
    pub fn number(&mut self, number: i64) -> &mut Self {
        self.0.push_str(&number.to_string());
        self
    }

    /// Yes or no.
    pub fn bool(&mut self, yes: bool) -> &mut Self {
        self.raw(if yes { "true" } else { "false" })
    }

    /// The global id of a row.
    pub fn id(&mut self, kind: &str, id: Uuid) -> &mut Self {
        let mut plain = [0; 64];
        let length = kind.len() + 37;
        if let Some(name) = plain.get_mut(..kind.len()) {
            name.copy_from_slice(kind.as_bytes());
        }
        if let Some(rest) = plain.get_mut(kind.len()..length) {
            rest[0] = b':';
            id.hyphenated().encode_lower(&mut rest[1..]);
        }
        self.0.push('"');
        URL_SAFE_NO_PAD.encode_string(plain.get(..length).unwrap_or_default(), &mut self.0);
        self.0.push('"');
        self
    }

    /// A moment.
    pub fn moment(&mut self, moment: Moment) -> &mut Self {
        self.0.push('"');
        match moment {
            Moment::Text(text) => self.0.push_str(text),
            Moment::Time(time) => self.time(time),
        }
        self.0.push('"');
        self
    }

    /// A moment or null.
    pub fn maybe_moment(&mut self, moment: Option<Moment>) -> &mut Self {
        match moment {
            Some(moment) => self.moment(moment),
            None => self.raw("null"),
        }
    }

    /// `2026-11-22T20:40:00.123456+00:00`, without a fraction where there is none, with three digits where they do.
    fn time(&mut self, time: DateTime<Utc>) {
        let micros = time.timestamp_micros();
        let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        self.digits(year, 4);
        self.0.push('-');
        self.digits(month, 2);
        self.0.push('-');
        self.digits(day, 2);
        self.0.push('T');
        self.digits(second / 3_600, 2);
        self.0.push(':');
        self.digits(second / 60 % 60, 2);
        self.0.push(':');
        self.digits(second % 60, 2);
        if fraction % 1_000 != 0 {
            self.0.push('.');
            self.digits(fraction, 6);
        } else if fraction != 0 {
            self.0.push('.');
            self.digits(fraction / 1_000, 3);
        }
        self.0.push_str("+00:00");
    }

    fn digits(&mut self, number: i64, width: u32) {
        for place in (0..width).rev() {
            let digit = number / 10_i64.pow(place) % 10;
            self.0
                .push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
        }
    }

    /// The cursor of a row in the list that `mark` stands for.
    pub fn cursor(&mut self, mark: &str, micros: i64, id: Uuid) -> &mut Self {
        let mut position = Json(format!("c1:[\"{mark}\",["));
        position.raw("{\"t\":").number(micros).raw("},{\"u\":\"");
        position.0.push_str(&id.to_string());
        position.raw("\"}]]");
        self.0.push('"');
        URL_SAFE_NO_PAD.encode_string(&position.0, &mut self.0);
        self.0.push('"');
        self
    }
}

/// Year, month and day of the days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}
