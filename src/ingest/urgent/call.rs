//! One call of Urgent as it stands on the wire, and the readings that all five share: GUIDs, references, texts
//! with a documented length, date-times. Only what names the thing can be wrong; the rest is flagged and does without.

use chrono::{DateTime, Duration, Utc};
use entity::Operation;
use serde_json::Value;
use uuid::Uuid;

use super::description::name_or_text;
use crate::ingest::flag::Flags;
use crate::ingest::member::{Members, Wrong, bounded, indexable, tolerate};
use crate::ingest::{canonical, time};

/// What is said of a reference that cannot be read.
pub(super) const REFERENCE: &str = "the task's reference, a number or a text";

/// A call and what is known about it beside its body.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// Which of the five.
    pub(super) operation: Operation,
    /// The body.
    pub(super) body: &'a Value,
    /// The body as sent.
    pub(super) raw: &'a str,
    /// The members of the body.
    pub(super) members: Members<'a>,
    /// The time signed with the call.
    pub(super) signed_at: Option<DateTime<Utc>>,
    /// When it arrived.
    pub(super) received_at: DateTime<Utc>,
    /// The place of the sender's credential in the settings.
    pub(super) credential_position: u32,
}

/// When an act happened.
pub(super) struct Moment {
    /// The time.
    pub(super) at: DateTime<Utc>,
    /// The signed time, where the payload's own cannot be read: then it tells one act from another, as it does for
    /// descriptions without a modification time.
    pub(super) signed: Option<DateTime<Utc>>,
}

impl Call<'_> {
    /// `Tenant`, part of every identity.
    pub(super) fn tenant(&self, flags: &mut Flags) -> Result<String, Wrong> {
        tenant(&self.members, flags)
    }

    /// `TaskReference`: an int in one table, a text in the next. The identity does not need it.
    pub(super) fn reference(&self, flags: &mut Flags) -> Option<String> {
        let told = self
            .members
            .required_code("TaskReference", REFERENCE, flags);
        tolerate(told.map(Some), flags)
    }

    /// `TaskIdentifier`; none where only the reference tells which task is meant.
    pub(super) fn task(
        &self,
        reference: Option<&str>,
        flags: &mut Flags,
    ) -> Result<Option<String>, Wrong> {
        match guid(&self.members, "TaskIdentifier") {
            Ok(guid) => Ok(Some(guid)),
            Err(wrong) if reference.is_some() => {
                flags.raise(
                    &wrong.path,
                    format_args!("{} The reference counts.", wrong.reason),
                );
                Ok(None)
            }
            Err(wrong) => Err(wrong),
        }
    }

    /// What an act is known by: its GUID; where there is none, its own word for it, else its content.
    pub(super) fn identifier(&self, name: &str, flags: &mut Flags) -> String {
        let wrong = match guid(&self.members, name) {
            Ok(guid) => return guid,
            Err(wrong) => wrong,
        };
        flags.raise(&wrong.path, wrong.reason);
        let is_nil = |text: &String| Uuid::try_parse(text.trim()).is_ok();
        let word = self.members.code(name, flags).ok().flatten();
        word.filter(|word| !is_nil(word))
            .unwrap_or_else(|| format!("sha256:{}", canonical::hash(self.body)))
    }

    /// A text that should be there: what cannot be read is the empty text.
    pub(super) fn text(&self, name: &str, length: usize, flags: &mut Flags) -> String {
        let path = self.members.path(name);
        let text = match self.members.text(name) {
            Ok(Some(text)) => text,
            _ => {
                flags.raise(&path, self.members.wrong(name, "a text").reason);
                return String::new();
            }
        };
        if text.trim().is_empty() {
            flags.raise(&path, "empty");
        }
        if !matches!(self.members.get(name), Some(Value::String(_))) {
            flags.raise(&path, "not a text; taken as one");
        }
        over_long(&text, length, &path, flags);
        text
    }

    /// A text that may be missing.
    pub(super) fn optional_text(
        members: &Members<'_>,
        name: &str,
        length: usize,
        flags: &mut Flags,
    ) -> Option<String> {
        let text = tolerate(members.text(name), flags);
        if let Some(text) = &text {
            over_long(text, length, &members.path(name), flags);
        }
        text
    }

    /// `Status`: a name in the user's language, kept in an indexed column.
    pub(super) fn status(&self, flags: &mut Flags) -> String {
        let path = self.members.path("Status");
        let object = self.members.get("Status").filter(|told| told.is_object());
        let status = match object.and_then(name_or_text) {
            Some(name) => {
                flags.raise(&path, "not a text; its Name is taken");
                over_long(&name, 100, &path, flags);
                name
            }
            None => self.text("Status", 100, flags),
        };
        indexable(status, &path, flags)
    }

    /// When the act happened. Where the payload does not tell, the signed time stands in, and without one the arrival.
    pub(super) fn at(&self, name: &str, flags: &mut Flags) -> Moment {
        let told = self.members.get(name).and_then(Value::as_str);
        match time::date_time(told.unwrap_or_default()) {
            Ok(at) => {
                if at > self.received_at + Duration::days(1) {
                    flags.raise(&self.members.path(name), "later than its arrival");
                }
                Moment { at, signed: None }
            }
            Err(expected) => {
                let odd = self.members.wrong(name, expected);
                let instead = match self.signed_at {
                    Some(_) => "The signed time counts.",
                    None => "Its arrival counts.",
                };
                flags.raise(&odd.path, format_args!("{} {instead}", odd.reason));
                Moment {
                    at: self.signed_at.unwrap_or(self.received_at),
                    signed: self.signed_at,
                }
            }
        }
    }
}

/// `Tenant` of `members`.
pub(super) fn tenant(members: &Members<'_>, flags: &mut Flags) -> Result<String, Wrong> {
    let tenant = members.required("Tenant", "the tenant, a text")?;
    let path = members.path("Tenant");
    over_long(&tenant, 100, &path, flags);
    Ok(bounded(tenant, &path, flags))
}

/// A GUID of `members`; the empty one names nothing.
pub(super) fn guid(members: &Members<'_>, name: &str) -> Result<String, Wrong> {
    const EXPECTED: &str = "a GUID such as f5e99171-db8a-42f5-9822-1385f055f42c";
    let text = members.required(name, EXPECTED)?;
    match Uuid::try_parse(text.trim()) {
        Ok(guid) if !guid.is_nil() => Ok(guid.hyphenated().to_string()),
        _ => Err(members.wrong(name, EXPECTED)),
    }
}

/// Flags a text over its documented length, measured in characters.
pub(super) fn over_long(text: &str, length: usize, path: &str, flags: &mut Flags) {
    if text.len() > length {
        let found = text.chars().count();
        if found > length {
            flags.raise(
                path,
                format_args!("{found} characters, at most {length} are documented"),
            );
        }
    }
}
