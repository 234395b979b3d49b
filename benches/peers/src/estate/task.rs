//! Urgent's side: how a task goes, as its calls: created, about four changes of status, 1.5 notes and 0.5 chases. One task
//! in 167 is a long one, with more than fifty entries in its timeline.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use fastrand::Rng;
use serde_json::{Value, json};

use super::{Building, guid, incident, moment, pick};
use crate::call::{Call, Operation};

const LONG: usize = 167;
const SUPPLIERS: [&str; 4] = [
    "Brightwork Ltd",
    "Cleanline",
    "Fixwell Services",
    "Nordic Lifts",
];
const NOTES: [&str; 4] = [
    "The technician will be on site today",
    "Parts were ordered and come on Thursday",
    "The tenant asks for a call before anybody comes",
    "A second visit is needed: the valve behind the panel leaks too",
];
const CHASES: [&str; 2] = [
    "The technician is over two hours late, please update.",
    "Third call about this: when does somebody come?",
];

/// Everything that is told of one task, in order.
pub(super) fn story(
    rng: &mut Rng,
    building: &Building,
    number: usize,
    made_for: Option<(&str, DateTime<Utc>)>,
) -> Vec<Call> {
    let is_long = number.is_multiple_of(LONG);
    let mut at = made_for.map_or_else(|| moment(rng), |(_, start)| start + TimeDelta::minutes(5));
    let identifier = guid(rng);
    let reference = 10_000 * (building.number + 1) + number;
    let task = json!({ "TaskIdentifier": identifier, "TaskReference": reference, "Tenant": building.tenant });
    let mut calls = vec![call(
        Operation::TaskCreated,
        &created(rng, building, &task, made_for.map(|(id, _)| id), at),
    )];
    let mut acts = if is_long { long() } else { short(rng) };
    // The first status is attendance, the last one an end for nine in ten.
    rng.shuffle(&mut acts);
    let last = acts
        .iter()
        .rposition(|act| *act == Operation::StatusChanged);
    let mut is_attended = false;
    for (place, act) in acts.iter().enumerate() {
        at += TimeDelta::seconds(rng.i64(60..if is_long { 7_200 } else { 20_000 }));
        let body = match act {
            Operation::StatusChanged => {
                let status = if Some(place) == last && rng.f64() < 0.9 {
                    if rng.f64() < 0.95 {
                        "Completed"
                    } else {
                        "Cancelled"
                    }
                } else if is_attended {
                    pick(rng, &["On Hold", "Attended", "In Progress"])
                } else {
                    "Attended"
                };
                is_attended = true;
                status_changed(rng, &task, status, at)
            }
            Operation::NoteAdded => with(
                &task,
                json!({ "NoteIdentifier": guid(rng), "Note": pick(rng, &NOTES), "NoteDateTimeUtc": text(at) }),
            ),
            _ => with(
                &task,
                json!({ "ChaseIdentifier": guid(rng), "Note": pick(rng, &CHASES), "ChasedDateTimeUtc": text(at) }),
            ),
        };
        calls.push(call(*act, &body));
    }
    calls
}

fn short(rng: &mut Rng) -> Vec<Operation> {
    let mut acts = vec![Operation::StatusChanged; rng.usize(3..=5)];
    acts.extend(vec![Operation::NoteAdded; rng.usize(0..=3)]);
    acts.extend(vec![Operation::TaskChased; rng.usize(0..=1)]);
    acts
}

fn long() -> Vec<Operation> {
    let mut acts = vec![Operation::StatusChanged; 24];
    acts.extend(vec![Operation::NoteAdded; 22]);
    acts.extend(vec![Operation::TaskChased; 10]);
    acts
}

fn created(
    rng: &mut Rng,
    building: &Building,
    task: &Value,
    made_for: Option<&str>,
    at: DateTime<Utc>,
) -> Value {
    let external = made_for.map(str::to_owned).or_else(|| {
        (rng.f64() < 0.5).then(|| format!("PPM-{}-{}", building.site, rng.u32(1_000..1_000_000)))
    });
    with(
        task,
        json!({
            "ExternalIdentifier": external,
            "InitiatorName": pick(rng, &["A. Porter", "M. Silva", "Reception", "K. Brandt"]),
            "Site": {
                "SiteCode": building.site, "ParentCode": null, "Name": building.name,
                "Address": { "Line1": building.name, "Line2": "", "Line3": null, "Town": "London", "County": "", "Country": "United Kingdom", "PostalCode": "E14 5AB" },
                "Location": { "Latitude": 51.5, "Longitude": -0.02 },
            },
            "Description": incident::complaint(rng),
            "DefectSource": "Unknown", "MatrixItemCode": pick(rng, &["01-04-02", "02-01-01", "03-07-01"]),
            "Chargeability": null, "Workflow": "Reactive", "ServiceLevel": pick(rng, &["2 hours", "4 hours", "1 day"]),
            "Supplier": pick(rng, &SUPPLIERS), "Assets": [guid(rng)], "IsAssetAvailable": true,
            "CustomFields": [{ "Name": "Custom_Question_1", "Answer": "No" }], "Relate": null,
            "Status": "Dispatched", "CreatedDateTimeUtc": text(at),
        }),
    )
}

fn status_changed(rng: &mut Rng, task: &Value, status: &str, at: DateTime<Utc>) -> Value {
    let compliance = match status {
        "Attended" => {
            json!([{ "Name": "TC_TrainedAndCompetent", "Answer": true }, { "Name": "TC_SafetyBadgeNumber", "Answer": format!("ABC-{}", rng.u32(100..1_000)) }])
        }
        _ => Value::Null,
    };
    let note = (rng.f64() < 0.5).then(|| pick(rng, &NOTES));
    with(
        task,
        json!({
            "StatusChangeIdentifier": guid(rng), "StatusChangeDateTimeUtc": text(at), "Status": status,
            "Note": note, "TaskCompliance": compliance, "AssetDowntime": null,
        }),
    )
}

fn with(task: &Value, more: Value) -> Value {
    let mut body = task.clone();
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    body
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn call(operation: Operation, body: &Value) -> Call {
    Call {
        operation,
        body: body.to_string(),
        events: 1,
    }
}
