//! Urgent played: how a task goes, as the five calls of its outbound API, with that API's own inconsistencies.
//! Gives (moment, operation, JSON); signing and sending is `sign` and `send`.

use super::{
    estate::{Building, Site, Tenant, Zone},
    operation::Operation,
    words::{Priority, Trouble},
};
use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, Timelike, Utc};
use fastrand::Rng;
use serde_json::{Value, json};

/// One call of a task's story.
pub(super) type Told = (DateTime<Utc>, Operation, String);

/// What a task is about.
pub(super) struct Work<'a> {
    tenant: Tenant,
    building: &'a Building,
    site: &'a Site,
    /// The room, where it is a site of its own.
    room: Option<(&'a str, &'a str)>,
    description: String,
    category: &'static str,
    priority: Priority,
    external_identifier: Option<String>,
}

impl<'a> Work<'a> {
    /// Called for by an incident, whose TaskId it carries.
    pub(super) fn reactive(
        tenant: Tenant,
        building: &'a Building,
        site: &'a Site,
        zone: &'a Zone,
        trouble: &Trouble,
        task_id: String,
    ) -> Self {
        Self {
            tenant,
            building,
            site,
            room: zone
                .room_code
                .as_deref()
                .map(|code| (code, zone.name.as_str())),
            description: format!("{}: {}", zone.name, trouble.defect),
            category: "01-04-02",
            priority: trouble.priority,
            external_identifier: Some(task_id),
        }
    }

    /// Planned at the site; no incident stands behind it.
    pub(super) fn planned(
        rng: &mut Rng,
        tenant: Tenant,
        building: &'a Building,
        site: &'a Site,
    ) -> Self {
        let external = (rng.f64() < 0.5).then(|| format!("PPM-{}", rng.u32(1_000..10_000)));
        Self {
            tenant,
            building,
            site,
            room: None,
            description: pick(rng, tenant.tongue().planned).to_owned(),
            category: "02-01-01",
            priority: Priority::Low,
            external_identifier: external,
        }
    }
}

fn pick(rng: &mut Rng, words: &[&'static str]) -> &'static str {
    words[rng.usize(..words.len())]
}

fn guid(rng: &mut Rng) -> String {
    uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes())
        .into_uuid()
        .to_string()
}

/// A time as Urgent may write it: 0 to 7 fractional digits; `Z`, an offset, or no zone at all (then UTC).
fn stamp(rng: &mut Rng, at: DateTime<Utc>) -> String {
    let digits = rng.usize(0..=7);
    let (local, zone): (NaiveDateTime, String) = match rng.u32(..10) {
        0..6 => (at.naive_utc(), "Z".to_owned()),
        6 | 7 => {
            let minutes = [60, 120, -300, 330][rng.usize(..4)];
            let offset = FixedOffset::east_opt(minutes * 60);
            offset.map_or((at.naive_utc(), "Z".to_owned()), |offset| {
                (at.with_timezone(&offset).naive_local(), offset.to_string())
            })
        }
        _ => (at.naive_utc(), String::new()),
    };
    let mut text = local.format("%Y-%m-%dT%H:%M:%S").to_string();
    if digits > 0 {
        let fraction = format!("{:09}", local.nanosecond());
        text.push('.');
        text.push_str(&fraction[..digits]);
    }
    text + &zone
}

/// One task while it goes.
struct Task<'a> {
    about: &'a Work<'a>,
    identifier: String,
    reference: i64,
    told: Vec<Told>,
}

/// A task from its dispatch to its end: created, then statuses, notes, chases and a change between.
pub(super) fn task(rng: &mut Rng, about: &Work, reference: i64, start: DateTime<Utc>) -> Vec<Told> {
    let tongue = about.tenant.tongue();
    let mut task = Task {
        about,
        identifier: guid(rng),
        reference,
        told: Vec::new(),
    };
    let asset_down = rng.f64() < 0.3;
    let mut description = task.description(rng, start, asset_down);
    task.say(start, Operation::TaskCreated, &description);
    let mut at = start;
    let mut wait = |rng: &mut Rng, minutes: std::ops::Range<i64>| {
        at += TimeDelta::seconds(rng.i64(minutes.start * 60..minutes.end * 60));
        at
    };
    if rng.f64() < 0.05 {
        let moment = wait(rng, 5..120);
        task.status(rng, moment, tongue.cancelled, None, false);
        return task.told;
    }
    let moment = wait(rng, 2..30);
    task.status(rng, moment, tongue.accepted, None, false);
    if rng.f64() < 0.4 {
        let moment = wait(rng, 2..60);
        task.note(rng, moment);
    }
    if rng.f64() < 0.15 {
        description["Supplier"] = json!(pick(rng, tongue.suppliers));
        description["Description"] = json!(format!("{} (+)", about.description));
        let moment = wait(rng, 5..30);
        // When a "changed" was made is what tells two of them apart.
        description["ModifiedDateTimeUtc"] = json!(stamp(rng, moment));
        task.say(moment, Operation::TaskChanged, &description);
    }
    while rng.f64() < 0.2 {
        let moment = wait(rng, 60..240);
        task.chase(rng, moment);
    }
    let engineer = pick(rng, tongue.engineers);
    let moment = wait(rng, 10..180);
    task.status(
        rng,
        moment,
        tongue.attended,
        Some(format!("{engineer} {}", tongue.arrival_note)),
        false,
    );
    if rng.f64() < 0.3 {
        let reason = pick(rng, tongue.waiting);
        let moment = wait(rng, 10..60);
        task.status(rng, moment, reason, None, asset_down);
        let moment = wait(rng, 30..600);
        task.note(rng, moment);
    }
    let moment = wait(rng, 15..120);
    task.status(rng, moment, tongue.completed, None, asset_down);
    if rng.f64() < 0.6 {
        let moment = wait(rng, 60..1_440);
        task.status(rng, moment, tongue.closed, None, false);
    }
    task.told
}

