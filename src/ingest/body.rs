//! From bytes to JSON values: UTF-8, well-formedness, and the characters that no database takes.
//! Whatever concerns one element only is reported for that element, so that its siblings survive.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::flag::Flags;
use super::member::Wrong;
use super::{Fault, Unusable};
use crate::domain::delivery::{EXCERPT, Misfit, Origin, Text};

impl Unusable {
    /// A body that is not JSON.
    pub fn not_json(body: &[u8], reason: impl Into<String>) -> Self {
        Self {
            fault: Fault::NotJson,
            misfit: whole(body, "$".to_owned(), reason.into()),
        }
    }

    /// A body that is JSON of another shape.
    pub fn wrong_shape(body: &[u8], wrong: Wrong) -> Self {
        Self {
            fault: Fault::WrongShape,
            misfit: whole(body, wrong.path, wrong.reason),
        }
    }
}

fn whole(body: &[u8], path: String, reason: String) -> Misfit {
    let excerpt = body.get(..EXCERPT).unwrap_or(body);
    Misfit {
        element: None,
        path,
        reason,
        content: String::from_utf8_lossy(excerpt).replace('\0', "\u{fffd}"),
    }
}

/// The body as well-formed JSON: one syntax check, without a limit on depth or numbers and without building anything.
pub fn well_formed(body: &[u8]) -> Result<&RawValue, Unusable> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Unusable::not_json(
            body,
            format!("The body is not UTF-8: byte {at} fits no character."),
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(Unusable::not_json(
            body,
            "The body is empty; JSON was expected.",
        ));
    }
    serde_json::from_str(text)
        .map_err(|error| Unusable::not_json(body, format!("The body is not JSON: {error}.")))
}

/// Where an element of `body` stands, and its text: that of the body, or what was unwrapped from a text in it.
pub fn origin(body: &[u8], element: usize, path: String, text: Cow<'_, str>) -> Origin {
    let text = match text {
        Cow::Borrowed(part) => {
            let start = part.as_ptr().addr().saturating_sub(body.as_ptr().addr());
            Text::OfBody(start..start + part.len())
        }
        Cow::Owned(text) => Text::Own(text),
    };
    Origin {
        element,
        path,
        text,
    }
}

/// A value from well-formed text. Half characters and NULs become U+FFFD and are flagged.
pub fn value(text: &str, path: &str, flags: &mut Flags) -> Result<Value, Wrong> {
    let (whole, halves) = mend(text, false);
    if halves > 0 {
        flags.raise(
            path,
            format_args!("{halves} half characters (lone surrogates) replaced by U+FFFD"),
        );
    }
    let mut value = serde_json::from_str(&whole).map_err(|error| Wrong {
        path: path.to_owned(),
        reason: format!("JSON that cannot be read: {error}."),
    })?;
    if text.contains("\\u0000") {
        replace_nul(&mut value, path, flags);
    }
    Ok(value)
}

/// Well-formed JSON text in which half characters and, if asked, NULs are replaced by U+FFFD; and how many were.
pub fn mend(text: &str, with_nul: bool) -> (Cow<'_, str>, usize) {
    if !text.contains("\\u") {
        return (Cow::Borrowed(text), 0);
    }
    let (mut mended, mut rest, mut replaced) = (String::with_capacity(text.len()), text, 0);
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        mended.push_str(before);
        let (length, is_sound) = match unit(escape) {
            Some(0) => (6, !with_nul),
            Some(0xd800..=0xdbff) => match escape.get(6..).and_then(unit) {
                Some(0xdc00..=0xdfff) => (12, true),
                _ => (6, false),
            },
            Some(0xdc00..=0xdfff) => (6, false),
            Some(_) => (6, true),
            None => (escape.chars().take(2).map(char::len_utf8).sum(), true),
        };
        let (escape, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        if is_sound {
            mended.push_str(escape);
        } else {
            mended.push_str("\\ufffd");
            replaced += 1;
        }
        rest = after;
    }
    mended.push_str(rest);
    (Cow::Owned(mended), replaced)
}

/// The UTF-16 unit of an escape `\uXXXX`.
fn unit(escape: &str) -> Option<u16> {
    u16::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

fn replace_nul(value: &mut Value, path: &str, flags: &mut Flags) {
    match value {
        Value::String(text) if text.contains('\0') => {
            *text = text.replace('\0', "\u{fffd}");
            flags.raise(path, "NUL replaced by U+FFFD");
        }
        Value::Array(items) => {
            for (position, item) in items.iter_mut().enumerate() {
                replace_nul(item, &format!("{path}[{position}]"), flags);
            }
        }
        Value::Object(members) => {
            for (name, mut member) in std::mem::take(members) {
                let clean = name.replace('\0', "\u{fffd}");
                let path = format!("{path}.{clean}");
                if clean != name {
                    flags.raise(&path, "NUL in the member's name replaced by U+FFFD");
                }
                replace_nul(&mut member, &path, flags);
                members.insert(clean, member);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (Value, Vec<String>) {
        let mut flags = Flags::default();
        let value = value(text, "$", &mut flags).unwrap();
        (value, flags.into_list())
    }

    #[test]
    fn nul_becomes_the_replacement_character_and_is_flagged_with_its_path() {
        let (value, flags) = read(r#"{"a":[{"b":"x\u0000y"}],"c\u0000":1,"d":"\\u0000"}"#);
        assert_eq!(
            value,
            json!({"a":[{"b":"x\u{fffd}y"}],"c\u{fffd}":1,"d":"\\u0000"})
        );
        assert_eq!(flags.len(), 2);
        assert_eq!(flags[0], "$.a[0].b: NUL replaced by U+FFFD");
    }

    #[test]
    fn half_characters_are_replaced_and_whole_ones_kept() {
        let (value, flags) = read(r#""\ud83d\ude00 \ud83d \ude00 \ud83dx \\ud83d \u00e9""#);
        assert_eq!(value, json!("😀 \u{fffd} \u{fffd} \u{fffd}x \\ud83d é"));
        assert_eq!(flags.len(), 1);
    }

    #[test]
    fn text_can_be_mended_without_reading_it() {
        assert_eq!(
            mend(r#""a\u0000b\\u0000\n""#, true).0,
            r#""a\ufffdb\\u0000\n""#
        );
        assert_eq!(mend(r#""a\u0000b""#, false).1, 0);
    }

    #[test]
    fn what_is_not_json_says_where() {
        for (body, reason) in [
            (&b""[..], "The body is empty; JSON was expected."),
            (b" \n", "The body is empty; JSON was expected."),
            (
                b"{\"a\":}",
                "The body is not JSON: expected value at line 1 column 6.",
            ),
            (
                b"\"\xff\"",
                "The body is not UTF-8: byte 1 fits no character.",
            ),
        ] {
            let unusable = well_formed(body).unwrap_err();
            assert_eq!(unusable.fault, Fault::NotJson);
            assert_eq!(unusable.misfit.reason, reason);
        }
        assert_eq!(well_formed(b"\xef\xbb\xbf{}").unwrap().get(), "{}");
    }

    #[test]
    fn depth_and_huge_numbers_pass_the_syntax_check_and_fail_only_where_they_are_read() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(well_formed(deep.as_bytes()).is_ok());
        assert!(value(&deep, "$[1]", &mut Flags::default()).is_err());
        assert!(well_formed(b"1e999").is_ok());
        let wrong = value("1e999", "$[1]", &mut Flags::default()).unwrap_err();
        assert_eq!(wrong.path, "$[1]");
    }
}
