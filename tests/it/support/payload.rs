//! What the platforms send, made short: a sound payload of each kind, to be changed by the case.

use serde_json::{Value, json};

/// The Matrix building of these payloads.
pub const BUILDING: &str = "building-1";
/// The Matrix property of these payloads.
pub const PROPERTY: &str = "property-1";
/// Matrix's TaskId of the incident of these payloads.
pub const WORK: &str = "1686793261034749182";
/// The Urgent tenant of these payloads.
pub const TENANT: &str = "Test Tenant";
/// The TaskIdentifier of the Urgent task of these payloads.
pub const TASK: &str = "f5e99171-db8a-42f5-9822-1385f055f42c";
/// 2023-06-15T01:40:00Z: second 0 of these payloads.
pub const START: i64 = 1_686_793_200;

/// A GUID for each number.
pub fn guid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// `value` with the members of `changes`, inside objects too. A null is set, not left out.
pub fn with(mut value: Value, changes: Value) -> Value {
    merge(&mut value, changes);
    value
}

fn merge(value: &mut Value, changes: Value) {
    match (value, changes) {
        (Value::Object(members), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(members.entry(name).or_insert(Value::Null), change);
            }
        }
        (value, changes) => *value = changes,
    }
}

/// `value` without a member, found by a JSON pointer to its object.
pub fn without(mut value: Value, object: &str, member: &str) -> Value {
    value
        .pointer_mut(object)
        .and_then(Value::as_object_mut)
        .and_then(|members| members.remove(member))
        .expect("the member to leave out");
    value
}

/// An event of the bus, `second` seconds after [`START`].
pub fn event(name: &str, second: i64, meta: Value) -> Value {
    json!({
        "ID": BUILDING, "ATTR": format!("{name}#1"), "Description": "Ammonia level above threshold",
        "Event": name, "Principal": BUILDING, "PType": "building", "Entity": PROPERTY, "EType": "property",
        "Status": "HIGH", "Time": format!("scworkforcemanagement#{}", START + second),
        "UnixTime": (START + second).to_string(), "UnixTimeInt": START + second,
        "Module": "scworkforcemanagement", "Meta": meta,
    })
}

/// An event of the incident [`WORK`], with the state that goes with it: reported at 0, due at 900, started at 300,
/// ended at 600.
pub fn incident(name: &str, second: i64) -> Value {
    let (state, started, ended) = match name {
        "INCIDENT_CREATED" => ("ASSIGNED", 0, 0),
        "INCIDENT_STARTED" => ("STARTED", START + 300, 0),
        "INCIDENT_COMPLETED" => ("COMPLETED", START + 300, START + 600),
        "INCIDENT_INCOMPLETE" => ("INCOMPLETE", START + 300, START + 600),
        _ => ("NOT_ASSIGNED", 0, 0),
    };
    let meta = json!({
        "AEnd": ended, "AStart": started, "By": "AQ Lite", "End": START + 900, "EscalationLevel": "L0",
        "Name": "Bad smell in washroom", "Priority": "H", "SourceDeviceIdentifier": ["AQ-L2-M-01"],
        "Start": START, "Status": state, "TaskId": WORK, "Type": "INCIDENT", "Zone": "zone-1",
        "ZoneName": "L2 Male Washroom",
    });
    event(name, second, meta)
}

/// An escalation of the incident [`WORK`].
pub fn escalation(level: &str, second: i64) -> Value {
    let escalated = incident("INCIDENT_ESCALATED", second);
    with(escalated, json!({"Meta": {"EscalationLevel": level}}))
}

/// "Task created" or "task changed" of [`TASK`].
pub fn description() -> Value {
    json!({
        "TaskIdentifier": TASK, "TaskReference": 80027, "Tenant": TENANT,
        "Description": "Extractor fan not running", "Status": "Dispatched",
        "CreatedDateTimeUtc": "2020-05-29T09:15:02.1Z",
    })
}

/// A status change of [`TASK`].
pub fn status(number: u32, at: &str, status: &str) -> Value {
    json!({
        "TaskIdentifier": TASK, "TaskReference": 80027, "Tenant": TENANT,
        "StatusChangeIdentifier": guid(number), "StatusChangeDateTimeUtc": at, "Status": status,
    })
}

/// A note on [`TASK`].
pub fn note(number: u32, at: &str) -> Value {
    json!({
        "Tenant": TENANT, "TaskReference": 80027, "TaskIdentifier": TASK, "NoteIdentifier": guid(number),
        "Note": "Technician will be on site today", "NoteDateTimeUtc": at,
    })
}

/// A chase of [`TASK`].
pub fn chase(number: u32, at: &str) -> Value {
    json!({
        "Tenant": TENANT, "TaskReference": 80027, "TaskIdentifier": TASK, "ChaseIdentifier": guid(number),
        "Note": "Two hours late, please update.", "ChasedDateTimeUtc": at,
    })
}