impl Task<'_> {
    fn say(&mut self, at: DateTime<Utc>, operation: Operation, body: &Value) {
        self.told.push((at, operation, body.to_string()));
    }

    /// The "Read Task" JSON.
    fn description(&self, rng: &mut Rng, at: DateTime<Utc>, asset_down: bool) -> Value {
        let about = self.about;
        let tongue = about.tenant.tongue();
        let service_level = match about.priority {
            Priority::High => 0,
            Priority::Medium | Priority::Normal => 1,
            Priority::Low => 2,
        };
        let (code, parent, name) = match about.room {
            Some((code, name)) => (code, Some(about.site.code.as_str()), name),
            None => (about.site.code.as_str(), None, about.building.name.as_str()),
        };
        let status = if rng.f64() < 0.2 {
            json!({ "Name": tongue.dispatched })
        } else {
            json!(tongue.dispatched)
        };
        json!({
            "TaskIdentifier": self.identifier,
            "TaskReference": self.reference,
            "Tenant": about.tenant.name(),
            "ExternalIdentifier": about.external_identifier,
            "InitiatorName": tongue.initiator,
            "Site": {
                "SiteCode": code,
                "ParentCode": parent,
                "Name": name,
                "Address": {
                    "Line1": about.building.name, "Line2": "", "Line3": null, "Town": about.site.town,
                    "County": about.site.county, "Country": about.site.country, "PostalCode": about.site.postal_code,
                },
                "Location": { "Latitude": about.site.latitude, "Longitude": about.site.longitude },
            },
            "Description": about.description,
            "DefectSource": "Unknown",
            "MatrixItemCode": about.category,
            "Chargeability": null,
            "Workflow": pick(rng, tongue.workflows),
            "ServiceLevel": tongue.service_levels[service_level],
            "Supplier": pick(rng, tongue.suppliers),
            "Assets": [guid(rng)],
            "IsAssetAvailable": if asset_down { json!(false) } else if rng.bool() { json!(true) } else { Value::Null },
            "CustomFields": [{ "Name": "Custom_Question_1", "Answer": if rng.bool() { "No" } else { "Yes" } }],
            "Relate": null,
            "Status": status,
            "CreatedDateTimeUtc": stamp(rng, at),
        })
    }

    /// A status change; work that ends answers the compliance questions.
    fn status(
        &mut self,
        rng: &mut Rng,
        at: DateTime<Utc>,
        status: &str,
        note: Option<String>,
        asset_down: bool,
    ) {
        let tongue = self.about.tenant.tongue();
        let (trained, badge, temperature, permits) = tongue.questions;
        let mut body = json!({
            "TaskIdentifier": self.identifier,
            "TaskReference": self.reference,
            "Tenant": self.about.tenant.name(),
            "StatusChangeIdentifier": guid(rng),
            "StatusChangeDateTimeUtc": stamp(rng, at),
            "Status": status,
            "AssetDowntime": null,
        });
        if let Some(note) = note {
            body["Note"] = json!(note);
        }
        if status == tongue.attended {
            // In the table an answer is a string, in the example a boolean: both are sent.
            let yes = if rng.bool() {
                json!(true)
            } else {
                json!("true")
            };
            body["TaskCompliance"] = json!([{ "Name": trained, "Answer": yes }, { "Name": badge, "Answer": format!("ABC-{}", rng.u32(100..1_000)) }]);
        } else if status == tongue.completed {
            let degrees = f64::from(rng.u32(500..650)) / 10.0 + 0.05;
            body["TaskCompliance"] = json!([{ "Name": temperature, "Answer": degrees }, { "Name": permits, "Answer": rng.bool() }]);
        }
        if asset_down {
            let backup = if rng.bool() {
                json!(rng.bool())
            } else {
                Value::Null
            };
            body["AssetDowntime"] =
                json!({ "Reason": pick(rng, tongue.downtimes), "IsAssetBackUp": backup });
        }
        self.say(at, Operation::StatusChanged, &body);
    }

    /// A note; the reference is an int or a string, and some leave the identifier out.
    fn note(&mut self, rng: &mut Rng, at: DateTime<Utc>) {
        let reference = if rng.bool() {
            json!(self.reference)
        } else {
            json!(self.reference.to_string())
        };
        let mut body = json!({
            "Tenant": self.about.tenant.name(),
            "TaskReference": reference,
            "NoteIdentifier": guid(rng),
            "Note": pick(rng, self.about.tenant.tongue().notes),
            "NoteDateTimeUtc": stamp(rng, at),
        });
        if rng.f64() < 0.65 {
            body["TaskIdentifier"] = json!(self.identifier);
        }
        self.say(at, Operation::NoteAdded, &body);
    }

    fn chase(&mut self, rng: &mut Rng, at: DateTime<Utc>) {
        let body = json!({
            "Tenant": self.about.tenant.name(),
            "TaskReference": self.reference,
            "TaskIdentifier": self.identifier,
            "Note": pick(rng, self.about.tenant.tongue().chases),
            "ChasedDateTimeUtc": stamp(rng, at),
            "ChaseIdentifier": guid(rng),
        });
        self.say(at, Operation::TaskChased, &body);
    }
}
