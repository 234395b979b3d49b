//! Reading the members of a JSON object with errors that name the path, what was expected and what stood there.
//! The tolerance is the platforms' own: any scalar can be a text, digits can be a number, null is absent.

use serde_json::{Map, Value};

use super::flag::Flags;
use crate::domain::fact::Told;

/// The longest code in characters: codes are keys, and an index of PostgreSQL takes at most 2,700 bytes a row.
pub const LONGEST_CODE: usize = 255;

/// The longest text in characters that is kept in an indexed column.
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

    /// A code: a text that is part of an identity, and so neither blank nor over-long.
    pub fn code(&self, name: &str) -> Result<Option<String>, Wrong> {
        let code = self.word(name)?;
        match &code {
            Some(code) if code.chars().count() > LONGEST_CODE => {
                Err(self.wrong(name, "an identifier of at most 255 characters"))
            }
            _ => Ok(code),
        }
    }

    /// A code that must be there.
    pub fn required_code(&self, name: &str, expected: &str) -> Result<String, Wrong> {
        match self.get(name) {
            Some(Value::Array(_) | Value::Object(_)) | None => Err(self.wrong(name, expected)),
            Some(_) => self.code(name)?.ok_or_else(|| self.wrong(name, expected)),
        }
    }

    /// True or false, as such or as text.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Wrong> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(answer)) => Ok(Some(*answer)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(name, "true, false or null")),
        }
    }
}

/// A text for an indexed column: cut and flagged where no index could take it. The call itself is kept whole.
pub fn indexable(text: String, path: &str, flags: &mut Flags) -> String {
    match text.char_indices().nth(LONGEST_INDEXED) {
        None => text,
        Some((at, _)) => {
            flags.raise(path, format_args!("cut to {LONGEST_INDEXED} characters"));
            text.get(..at).unwrap_or(&text).to_owned()
        }
    }
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
        assert!(members.boolean("c").unwrap_err().reason.chars().count() < 120);
        assert_eq!(
            Members::of(&json!(5), "$").unwrap_err().reason,
            "Expected an object; found 5."
        );
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
