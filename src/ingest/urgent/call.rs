//! One call of Urgent as it stands on the wire, and the readings that all five share: GUIDs, references, texts
//! with a documented length, date-times.

use chrono::{DateTime, Duration, Utc};
use entity::Operation;
use serde_json::Value;
use uuid::Uuid;

use crate::ingest::flag::Flags;
use crate::ingest::member::{Members, Wrong, indexable};
use crate::ingest::time;

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

impl Call<'_> {
    /// `Tenant`, part of every identity.
    pub(super) fn tenant(&self, flags: &mut Flags) -> Result<String, Wrong> {
        tenant(&self.members, flags)
    }

    /// `TaskReference`: an int in one table, a text in the next.
    pub(super) fn reference(&self) -> Result<String, Wrong> {
        self.members
            .required_code("TaskReference", "the task's reference, a number or a text")
    }

    /// A GUID that must be there.
    pub(super) fn guid(&self, name: &str, flags: &mut Flags) -> Result<String, Wrong> {
        guid(&self.members, name, flags)
    }

    /// A GUID that may be missing; the empty one counts as missing.
    pub(super) fn optional_guid(
        &self,
        name: &str,
        flags: &mut Flags,
    ) -> Result<Option<String>, Wrong> {
        if self.members.word(name)?.is_none() {
            return Ok(None);
        }
        let guid = self.guid(name, flags)?;
        Ok((guid != Uuid::nil().hyphenated().to_string()).then_some(guid))
    }

    /// A text that must be there, though it may be empty.
    pub(super) fn must_text(
        &self,
        name: &str,
        length: usize,
        flags: &mut Flags,
    ) -> Result<String, Wrong> {
        let text = self.members.text(name)?;
        let text = text.ok_or_else(|| self.members.wrong(name, "a text"))?;
        let path = self.members.path(name);
        if text.trim().is_empty() {
            flags.raise(&path, "empty");
        }
        if !matches!(self.members.get(name), Some(Value::String(_))) {
            flags.raise(&path, "not a text; taken as one");
        }
        over_long(&text, length, &path, flags);
        Ok(text)
    }

    /// `Status`: a name in the user's language, kept in an indexed column.
    pub(super) fn status(&self, flags: &mut Flags) -> Result<String, Wrong> {
        let status = self.must_text("Status", 100, flags)?;
        Ok(indexable(status, &self.members.path("Status"), flags))
    }

    /// A date and time that must be there.
    pub(super) fn at(&self, name: &str, flags: &mut Flags) -> Result<DateTime<Utc>, Wrong> {
        let told = self.members.get(name).and_then(Value::as_str);
        let at = time::date_time(told.unwrap_or_default())
            .map_err(|expected| self.members.wrong(name, expected))?;
        if at > self.received_at + Duration::days(1) {
            flags.raise(&self.members.path(name), "later than its arrival");
        }
        Ok(at)
    }
}

/// `Tenant` of `members`.
pub(super) fn tenant(members: &Members<'_>, flags: &mut Flags) -> Result<String, Wrong> {
    let tenant = members.required_code("Tenant", "the tenant, a text")?;
    over_long(&tenant, 100, &members.path("Tenant"), flags);
    Ok(tenant)
}

/// A GUID that `members` must have.
pub(super) fn guid(members: &Members<'_>, name: &str, flags: &mut Flags) -> Result<String, Wrong> {
    const EXPECTED: &str = "a GUID such as f5e99171-db8a-42f5-9822-1385f055f42c";
    let text = members.required(name, EXPECTED)?;
    let guid = Uuid::try_parse(text.trim()).map_err(|_| members.wrong(name, EXPECTED))?;
    if guid.is_nil() {
        flags.raise(&members.path(name), "the empty GUID");
    }
    Ok(guid.hyphenated().to_string())
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
