//! What the five calls must and may carry, on the platform's own examples.

mod act;
mod anything;
mod description;
mod odd;

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Operation};
use serde_json::{Value, json};

use super::super::{Fault, Unusable};
use super::decode;
use crate::domain::delivery::Content;
use crate::domain::fact::{Chase, Description, Fact, Note, StatusChange, Told, What};

const CREATED: &str = include_str!("../../../../tests/it/fixtures/urgent/task-created.json");

const STATUS: &str = include_str!("../../../../tests/it/fixtures/urgent/seed-status-changed.json");

const NOTE: &str = include_str!("../../../../tests/it/fixtures/urgent/seed-note-added.json");

const CHASED: &str = include_str!("../../../../tests/it/fixtures/urgent/seed-chased.json");

const NIL: &str = "00000000-0000-0000-0000-000000000000";

const CALLS: [(Operation, &str); 5] = [
    (Operation::TaskCreated, CREATED),
    (Operation::TaskChanged, CREATED),
    (Operation::StatusChanged, STATUS),
    (Operation::NoteAdded, NOTE),
    (Operation::TaskChased, CHASED),
];

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn signed() -> DateTime<Utc> {
    time("2020-05-29T11:00:00Z")
}

fn read(operation: Operation, body: &Value) -> Result<Content, Unusable> {
    let arrived = time("2020-05-29T11:00:01Z");
    decode(
        operation,
        body.to_string().as_bytes(),
        Some(signed()),
        arrived,
        2,
    )
}

/// An example with members set, or taken away where null stands for absent.
fn with(example: &str, changes: &[(&str, Value)]) -> Value {
    let mut body: Value = serde_json::from_str(example).unwrap();
    for (name, value) in changes {
        body[*name] = value.clone();
    }
    body
}

fn without(example: &str, name: &str) -> Value {
    let mut body: Value = serde_json::from_str(example).unwrap();
    body.as_object_mut().unwrap().remove(name);
    body
}

fn fact(operation: Operation, body: &Value) -> Fact {
    Fact::clone(&read(operation, body).unwrap().facts[0].1)
}

fn flags(operation: Operation, body: &Value) -> Vec<String> {
    read(operation, body).unwrap().flags
}

fn refused(operation: Operation, body: &Value) -> (String, String) {
    let unusable = read(operation, body).unwrap_err();
    assert_eq!(unusable.fault, Fault::WrongShape);
    (unusable.misfit.path, unusable.misfit.reason)
}

fn status(body: &Value) -> StatusChange {
    match fact(Operation::StatusChanged, body).what {
        What::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

fn note(body: &Value) -> Note {
    match fact(Operation::NoteAdded, body).what {
        What::Note(note) => note,
        other => panic!("{other:?}"),
    }
}

fn chase(body: &Value) -> Chase {
    match fact(Operation::TaskChased, body).what {
        What::Chase(chase) => chase,
        other => panic!("{other:?}"),
    }
}

fn description(operation: Operation, body: &Value) -> Description {
    match fact(operation, body).what {
        What::Description(description) => *description,
        other => panic!("{other:?}"),
    }
}

fn created(body: &Value) -> Description {
    description(Operation::TaskCreated, body)
}

fn value<T: From<&'static str>>(text: &'static str) -> Told<T> {
    Told::Value(text.into())
}

#[test]
fn the_fixtures_say_what_the_seeds_say() {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (fixture, seed) in [
        (
            include_str!("../../../../tests/it/fixtures/urgent/status-changed.json"),
            STATUS,
        ),
        (
            include_str!("../../../../tests/it/fixtures/urgent/note-added.json"),
            NOTE,
        ),
        (
            include_str!("../../../../tests/it/fixtures/urgent/chased.json"),
            CHASED,
        ),
    ] {
        assert_eq!(read(fixture), read(seed));
    }
}
