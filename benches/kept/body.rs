//! Bodies as the platforms send them, the same each time.

use caretaker::domain::delivery::Delivery;
use caretaker::ingest::proof::Proven;
use caretaker::ingest::receive;
use chrono::{DateTime, Utc};
use entity::Operation;
use serde_json::{Value, json};

/// When everything happens.
pub(super) const BEGAN: i64 = 1_760_000_000;

/// A moment some seconds after the beginning.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(BEGAN + seconds, 0).unwrap_or_default()
}

/// A batch of Matrix that tells the events of these numbers, three for each incident: told, begun, ended.
pub(super) fn matrix(events: impl Iterator<Item = i64>) -> Vec<u8> {
    events
        .map(event)
        .collect::<Value>()
        .to_string()
        .into_bytes()
}

fn event(number: i64) -> Value {
    let (incident, step) = (number / 3, number % 3);
    let building = format!("06f98e0c4f464b84b9157b1df6adfa66_{:03}", incident % 8);
    let zone = incident % 40;
    let start = BEGAN + 60 * incident;
    let time = start + 300 * step;
    let (event, status) = [
        ("INCIDENT_CREATED_OPEN", "NOT_ASSIGNED"),
        ("INCIDENT_STARTED", "STARTED"),
        ("INCIDENT_COMPLETED", "COMPLETED"),
    ][usize::try_from(step).unwrap_or_default()];
    let begun = if step > 0 { start + 300 } else { 0 };
    let ended = if step > 1 { start + 600 } else { 0 };
    let task = format!("{start}{incident:09}");
    let key = format!("matrix.{building}.scworkforcemanagement.{event}.HIGH");
    json!({
        "ID": building, "ATTR": format!("{event}#{task}"), "Description": "Ammonia level above threshold",
        "Event": event, "Principal": building, "PType": "building", "Entity": "06f98e0c4f464b84b9157b1df6adfa66",
        "EType": "property", "RoutingKey": key, "RoutingKeyS": key.split('.').collect::<Vec<_>>(), "Status": "HIGH",
        "Time": format!("scworkforcemanagement#{time}"), "UnixTime": time.to_string(), "UnixTimeInt": time,
        "Module": "scworkforcemanagement",
        "Meta": {
            "AEnd": ended, "AStart": begun, "By": "AQ Lite", "End": start + 900, "EscalationLevel": "L0",
            "Name": "Bad smell in washroom", "Priority": "H", "SourceDeviceIdentifier": [format!("AQ-{zone}")],
            "Start": start, "Status": status, "TaskId": task, "Type": "INCIDENT", "Zone": format!("zone-{zone}"),
            "ZoneName": format!("Washroom {zone}"),
        },
    })
}

/// An Urgent task's creation.
pub(super) fn task(number: i64) -> Vec<u8> {
    let mut body: Value = json!({
        "TaskIdentifier": identifier(1, number), "TaskReference": 80_000 + number, "Tenant": "Test Tenant",
        "ExternalIdentifier": null, "InitiatorName": "Facilities help desk",
        "Description": "Extractor fan in L2 male washroom not running; smell alarm raised",
        "DefectSource": "Unknown", "MatrixItemCode": "01-04-02", "Chargeability": null,
        "Workflow": "Reactive - standard", "ServiceLevel": "P2 - attend in 4 hours",
        "Supplier": "Northside Mechanical Ltd", "Assets": ["3f0d1c52-6a57-4be0-9c0e-1f1f2a9b7f10"],
        "IsAssetAvailable": false, "CustomFields": [{ "Name": "Custom_Question_1", "Answer": "No" }],
        "Relate": null, "Status": "Dispatched", "CreatedDateTimeUtc": at(number),
    });
    body["Site"] = json!({
        "SiteCode": format!("LON-{:03}", number % 8), "ParentCode": null, "Name": "14 Canal Wharf",
        "Address": { "Line1": "14 Canal Wharf", "Town": "London", "Country": "United Kingdom", "PostalCode": "E14 0AA" },
        "Location": { "Latitude": 51.5049, "Longitude": -0.0197 },
    });
    body.to_string().into_bytes()
}

/// A change of an Urgent task's status.
pub(super) fn status(task: i64, change: i64) -> Vec<u8> {
    let body = json!({
        "TaskIdentifier": identifier(1, task), "TaskReference": 80_000 + task, "Tenant": "Test Tenant",
        "StatusChangeIdentifier": identifier(task + 2, change), "StatusChangeDateTimeUtc": at(600 * (change + 1)),
        "Status": if change % 2 == 0 { "Attended" } else { "Suspended" }, "Note": "Technician John Doe now on site",
        "TaskCompliance": [{ "Name": "TC_TrainedAndCompetent", "Answer": true }], "AssetDowntime": null,
    });
    body.to_string().into_bytes()
}

fn identifier(group: i64, number: i64) -> String {
    format!("f5e99171-db8a-42f5-{group:04x}-{number:012x}")
}

/// A proven call.
pub(super) fn delivery(operation: Operation, body: Vec<u8>) -> Delivery {
    let proven = Proven {
        credential: "kept".to_owned(),
        position: 0,
        signed_at: None,
        signed_time: None,
    };
    receive::delivery(operation, proven, body, at(1_000_000)).0
}
