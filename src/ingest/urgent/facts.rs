//! What a call means: status changes, notes and chases, each identified by its own GUID. Descriptions are next door.
//! Every version of an act (one for each recipient's language) is a fact of its own: the key holds the content's hash.

use chrono::{DateTime, Utc};
use entity::status_change::Compliance;
use entity::{ActivityId, ActivityKind, Operation, Source, Version};
use serde_json::{Value, json};

use super::call::{Call, Moment, over_long};
use crate::domain::fact::{Chase, Fact, Note, StatusChange, Stray, TaskName, What};
use crate::domain::id;
use crate::ingest::canonical;
use crate::ingest::flag::Flags;
use crate::ingest::member::{Members, Wrong, boolean, scalar, tolerate, wrong};

impl Call<'_> {
    /// The fact that the call tells.
    pub(super) fn fact(&self, flags: &mut Flags) -> Result<Fact, Wrong> {
        match self.operation {
            Operation::TaskCreated | Operation::TaskChanged => self.described(flags),
            Operation::StatusChanged => self.status_changed(flags),
            Operation::NoteAdded => self.note_added(flags),
            Operation::TaskChased => self.chased(flags),
            Operation::Events => Err(Wrong {
                path: "$".to_owned(),
                reason: "Expected a call of Urgent; found a batch of Matrix.".to_owned(),
            }),
        }
    }

    fn act(&self, tenant: &str, identifier: &str, moment: &Moment) -> ActivityId {
        let content = canonical::hash(self.body);
        let key = (Source::Urgent, self.operation, tenant, identifier, content);
        match moment.signed {
            None => id::activity(&key),
            Some(signed) => id::activity(&(key, signed.timestamp_micros())),
        }
    }

    fn version(&self, at: DateTime<Utc>, act: ActivityId) -> Version {
        Version(self.credential_position, at.timestamp_micros(), act.0)
    }

    /// A call that names its task by the reference only, where that is not enough to say which task it is: nothing is
    /// done to any task, and the call stands whole in the feed.
    pub(super) fn stray(
        &self,
        tenant: String,
        reference: Option<String>,
        at: DateTime<Utc>,
        signed: Option<DateTime<Utc>>,
    ) -> Fact {
        let content = canonical::hash(self.body);
        let signed = signed.map(|signed| signed.timestamp_micros());
        Fact {
            id: id::activity(&(Source::Urgent, self.operation, &tenant, content, signed)),
            kind: ActivityKind::OtherEvent,
            occurred_at: at,
            content: 0,
            data: Some(self.body.clone()),
            what: What::Stray(Stray { tenant, reference }),
        }
    }

    fn status_changed(&self, flags: &mut Flags) -> Result<Fact, Wrong> {
        let tenant = self.tenant(flags)?;
        let reference = self.reference(flags);
        let task = self.task(reference.as_deref(), flags)?;
        let moment = self.at("StatusChangeDateTimeUtc", flags);
        let Some(task) = task else {
            return Ok(self.stray(tenant, reference, moment.at, moment.signed));
        };
        let identifier = self.identifier("StatusChangeIdentifier", flags);
        let status = self.status(flags);
        let note = Self::optional_text(&self.members, "Note", 2000, flags);
        let compliance = self.compliance(flags);
        let downtime = tolerate(self.members.object("AssetDowntime"), flags);
        let (downtime_reason, is_asset_back_up) = match downtime {
            Some(downtime) => {
                let reason = Self::optional_text(&downtime, "Reason", 255, flags);
                let told = downtime.get("IsAssetBackUp").map(|told| {
                    boolean(told)
                        .ok_or_else(|| downtime.wrong("IsAssetBackUp", "true, false or null"))
                });
                (reason, tolerate(told.transpose(), flags))
            }
            None => (None, None),
        };
        let act = self.act(&tenant, &identifier, &moment);
        Ok(Fact {
            id: act,
            kind: ActivityKind::StatusChanged,
            occurred_at: moment.at,
            content: 0,
            data: Some(json!({"status": status, "note": note})),
            what: What::Status(StatusChange {
                tenant,
                task,
                reference,
                identifier,
                status,
                note,
                compliance,
                downtime_reason,
                is_asset_back_up,
                version: self.version(moment.at, act),
            }),
        })
    }

    /// The answers; a lone one is a list of one, and what is none is passed over without its siblings.
    fn compliance(&self, flags: &mut Flags) -> Vec<Compliance> {
        let path = self.members.path("TaskCompliance");
        let items = match self.members.get("TaskCompliance") {
            None => return Vec::new(),
            Some(Value::Array(items)) => items.as_slice(),
            Some(lone @ Value::Object(_)) => {
                flags.raise(&path, "no array; taken as the only answer");
                std::slice::from_ref(lone)
            }
            other => {
                let odd = wrong(path, "an array or null", other);
                flags.raise(&odd.path, odd.reason);
                return Vec::new();
            }
        };
        let mut compliance = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            let answer = answer(item, format!("{path}[{position}]"), flags);
            compliance.extend(tolerate(answer.map(Some), flags));
        }
        compliance
    }

    fn note_added(&self, flags: &mut Flags) -> Result<Fact, Wrong> {
        let tenant = self.tenant(flags)?;
        let reference = self.reference(flags);
        if let Some(reference) = &reference {
            let path = self.members.path("TaskReference");
            over_long(reference, 100, &path, flags);
        }
        // The table of this call leaves the identifier out: where nothing is said, nothing is odd.
        let is_named = matches!(self.members.word("TaskIdentifier"), Ok(Some(_)) | Err(_));
        let task = TaskName {
            identifier: match is_named || reference.is_none() {
                true => self.task(reference.as_deref(), flags)?,
                false => None,
            },
            tenant,
            reference,
        };
        let identifier = self.identifier("NoteIdentifier", flags);
        let text = self.text("Note", 2000, flags);
        let moment = self.at("NoteDateTimeUtc", flags);
        let act = self.act(&task.tenant, &identifier, &moment);
        Ok(Fact {
            id: act,
            kind: ActivityKind::NoteAdded,
            occurred_at: moment.at,
            content: 0,
            data: Some(json!({"note": text})),
            what: What::Note(Note {
                task,
                identifier,
                text,
                version: self.version(moment.at, act),
            }),
        })
    }

    fn chased(&self, flags: &mut Flags) -> Result<Fact, Wrong> {
        let tenant = self.tenant(flags)?;
        let reference = self.reference(flags);
        let task = self.task(reference.as_deref(), flags)?;
        let moment = self.at("ChasedDateTimeUtc", flags);
        let Some(task) = task else {
            return Ok(self.stray(tenant, reference, moment.at, moment.signed));
        };
        let identifier = self.identifier("ChaseIdentifier", flags);
        let text = self.text("Note", 2000, flags);
        let act = self.act(&tenant, &identifier, &moment);
        Ok(Fact {
            id: act,
            kind: ActivityKind::TaskChased,
            occurred_at: moment.at,
            content: 0,
            data: Some(json!({"note": text})),
            what: What::Chase(Chase {
                tenant,
                task,
                reference,
                identifier,
                text,
                version: self.version(moment.at, act),
            }),
        })
    }
}

fn answer(item: &Value, path: String, flags: &mut Flags) -> Result<Compliance, Wrong> {
    let item = Members::of(item, path)?;
    let name = item.required("Name", "the name of the question, a text")?;
    over_long(&name, 250, &item.path("Name"), flags);
    // "String representation" in the table, a boolean in the example: any scalar is possible.
    let answer = item.get("Answer").map(|answer| {
        scalar(answer).unwrap_or_else(|| {
            flags.raise(&item.path("Answer"), "no scalar; kept as JSON");
            answer.to_string()
        })
    });
    Ok(Compliance { name, answer })
}
