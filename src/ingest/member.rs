//! Reading the members of a JSON object with errors that name the path, what was expected and what stood there.
//! The tolerance is the platforms' own: any scalar can be a text, digits can be a number, null is absent.

use serde_json::{Map, Value};

use super::canonical;
use super::flag::Flags;
use crate::domain::fact::Told;

/// The longest code in characters: codes are keys, and an index of PostgreSQL takes at most 2,700 bytes a row.
const LONGEST_CODE: usize = 255;

/// The longest text in bytes that is kept in an indexed column: an index may hold two of them, or a tenant, a text and
/// the same in lower case, which may have half as many bytes again.
const LONGEST_INDEXED: usize = 600;

/// A member that is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The JSON path.
    pub path: String,
    /// What was expected and what was found, in plain words.
    pub reason: String,
}

/// The members of an object, and where the object stands.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Members<'a> {
    /// The members of the value at `path`, if it is an object.
    pub fn of(value: &'a Value, path: impl Into<String>) -> Result<Self, Wrong> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Self { map, path }),
            other => Err(wrong(path, "an object", Some(other))),
        }
    }

    /// The path of a member.
    pub fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// The path of the object.
    pub fn own_path(&self) -> &str {
        &self.path
    }

    /// A member that was told; absent and null are the same.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A member, absent and null apart.
    pub fn told(&self, name: &str) -> Told<&'a Value> {
        match self.map.get(name) {
            None => Told::Absent,
            Some(Value::Null) => Told::Null,
            Some(value) => Told::Value(value),
        }
    }

    /// The error for a member.
    pub fn wrong(&self, name: &str, expected: &str) -> Wrong {
        wrong(self.path(name), expected, self.map.get(name))
    }

    /// An object inside, if there is one.
    pub fn object(&self, name: &str) -> Result<Option<Members<'a>>, Wrong> {
        self.get(name)
            .map(|value| Members::of(value, self.path(name)))
            .transpose()
    }

    /// A text: any scalar counts.
    pub fn text(&self, name: &str) -> Result<Option<String>, Wrong> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => scalar(value)
                .map(Some)
                .ok_or_else(|| self.wrong(name, "a text")),
        }
    }

    /// A text that says something: blank is absent.
    pub fn word(&self, name: &str) -> Result<Option<String>, Wrong> {
        Ok(self.text(name)?.filter(|text| !text.trim().is_empty()))
    }

    /// A text that must be there and must not be blank.
    pub fn required(&self, name: &str, expected: &str) -> Result<String, Wrong> {
        match self.get(name).map(scalar) {
            Some(Some(text)) if !text.trim().is_empty() => Ok(text),
            _ => Err(self.wrong(name, expected)),
        }
    }

    /// A code: a text that is part of an identity, and so not blank; an over-long one is [`bounded`].
    pub fn code(&self, name: &str, flags: &mut Flags) -> Result<Option<String>, Wrong> {
        let code = self.word(name)?;
        Ok(code.map(|code| bounded(code, &self.path(name), flags)))
    }

    /// A code that must be there.
    pub fn required_code(
        &self,
        name: &str,
        expected: &str,
        flags: &mut Flags,
    ) -> Result<String, Wrong> {
        let code = self.required(name, expected)?;
        Ok(bounded(code, &self.path(name), flags))
    }
}

/// What was read; what could not be is flagged and counts as absent.
pub fn tolerate<T>(read: Result<Option<T>, Wrong>, flags: &mut Flags) -> Option<T> {
    read.unwrap_or_else(|wrong| {
        flags.raise(&wrong.path, wrong.reason);
        None
    })
}

/// True or false, as such or as text.
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(answer) => Some(*answer),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// An over-long code gives way to its beginning and the hash of the whole: it still names one thing only, always the
/// same, and finds room in every index. The call itself is kept whole.
pub fn bounded(code: String, path: &str, flags: &mut Flags) -> String {
    if code.len() <= LONGEST_CODE || code.chars().count() <= LONGEST_CODE {
        return code;
    }
    flags.raise(
        path,
        format_args!("over {LONGEST_CODE} characters; kept as its beginning and its hash"),
    );
    let hash = canonical::sha256_hex(code.as_bytes());
    let beginning: String = code.chars().take(LONGEST_CODE - hash.len() - 1).collect();
    format!("{beginning}#{hash}")
}

