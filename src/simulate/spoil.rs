//! Broken on purpose: Matrix elements that must be quarantined, and Urgent calls that must be refused.

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

/// A broken Urgent body and the answer it deserves: 400 where it is not JSON, 422 where it names no tenant or no task.
/// Whatever else is odd about a call is kept.
pub(super) fn call(rng: &mut Rng, good: &str) -> (String, u16) {
    if rng.f64() < 0.4 {
        let mut cut = rng.usize(1..good.len().max(2));
        while !good.is_char_boundary(cut) {
            cut -= 1;
        }
        return (good[..cut].to_owned(), 400);
    }
    let mut value: Value = serde_json::from_str(good).unwrap_or_default();
    if let Some(body) = value.as_object_mut() {
        match rng.u32(..4) {
            0 => {
                body.remove("TaskReference");
                body.insert("TaskIdentifier".to_owned(), json!("not-a-guid"));
            }
            1 => {
                body.insert("Tenant".to_owned(), json!(["Northside FM"]));
            }
            2 => {
                body.remove("TaskReference");
                body.remove("TaskIdentifier");
            }
            _ => {
                body.remove("Tenant");
            }
        }
    }
    (value.to_string(), 422)
}
