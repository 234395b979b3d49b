//! What a batch of the bus may hold, from the fixtures and from anything at all.

mod anything;
mod batch;
mod event;
mod odd;

use entity::{ActivityKind, Priority, WorkState};
use serde_json::json;

use super::super::Fault;
use super::*;
use crate::domain::delivery::Text;
use crate::domain::fact::{Place, Stage, What, Work};

const OPEN: &str = include_str!("../../../../tests/it/fixtures/matrix/incident-open.json");

const SEED: &str = include_str!("../../../../tests/it/fixtures/matrix/seed-open-incident.json");

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn content(batch: &Value) -> Content {
    decode(batch.to_string().as_bytes(), now()).unwrap()
}

fn open() -> Value {
    let batch: Value = serde_json::from_str(OPEN).unwrap();
    batch[0].clone()
}

/// The fixture with members set (`Meta.X` for those inside) or, with null, taken away.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut event = open();
    for (name, value) in changes {
        let (map, name) = match name.strip_prefix("Meta.") {
            Some(name) => (event["Meta"].as_object_mut().unwrap(), name),
            None => (event.as_object_mut().unwrap(), *name),
        };
        if value.is_null() {
            map.remove(name);
        } else {
            map.insert(name.to_owned(), value.clone());
        }
    }
    event
}

fn fact(changes: &[(&str, Value)]) -> Fact {
    let content = content(&json!([with(changes)]));
    assert_eq!(content.misfits, []);
    Fact::clone(&content.facts[0].1)
}

fn work(changes: &[(&str, Value)]) -> Work {
    match fact(changes).what {
        What::Incident(work) | What::MatrixTask(work) => work,
        other => panic!("{other:?}"),
    }
}

fn misfit(changes: &[(&str, Value)]) -> (String, String) {
    let content = content(&json!([with(changes)]));
    assert!(content.facts.is_empty());
    let misfit = content.misfits[0].clone();
    (misfit.path, misfit.reason)
}
