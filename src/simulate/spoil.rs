//! Broken on purpose: Matrix elements that must be quarantined, and Urgent calls that must be refused.

use super::operation::Operation;
use fastrand::Rng;
use serde_json::{Value, json};

/// A broken element in place of a good one. It is JSON, so its siblings can still be read.
pub(super) fn element(rng: &mut Rng, good: &str) -> String {
    let mut value: Value = serde_json::from_str(good).unwrap_or_default();
    let work_order = value["Meta"]["TaskId"].is_string();
    match rng.u32(..7) {
        0 => return "42".to_owned(),
        1 => return "null".to_owned(),
        2 => return json!("{\"ID\": \"cut off").to_string(),
        3 if work_order => {
            if let Some(meta) = value["Meta"].as_object_mut() {
                meta.remove("TaskId");
            }
        }
        4 => value["Meta"] = json!("none"),
        5 => {
            value["UnixTime"] = json!([]);
            value["UnixTimeInt"] = json!({});
            value["Time"] = json!(false);
        }
        _ => value["Event"] = json!(["INCIDENT", 7]),
    }
    value.to_string()
}

/// A broken Urgent body and the answer it deserves: 400 where it is not JSON, 422 where it is the wrong shape.
pub(super) fn call(rng: &mut Rng, operation: Operation, good: &str) -> (String, u16) {
    if rng.f64() < 0.4 {
        let mut cut = rng.usize(1..good.len().max(2));
        while !good.is_char_boundary(cut) {
            cut -= 1;
        }
        return (good[..cut].to_owned(), 400);
    }
    let mut value: Value = serde_json::from_str(good).unwrap_or_default();
    let own = match operation {
        Operation::StatusChanged => "StatusChangeIdentifier",
        Operation::NoteAdded => "NoteIdentifier",
        Operation::TaskChased => "ChaseIdentifier",
        Operation::Batch | Operation::TaskCreated | Operation::TaskChanged => "TaskIdentifier",
    };
    match rng.u32(..4) {
        0 => value[own] = json!("not-a-guid"),
        1 => value["Tenant"] = json!(["Northside FM"]),
        missing => {
            if let Some(body) = value.as_object_mut() {
                body.remove(if missing == 2 { own } else { "Tenant" });
            }
        }
    }
    (value.to_string(), 422)
}
