//! What a call means: status changes, notes and chases, each identified by its own GUID. Descriptions are next door.
//! Every version of an act (one for each recipient's language) is a fact of its own: the key holds the content's hash.

use chrono::{DateTime, Utc};
use entity::status_change::Compliance;
use entity::{ActivityId, ActivityKind, Operation, Source, Version};
use serde_json::{Value, json};

use super::call::{Call, over_long};
use crate::domain::fact::{Chase, Fact, Note, StatusChange, TaskName, What};
use crate::domain::id;
use crate::ingest::canonical;
use crate::ingest::flag::Flags;
use crate::ingest::member::{Members, Wrong, scalar, wrong};

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

    fn act(&self, tenant: &str, identifier: &str) -> ActivityId {
        let content = canonical::hash(self.body);
        id::activity(&(Source::Urgent, self.operation, tenant, identifier, content))
    }

    fn version(&self, at: DateTime<Utc>, act: ActivityId) -> Version {
        Version(self.credential_position, at.timestamp_micros(), act.0)
    }

    fn status_changed(&self, flags: &mut Flags) -> Result<Fact, Wrong> {
        let tenant = self.tenant(flags)?;
        let task = self.guid("TaskIdentifier", flags)?;
        let reference = self.reference()?;
        let identifier = self.guid("StatusChangeIdentifier", flags)?;
        let status = self.status(flags)?;
        let at = self.at("StatusChangeDateTimeUtc", flags)?;
        let note = self.members.text("Note")?;
        if let Some(note) = &note {
            over_long(note, 2000, &self.members.path("Note"), flags);
        }
        let compliance = self.compliance(flags)?;
        let (downtime_reason, is_asset_back_up) = match self.members.object("AssetDowntime")? {
            Some(downtime) => {
                let reason = downtime.text("Reason")?;
                if let Some(reason) = &reason {
                    over_long(reason, 255, &downtime.path("Reason"), flags);
                }
                let is_back_up = downtime.boolean("IsAssetBackUp").unwrap_or_else(|wrong| {
                    flags.raise(&wrong.path, wrong.reason);
                    None
                });
                (reason, is_back_up)
            }
            None => (None, None),
        };
        let act = self.act(&tenant, &identifier);
        Ok(Fact {
            id: act,
            kind: ActivityKind::StatusChanged,
            occurred_at: at,
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
                version: self.version(at, act),
            }),
        })
    }

    fn compliance(&self, flags: &mut Flags) -> Result<Vec<Compliance>, Wrong> {
        let path = self.members.path("TaskCompliance");
        let items = match self.members.get("TaskCompliance") {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            other => return Err(wrong(path, "an array or null", other)),
        };
        let mut compliance = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            let item = Members::of(item, format!("{path}[{position}]"))?;
            let name = item.required("Name", "the name of the question, a text")?;
            over_long(&name, 250, &item.path("Name"), flags);
            // "String representation" in the table, a boolean in the example: any scalar is possible.
            let answer = item.get("Answer").map(|answer| {
                scalar(answer).unwrap_or_else(|| {
                    flags.raise(&item.path("Answer"), "no scalar; kept as JSON");
                    answer.to_string()
                })
            });
            compliance.push(Compliance { name, answer });
        }
        Ok(compliance)
    }

    fn note_added(&self, flags: &mut Flags) -> Result<Fact, Wrong> {
        let task = TaskName {
            tenant: self.tenant(flags)?,
            identifier: self.optional_guid("TaskIdentifier", flags)?,
            reference: self.reference()?,
        };
        over_long(
            &task.reference,
            100,
            &self.members.path("TaskReference"),
            flags,
        );
        let identifier = self.guid("NoteIdentifier", flags)?;
        let text = self.must_text("Note", 2000, flags)?;
        let at = self.at("NoteDateTimeUtc", flags)?;
        let act = self.act(&task.tenant, &identifier);
        Ok(Fact {
            id: act,
            kind: ActivityKind::NoteAdded,
            occurred_at: at,
            data: Some(json!({"note": text})),
            what: What::Note(Note {
                task,
                identifier,
                text,
                version: self.version(at, act),
            }),
        })
    }

    fn chased(&self, flags: &mut Flags) -> Result<Fact, Wrong> {
        let tenant = self.tenant(flags)?;
        let task = self.guid("TaskIdentifier", flags)?;
        let reference = self.reference()?;
        let identifier = self.guid("ChaseIdentifier", flags)?;
        let text = self.must_text("Note", 2000, flags)?;
        let at = self.at("ChasedDateTimeUtc", flags)?;
        let act = self.act(&tenant, &identifier);
        Ok(Fact {
            id: act,
            kind: ActivityKind::TaskChased,
            occurred_at: at,
            data: Some(json!({"note": text})),
            what: What::Chase(Chase {
                tenant,
                task,
                reference,
                identifier,
                text,
                version: self.version(at, act),
            }),
        })
    }
}