/// A text for an indexed column: cut and flagged where no index could take it. The call itself is kept whole.
pub fn indexable(mut text: String, path: &str, flags: &mut Flags) -> String {
    if text.len() > LONGEST_INDEXED {
        flags.raise(path, format_args!("cut to {LONGEST_INDEXED} bytes"));
        let mut end = LONGEST_INDEXED;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

/// The error for a value at a path.
pub fn wrong(path: String, expected: &str, found: Option<&Value>) -> Wrong {
    let found = match found {
        None => "it is missing".to_owned(),
        Some(Value::Null) => "found null".to_owned(),
        Some(Value::Array(_)) => "found an array".to_owned(),
        Some(Value::Object(_)) => "found an object".to_owned(),
        Some(Value::String(text)) if text.trim().is_empty() => "found an empty text".to_owned(),
        Some(scalar) => format!("found {}", excerpt(&scalar.to_string())),
    };
    Wrong {
        path,
        reason: format!("Expected {expected}; {found}."),
    }
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// A scalar as text; a whole float without its point, so that 80027 and 80027.0 name the same.
pub fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(answer) => Some(answer.to_string()),
        Value::Number(number) => {
            let text = number.to_string();
            Some(match text.strip_suffix(".0") {
                Some(whole) => whole.to_owned(),
                None => text,
            })
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_name_path_expectation_and_finding() {
        let value = json!({"a": {"n": 1}, "b": [], "c": "x".repeat(100), "d": " "});
        let members = Members::of(&value, "$[3]").unwrap();
        let inner = members.object("a").unwrap().unwrap();
        let missing = inner.required("TaskId", "the id of the work").unwrap_err();
        assert_eq!(missing.path, "$[3].a.TaskId");
        assert_eq!(
            missing.reason,
            "Expected the id of the work; it is missing."
        );
        assert_eq!(
            members.text("b").unwrap_err().reason,
            "Expected a text; found an array."
        );
        assert_eq!(
            members.required("d", "a name").unwrap_err().reason,
            "Expected a name; found an empty text."
        );
        let long = members.wrong("c", "true, false or null").reason;
        assert!(long.chars().count() < 120);
        assert_eq!(
            Members::of(&json!(5), "$").unwrap_err().reason,
            "Expected an object; found 5."
        );
    }

    #[test]
    fn an_over_long_code_is_bounded_and_still_names_one_thing_only() {
        let mut flags = Flags::default();
        let longest = "é".repeat(255);
        assert_eq!(bounded(longest.clone(), "$", &mut flags), longest);
        let one = bounded(format!("{longest}1"), "$.Tenant", &mut flags);
        let other = bounded(format!("{longest}2"), "$.Tenant", &mut flags);
        assert_ne!(one, other);
        assert_eq!(one.chars().count(), 255);
        assert_eq!(
            flags.into_list(),
            ["$.Tenant: over 255 characters; kept as its beginning and its hash"; 2]
        );
    }

    #[test]
    fn indexed_texts_are_cut_by_bytes_between_characters() {
        let mut flags = Flags::default();
        assert_eq!(indexable("a".repeat(600), "$", &mut flags).len(), 600);
        let cut = indexable(format!("a{}", "é".repeat(600)), "$.Name", &mut flags);
        assert_eq!(cut.len(), 599);
        assert_eq!(flags.into_list(), ["$.Name: cut to 600 bytes"]);
    }

    #[test]
    fn any_scalar_is_a_text() {
        for (value, text) in [
            (json!("ABC-112"), "ABC-112"),
            (json!(true), "true"),
            (json!(80_027), "80027"),
            (json!(80_027.0), "80027"),
            (json!(1.5), "1.5"),
            (json!(1_686_793_261_034_749_182_u64), "1686793261034749182"),
        ] {
            assert_eq!(scalar(&value).as_deref(), Some(text));
        }
        assert_eq!(scalar(&json!([])), None);
    }
}
