//! Tests of what is told: every element and call has the shape that the platforms publish, oddities included.

use super::{
    estate,
    operation::Operation,
    story::{Event, Span, What, tell},
};
use chrono::DateTime;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn history(seed: u64, count: usize) -> Vec<Event> {
    let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    tell(
        seed,
        &estate::draw(seed, count),
        Span::before(now, 7),
        count,
    )
}

fn elements(events: &[Event]) -> impl Iterator<Item = Value> {
    events.iter().filter_map(|event| match &event.what {
        What::Matrix { element, .. } => Some(serde_json::from_str(element).unwrap()),
        What::Urgent { .. } => None,
    })
}

fn bodies(events: &[Event]) -> impl Iterator<Item = (Operation, Value)> {
    events.iter().filter_map(|event| match &event.what {
        What::Matrix { .. } => None,
        What::Urgent { operation, body } => Some((*operation, serde_json::from_str(body).unwrap())),
    })
}

/// The members of `value`, in order.
fn members(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn urgent_calls_have_the_members_of_the_published_examples() {
    let status_must = BTreeSet::from([
        "TaskIdentifier",
        "TaskReference",
        "Tenant",
        "StatusChangeIdentifier",
        "StatusChangeDateTimeUtc",
        "Status",
    ]);
    let status_may = BTreeSet::from(["Note", "TaskCompliance", "AssetDowntime"]);
    let note_must = BTreeSet::from([
        "Tenant",
        "TaskReference",
        "NoteIdentifier",
        "Note",
        "NoteDateTimeUtc",
    ]);
    let chase = BTreeSet::from([
        "Tenant",
        "TaskReference",
        "TaskIdentifier",
        "Note",
        "ChasedDateTimeUtc",
        "ChaseIdentifier",
    ]);
    let task = BTreeSet::from([
        "TaskIdentifier",
        "TaskReference",
        "Tenant",
        "ExternalIdentifier",
        "InitiatorName",
        "Site",
        "Description",
        "DefectSource",
        "MatrixItemCode",
        "Chargeability",
        "Workflow",
        "ServiceLevel",
        "Supplier",
        "Assets",
        "IsAssetAvailable",
        "CustomFields",
        "Relate",
        "Status",
        "CreatedDateTimeUtc",
    ]);
    for (operation, body) in bodies(&history(3, 4_000)) {
        let present = members(&body);
        match operation {
            Operation::StatusChanged => {
                assert!(present.is_superset(&status_must));
                assert!(
                    present
                        .difference(&status_must)
                        .all(|member| status_may.contains(member))
                );
            }
            Operation::NoteAdded => {
                assert!(present.is_superset(&note_must));
                assert!(
                    present
                        .difference(&note_must)
                        .all(|member| *member == "TaskIdentifier")
                );
            }
            Operation::TaskChased => assert_eq!(present, chase),
            Operation::TaskCreated => {
                assert_eq!(present, task);
                let site = &body["Site"];
                assert_eq!(
                    members(site),
                    BTreeSet::from(["SiteCode", "ParentCode", "Name", "Address", "Location"])
                );
                assert_eq!(
                    members(&site["Address"]),
                    BTreeSet::from([
                        "Line1",
                        "Line2",
                        "Line3",
                        "Town",
                        "County",
                        "Country",
                        "PostalCode"
                    ])
                );
                assert_eq!(
                    members(&site["Location"]),
                    BTreeSet::from(["Latitude", "Longitude"])
                );
            }
            Operation::TaskChanged => assert_eq!(
                present.difference(&task).collect::<Vec<_>>(),
                [&"ModifiedDateTimeUtc"]
            ),
            Operation::Batch => unreachable!("Matrix is not Urgent"),
        }
        assert!(body["TaskReference"].is_i64() || operation == Operation::NoteAdded);
    }
}

#[test]
fn start_moves_on_assignment_and_work_ends_after_it_began() {
    let mut reported: BTreeMap<String, i64> = BTreeMap::new();
    let (mut moved, mut completed) = (0, 0);
    let seconds = |value: &Value| {
        value
            .as_i64()
            .or_else(|| value.as_str()?.parse().ok())
            .unwrap()
    };
    for element in
        elements(&history(11, 3_000)).filter(|element| element["Meta"]["Type"] == "INCIDENT")
    {
        let meta = &element["Meta"];
        let (start, task) = (
            seconds(&meta["Start"]),
            meta["TaskId"].as_str().unwrap().to_owned(),
        );
        let first = *reported.entry(task).or_insert(start);
        moved += usize::from(start > first);
        assert!(start >= first && seconds(&meta["End"]) > start);
        let (begun, ended) = (seconds(&meta["AStart"]), seconds(&meta["AEnd"]));
        if meta["Status"] == "COMPLETED" {
            assert!(begun >= start && ended > begun);
            completed += 1;
        } else {
            assert_eq!(ended, 0, "not yet");
        }
    }
    assert!(moved > 100 && completed > 100, "{moved} {completed}");
}

#[test]
fn work_orders_have_the_shape_of_the_published_example_and_go_forward() {
    let example = serde_json::json!({
        "AEnd": 0, "AStart": 0, "By": "AQ Lite", "End": 1_686_794_161, "EscalationLevel": "L0", "Name": "Bad smell in washroom",
        "Priority": "H", "SourceDeviceIdentifier": ["AQ-L2-M-01"], "Start": 1_686_793_261, "Status": "NOT_ASSIGNED",
        "TaskId": "1686793261034749182", "Type": "INCIDENT", "Zone": "zone-l2-male-washroom", "ZoneName": "L2 Male Washroom"
    });
    let expected: BTreeSet<&String> = example.as_object().unwrap().keys().collect();
    let mut latest: BTreeMap<String, i64> = BTreeMap::new();
    for element in elements(&history(2, 3_000)) {
        let envelope: BTreeSet<&str> = element
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            envelope,
            BTreeSet::from([
                "ID",
                "ATTR",
                "Description",
                "Event",
                "Principal",
                "PType",
                "Entity",
                "EType",
                "RoutingKey",
                "RoutingKeyS",
                "Status",
                "Time",
                "UnixTime",
                "UnixTimeInt",
                "Module",
                "Meta"
            ])
        );
        let words: Vec<&str> = element["RoutingKeyS"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect();
        assert_eq!(element["RoutingKey"], words.join("."));
        let at = element["UnixTimeInt"].as_i64().unwrap();
        assert_eq!(element["UnixTime"], at.to_string());
        assert_eq!(
            element["Time"],
            format!("{}#{at}", element["Module"].as_str().unwrap())
        );
        let Some(task) = element["Meta"]["TaskId"].as_str() else {
            continue;
        };
        assert!(task.len() == 19 && task.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(
            element["Meta"]
                .as_object()
                .unwrap()
                .keys()
                .collect::<BTreeSet<_>>(),
            expected
        );
        let before = latest.insert(task.to_owned(), at);
        assert!(
            before.is_none_or(|before| before < at),
            "{task} stands still"
        );
    }
}

#[test]
fn urgent_tasks_begin_with_their_creation_and_some_belong_to_incidents() {
    let events = history(4, 4_000);
    let incidents: BTreeSet<String> = elements(&events)
        .filter_map(|e| e["Meta"]["TaskId"].as_str().map(str::to_owned))
        .collect();
    let mut created = BTreeSet::new();
    let mut linked = 0;
    let mut children = 0;
    for (operation, body) in bodies(&events) {
        if let Some(task) = body["TaskIdentifier"].as_str() {
            match operation {
                Operation::TaskCreated => assert!(created.insert(task.to_owned())),
                _ => assert!(created.contains(task)),
            }
        }
        if operation == Operation::TaskCreated {
            let site = &body["Site"];
            children += usize::from(site["ParentCode"].is_string());
            linked += usize::from(
                body["ExternalIdentifier"]
                    .as_str()
                    .is_some_and(|task| incidents.contains(task)),
            );
        }
    }
    assert!(
        created.len() > 100 && linked > 50 && children > 20,
        "{} {linked} {children}",
        created.len()
    );
}

#[test]
fn the_platforms_inconsistencies_all_occur() {
    let events = history(9, 6_000);
    let all: Vec<(Operation, Value)> = bodies(&events).collect();
    let of = |wanted| {
        all.iter()
            .filter(move |(operation, _)| *operation == wanted)
            .map(|(_, body)| body)
    };
    assert!(of(Operation::NoteAdded).any(|note| note.get("TaskIdentifier").is_none()));
    assert!(of(Operation::NoteAdded).any(|note| note["TaskReference"].is_string()));
    assert!(of(Operation::NoteAdded).any(|note| note["TaskReference"].is_i64()));
    let statuses: Vec<&Value> = of(Operation::StatusChanged).collect();
    assert!(
        statuses
            .iter()
            .any(|status| status["Status"] == "Intervention effectuée – Attente du devis")
    );
    assert!(
        statuses
            .iter()
            .any(|status| status["AssetDowntime"].is_object())
    );
    assert!(
        statuses
            .iter()
            .any(|status| status["AssetDowntime"].is_null())
    );
    let answers: Vec<&Value> = statuses
        .iter()
        .filter_map(|status| status["TaskCompliance"].as_array())
        .flatten()
        .map(|answer| &answer["Answer"])
        .collect();
    assert!(answers.iter().any(|answer| answer.is_string()));
    assert!(answers.iter().any(|answer| answer.is_boolean()));
    assert!(answers.iter().any(|answer| answer.is_f64()));
    let times: Vec<&str> = statuses
        .iter()
        .filter_map(|status| status["StatusChangeDateTimeUtc"].as_str())
        .collect();
    let digits: BTreeSet<usize> = times
        .iter()
        .map(|time| {
            time.split_once('.').map_or(0, |(_, rest)| {
                rest.bytes().take_while(u8::is_ascii_digit).count()
            })
        })
        .collect();
    assert_eq!(digits, (0..=7).collect());
    assert!(times.iter().any(|time| time.ends_with('Z')));
    assert!(times.iter().any(|time| time[19..].contains(['+', '-'])));
    assert!(
        times
            .iter()
            .any(|time| !time.ends_with('Z') && !time[19..].contains(['+', '-']))
    );
    assert!(
        of(Operation::TaskChased).next().is_some() && of(Operation::TaskChanged).next().is_some()
    );
    assert!(elements(&events).any(|element| element["Meta"]["Start"].is_string()));
    assert!(elements(&events).any(|element| element["Meta"]["Start"].is_i64()));
}
