//! Small payloads of both platforms, told apart by what a case varies.

use serde_json::{Value, json};

/// Matrix's report of incident `task` in `building`, `second` seconds into the story.
pub fn incident(building: &str, task: usize, second: usize) -> Value {
    matrix(
        "INCIDENT_CREATED_OPEN",
        "NOT_ASSIGNED",
        building,
        task,
        second,
    )
}

/// Matrix's word that incident `task` in `building` was dealt with.
pub fn completed(building: &str, task: usize, second: usize) -> Value {
    matrix("INCIDENT_COMPLETED", "COMPLETED", building, task, second)
}

fn matrix(event: &str, status: &str, building: &str, task: usize, second: usize) -> Value {
    let time = 1_686_793_261 + second;
    json!({
        "ID": building, "ATTR": format!("{event}#{task}"), "Description": "Ammonia level above threshold",
        "Event": event, "Principal": building, "PType": "building", "Entity": "estate", "EType": "property",
        "Status": "HIGH", "UnixTimeInt": time, "Module": "scworkforcemanagement",
        "Meta": {
            "AEnd": 0, "AStart": 0, "By": "AQ Lite", "End": time + 900, "EscalationLevel": "L0",
            "Name": "Bad smell in washroom", "Priority": "H", "SourceDeviceIdentifier": ["AQ-L2-M-01"],
            "Start": time, "Status": status, "TaskId": task.to_string(), "Type": "INCIDENT",
            "Zone": format!("zone-{}", task % 7), "ZoneName": "L2 Male Washroom"
        }
    })
}

/// Urgent's report of task `number`.
pub fn task_created(number: usize) -> Value {
    let mut body: Value =
        serde_json::from_str(include_str!("../fixtures/urgent/task-created.json")).unwrap();
    body["TaskIdentifier"] = json!(task_identifier(number));
    body["TaskReference"] = json!(number);
    body["ExternalIdentifier"] = Value::Null;
    body
}

/// A note on task `number`.
pub fn note(number: usize, note: usize) -> Value {
    let mut body: Value =
        serde_json::from_str(include_str!("../fixtures/urgent/note-added.json")).unwrap();
    body["TaskIdentifier"] = json!(task_identifier(number));
    body["TaskReference"] = json!(number);
    body["NoteIdentifier"] = json!(format!("b7e0d728-c96b-4bc4-b9f6-{note:012x}"));
    body
}

/// The GUID of task `number`.
pub fn task_identifier(number: usize) -> String {
    format!("f5e99171-db8a-42f5-9822-{number:012x}")
}

/// The tenant of the tasks here.
pub const TENANT: &str = "Test Tenant";
