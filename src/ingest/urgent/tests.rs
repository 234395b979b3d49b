//! What the five calls must and may carry, on the platform's own examples.

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Operation};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Fault, Unusable};
use super::decode;
use crate::domain::delivery::Content;
use crate::domain::fact::{Chase, Description, Fact, Note, StatusChange, Told, What};

const CREATED: &str = include_str!("../../../tests/it/fixtures/urgent/task-created.json");
const STATUS: &str = include_str!("../../../tests/it/fixtures/urgent/seed-status-changed.json");
const NOTE: &str = include_str!("../../../tests/it/fixtures/urgent/seed-note-added.json");
const CHASED: &str = include_str!("../../../tests/it/fixtures/urgent/seed-chased.json");

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
fn the_seeds_status_change_is_read_whole() {
    let body = with(STATUS, &[]);
    let fact = fact(Operation::StatusChanged, &body);
    assert_eq!(fact.kind, ActivityKind::StatusChanged);
    assert_eq!(fact.occurred_at, time("2020-05-29T10:47:34.915632Z"));
    let status = status(&body);
    assert_eq!(status.tenant, "Test Tenant");
    assert_eq!(status.task, "f5e99171-db8a-42f5-9822-1385f055f42c");
    assert_eq!(status.reference, "80027");
    assert_eq!(status.identifier, "fd899952-a146-4739-bc1c-f422d5201ec6");
    assert_eq!(status.status, "Attended");
    assert_eq!(
        status.note.as_deref(),
        Some("Technician John Doe now on site")
    );
    let answers: Vec<_> = status
        .compliance
        .iter()
        .map(|answer| (answer.name.as_str(), answer.answer.as_deref()))
        .collect();
    assert_eq!(
        answers,
        [
            ("TC_TrainedAndCompetent", Some("true")),
            ("TC_SafetyBadgeNumber", Some("ABC-112"))
        ]
    );
    assert_eq!(
        (status.downtime_reason, status.is_asset_back_up),
        (None, None)
    );
    assert_eq!(status.version.0, 2);
    assert_eq!(status.version.1, fact.occurred_at.timestamp_micros());
    assert_eq!(status.version.2, fact.id.0);
    assert!(flags(Operation::StatusChanged, &body).is_empty());
}

#[test]
fn the_seeds_note_and_chase_are_read_whole() {
    let note = note(&with(NOTE, &[]));
    assert_eq!(note.task.tenant, "Test Tenant");
    assert_eq!(note.task.reference, "80027");
    let task = note.task.identifier.as_deref();
    assert_eq!(task, Some("21a2c19e-7317-4b64-bf4e-6bbf1f51c4e8"));
    assert_eq!(note.identifier, "b7e0d728-c96b-4bc4-b9f6-8c2f8f833c76");
    assert_eq!(note.text, "Technician John Doe will be on site today");
    let chase = chase(&with(CHASED, &[]));
    assert_eq!(chase.task, "058e9c0a-44fb-46ca-9510-35f38ff82dfd");
    assert_eq!(chase.identifier, "f0dcb615-ee3f-4d38-aa74-8e82f7e60618");
    assert_eq!(
        chase.text,
        "Technician is over two hours late, please update."
    );
    let fact = fact(Operation::TaskChased, &with(CHASED, &[]));
    assert_eq!(fact.occurred_at, time("2020-05-29T10:57:58.225195Z"));
}

#[test]
fn a_note_may_lack_its_task_and_give_its_reference_as_text() {
    let mut body = without(NOTE, "TaskIdentifier");
    body["TaskReference"] = json!("80027");
    let told = note(&body);
    assert_eq!(
        (told.task.identifier, told.task.reference.as_str()),
        (None, "80027")
    );
    for missing in [
        json!(null),
        json!(""),
        json!("00000000-0000-0000-0000-000000000000"),
    ] {
        assert_eq!(
            note(&with(NOTE, &[("TaskIdentifier", missing)]))
                .task
                .identifier,
            None
        );
    }
}

#[test]
fn what_must_be_there_is_asked_for_by_its_path() {
    for (operation, example, names) in [
        (
            Operation::TaskCreated,
            CREATED,
            &["Tenant", "TaskIdentifier"][..],
        ),
        (
            Operation::StatusChanged,
            STATUS,
            &[
                "Tenant",
                "TaskIdentifier",
                "TaskReference",
                "StatusChangeIdentifier",
                "Status",
                "StatusChangeDateTimeUtc",
            ],
        ),
        (
            Operation::NoteAdded,
            NOTE,
            &[
                "Tenant",
                "TaskReference",
                "NoteIdentifier",
                "Note",
                "NoteDateTimeUtc",
            ],
        ),
        (
            Operation::TaskChased,
            CHASED,
            &[
                "Tenant",
                "TaskIdentifier",
                "TaskReference",
                "ChaseIdentifier",
                "Note",
                "ChasedDateTimeUtc",
            ],
        ),
    ] {
        for name in names {
            let (path, reason) = refused(operation, &without(example, name));
            assert_eq!(path, format!("$.{name}"));
            assert!(reason.starts_with("Expected "), "{reason}");
            assert!(reason.ends_with("; it is missing."), "{reason}");
            for broken in [json!(null), json!([]), json!({})] {
                let (path, _) = refused(operation, &with(example, &[(name, broken)]));
                assert_eq!(path, format!("$.{name}"));
            }
        }
    }
}

#[test]
fn broken_parts_of_a_status_change_name_their_path() {
    for (name, broken, path) in [
        ("TaskIdentifier", json!("80027"), "$.TaskIdentifier"),
        (
            "StatusChangeIdentifier",
            json!(5),
            "$.StatusChangeIdentifier",
        ),
        (
            "StatusChangeDateTimeUtc",
            json!("yesterday"),
            "$.StatusChangeDateTimeUtc",
        ),
        (
            "StatusChangeDateTimeUtc",
            json!("0001-01-01T00:00:00"),
            "$.StatusChangeDateTimeUtc",
        ),
        ("TaskCompliance", json!("none"), "$.TaskCompliance"),
        (
            "TaskCompliance",
            json!([{"Name": "a", "Answer": 1}, 5]),
            "$.TaskCompliance[1]",
        ),
        (
            "TaskCompliance",
            json!([{"Answer": 1}]),
            "$.TaskCompliance[0].Name",
        ),
        ("AssetDowntime", json!("none"), "$.AssetDowntime"),
        (
            "AssetDowntime",
            json!({"Reason": []}),
            "$.AssetDowntime.Reason",
        ),
        ("Note", json!({}), "$.Note"),
        ("Tenant", json!("x".repeat(256)), "$.Tenant"),
    ] {
        let (found, _) = refused(Operation::StatusChanged, &with(STATUS, &[(name, broken)]));
        assert_eq!(found, path);
    }
    assert_eq!(refused(Operation::StatusChanged, &json!([])).0, "$");
    assert_eq!(refused(Operation::Events, &json!({})).0, "$");
}

#[test]
fn bad_json_is_told_from_a_wrong_shape() {
    for (operation, _) in CALLS {
        let unusable = decode(operation, b"{\"Tenant\":", None, signed(), 0).unwrap_err();
        assert_eq!(unusable.fault, Fault::NotJson);
        let huge = decode(operation, b"{\"Tenant\":1e999}", None, signed(), 0).unwrap_err();
        assert_eq!(huge.fault, Fault::WrongShape);
    }
}

#[test]
fn guids_are_lower_cased_with_or_without_dashes_and_braces() {
    for guid in [
        "F5E99171-DB8A-42F5-9822-1385F055F42C",
        "{f5e99171-db8a-42f5-9822-1385f055f42c}",
        "f5e99171db8a42f598221385f055f42c",
        " f5e99171-db8a-42f5-9822-1385f055f42c ",
    ] {
        let body = with(STATUS, &[("TaskIdentifier", json!(guid))]);
        assert_eq!(status(&body).task, "f5e99171-db8a-42f5-9822-1385f055f42c");
    }
    let nil = json!("00000000-0000-0000-0000-000000000000");
    let body = with(STATUS, &[("TaskIdentifier", nil)]);
    assert_eq!(
        flags(Operation::StatusChanged, &body),
        ["$.TaskIdentifier: the empty GUID"]
    );
}

#[test]
fn compliance_answers_are_any_scalar() {
    let items = json!([
        {"Name": "a", "Answer": true},
        {"Name": "b", "Answer": 12},
        {"Name": "c", "Answer": 1.5},
        {"Name": "d", "Answer": "ABC-112"},
        {"Name": "e", "Answer": null},
        {"Name": "f"},
        {"Name": "g", "Answer": ["x"]},
    ]);
    let body = with(STATUS, &[("TaskCompliance", items)]);
    let answers: Vec<_> = status(&body)
        .compliance
        .into_iter()
        .map(|one| one.answer)
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        answers,
        [
            text("true"),
            text("12"),
            text("1.5"),
            text("ABC-112"),
            None,
            None,
            text("[\"x\"]")
        ]
    );
    assert_eq!(
        flags(Operation::StatusChanged, &body),
        ["$.TaskCompliance[6].Answer: no scalar; kept as JSON"]
    );
    assert!(
        status(&with(STATUS, &[("TaskCompliance", json!(null))]))
            .compliance
            .is_empty()
    );
}

#[test]
fn asset_downtime_is_an_object_or_null() {
    let downtime = json!({"Reason": "Waiting for parts", "IsAssetBackUp": true});
    let told = status(&with(STATUS, &[("AssetDowntime", downtime)]));
    assert_eq!(told.downtime_reason.as_deref(), Some("Waiting for parts"));
    assert_eq!(told.is_asset_back_up, Some(true));
    let odd = with(
        STATUS,
        &[("AssetDowntime", json!({"IsAssetBackUp": "perhaps"}))],
    );
    assert_eq!(status(&odd).is_asset_back_up, None);
    assert_eq!(flags(Operation::StatusChanged, &odd).len(), 1);
}

#[test]
fn times_have_any_fraction_and_any_zone_or_none() {
    for (text, expected) in [
        ("2020-05-29T10:47:34Z", "2020-05-29T10:47:34Z"),
        (
            "2020-05-29T10:47:34.9156329Z",
            "2020-05-29T10:47:34.915632Z",
        ),
        ("2020-05-29T12:47:34.9+02:00", "2020-05-29T10:47:34.9Z"),
        ("2020-05-29T10:47:34", "2020-05-29T10:47:34Z"),
    ] {
        let body = with(STATUS, &[("StatusChangeDateTimeUtc", json!(text))]);
        assert_eq!(
            fact(Operation::StatusChanged, &body).occurred_at,
            time(expected)
        );
    }
}

#[test]
fn status_names_are_data_in_any_language() {
    let french = "Intervention effectuée – Attente du devis";
    let body = with(STATUS, &[("Status", json!(french))]);
    assert_eq!(status(&body).status, french);
    assert!(flags(Operation::StatusChanged, &body).is_empty());
}

#[test]
fn over_long_texts_are_kept_and_flagged_by_characters() {
    let exact = with(
        STATUS,
        &[
            ("Status", json!("é".repeat(100))),
            ("Note", json!("é".repeat(2000))),
        ],
    );
    assert!(flags(Operation::StatusChanged, &exact).is_empty());
    let body = with(
        STATUS,
        &[
            ("Tenant", json!("t".repeat(101))),
            ("Status", json!("é".repeat(101))),
            ("Note", json!("n".repeat(2001))),
            (
                "TaskCompliance",
                json!([{"Name": "q".repeat(251), "Answer": 1}]),
            ),
            ("AssetDowntime", json!({"Reason": "r".repeat(256)})),
        ],
    );
    assert_eq!(
        flags(Operation::StatusChanged, &body),
        [
            "$.Tenant: 101 characters, at most 100 are documented",
            "$.Status: 101 characters, at most 100 are documented",
            "$.Note: 2001 characters, at most 2000 are documented",
            "$.TaskCompliance[0].Name: 251 characters, at most 250 are documented",
            "$.AssetDowntime.Reason: 256 characters, at most 255 are documented",
        ]
    );
    assert_eq!(status(&body).status.chars().count(), 101);
    assert_eq!(status(&body).note.unwrap().len(), 2001);
}

#[test]
fn scalars_in_place_of_texts_and_empty_texts_are_flagged() {
    let body = with(CHASED, &[("Note", json!(5))]);
    assert_eq!(chase(&body).text, "5");
    assert_eq!(
        flags(Operation::TaskChased, &body),
        ["$.Note: not a text; taken as one"]
    );
    let body = with(NOTE, &[("Note", json!(""))]);
    assert_eq!(note(&body).text, "");
    assert_eq!(flags(Operation::NoteAdded, &body), ["$.Note: empty"]);
}

#[test]
fn a_time_long_after_the_arrival_is_flagged() {
    let body = with(
        STATUS,
        &[("StatusChangeDateTimeUtc", json!("2030-01-01T00:00:00Z"))],
    );
    assert_eq!(
        flags(Operation::StatusChanged, &body),
        ["$.StatusChangeDateTimeUtc: later than its arrival"]
    );
}

#[test]
fn every_version_of_an_act_is_a_fact_and_a_repeat_is_none() {
    let english = fact(Operation::StatusChanged, &with(STATUS, &[])).id;
    let french = fact(
        Operation::StatusChanged,
        &with(STATUS, &[("Status", json!("Sur place"))]),
    )
    .id;
    assert_ne!(english, french);
    let later = decode(
        Operation::StatusChanged,
        STATUS.as_bytes(),
        Some(time("2021-01-01T00:00:00Z")),
        time("2021-01-01T00:00:00Z"),
        0,
    );
    assert_eq!(later.unwrap().facts[0].1.id, english);
}

#[test]
fn the_created_task_is_read_whole() {
    let body = with(CREATED, &[]);
    let told = fact(Operation::TaskCreated, &body);
    assert_eq!(told.kind, ActivityKind::TaskCreated);
    assert_eq!(told.occurred_at, time("2020-05-29T09:15:02.1Z"));
    assert!(flags(Operation::TaskCreated, &body).is_empty());
    let told = created(&body);
    assert_eq!(told.identifier, "f5e99171-db8a-42f5-9822-1385f055f42c");
    assert!(!told.is_change);
    assert_eq!(told.as_of, signed());
    assert_eq!(told.reference, value("80027"));
    assert_eq!(told.external_identifier, value("1686793261034749182"));
    assert_eq!(told.initiator, value("Facilities help desk"));
    assert_eq!(told.defect_source, value("Unknown"));
    assert_eq!(told.category, value("01-04-02"));
    assert_eq!(told.chargeability, Told::Null);
    assert_eq!(told.workflow, value("Reactive - standard"));
    assert_eq!(told.service_level, value("P2 - attend in 4 hours"));
    assert_eq!(told.supplier, value("Northside Mechanical Ltd"));
    let assets = vec!["3f0d1c52-6a57-4be0-9c0e-1f1f2a9b7f10".to_owned()];
    assert_eq!(told.assets, Told::Value(assets));
    assert_eq!(told.is_asset_available, Told::Value(false));
    assert_eq!(
        told.custom_fields,
        Told::Value(body["CustomFields"].clone())
    );
    assert_eq!(told.related, Told::Null);
    assert_eq!(told.status, value("Dispatched"));
    let site = told.site.unwrap();
    assert_eq!(site.code, "LON-014");
    assert_eq!(site.parent_code, Told::Null);
    assert_eq!(site.name, value("14 Canal Wharf"));
    assert_eq!(site.address, Told::Value(body["Site"]["Address"].clone()));
    assert_eq!(site.latitude, Told::Value(51.5049));
    assert_eq!(site.longitude, Told::Value(-0.0197));
}

#[test]
fn the_fixtures_say_what_the_seeds_say() {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (fixture, seed) in [
        (
            include_str!("../../../tests/it/fixtures/urgent/status-changed.json"),
            STATUS,
        ),
        (
            include_str!("../../../tests/it/fixtures/urgent/note-added.json"),
            NOTE,
        ),
        (
            include_str!("../../../tests/it/fixtures/urgent/chased.json"),
            CHASED,
        ),
    ] {
        assert_eq!(read(fixture), read(seed));
    }
}

#[test]
fn a_description_needs_only_tenant_and_identifier() {
    let bare = json!({"Tenant": "T", "TaskIdentifier": "f5e99171-db8a-42f5-9822-1385f055f42c"});
    let told = created(&bare);
    assert_eq!(told.reference, Told::Absent);
    assert_eq!(told.status, Told::Absent);
    assert_eq!(told.site, None);
    assert_eq!(told.raw, bare.to_string());
}

#[test]
fn names_are_read_wherever_they_stand() {
    let flat = json!({
        "Tenant": "T", "TaskIdentifier": "f5e99171-db8a-42f5-9822-1385f055f42c",
        "SiteCode": "S", "ParentCode": "P", "Name": "Room", "Address": {"Town": "X"},
        "Location": {"Latitude": "51.5", "Longitude": 200}, "Status": {"Name": "Open", "Id": 4},
        "Supplier": {"Name": "Northside"},
    });
    let told = created(&flat);
    assert_eq!(told.status, value("Open"));
    assert_eq!(told.supplier, value("Northside"));
    let site = told.site.unwrap();
    assert_eq!((site.code.as_str(), site.parent_code), ("S", value("P")));
    assert_eq!(
        (site.name, site.latitude),
        (value("Room"), Told::Value(51.5))
    );
    assert_eq!(site.longitude, Told::Absent);
    assert_eq!(
        flags(Operation::TaskCreated, &flat),
        ["$.Location.Longitude: Expected degrees between -180 and 180; found 200."]
    );
    let nested = json!({
        "Tenant": "T", "TaskIdentifier": "f5e99171-db8a-42f5-9822-1385f055f42c",
        "Name": "The task", "SiteCode": null,
        "Site": {"SiteCode": "S", "Name": "Room", "Status": "Open", "TaskReference": 7, "Latitude": 1},
    });
    let told = created(&nested);
    assert_eq!((told.status, told.reference), (value("Open"), value("7")));
    let site = told.site.unwrap();
    assert_eq!((site.code.as_str(), site.name), ("S", value("Room")));
    assert_eq!(site.latitude, Told::Value(1.0));
}

#[test]
fn odd_optional_members_of_a_description_are_flagged_and_absent() {
    let body = with(
        CREATED,
        &[
            ("IsAssetAvailable", json!("perhaps")),
            ("Assets", json!({})),
            ("Workflow", json!([])),
            ("Status", json!({"Id": 4})),
            ("ExternalIdentifier", json!("x".repeat(256))),
            ("CreatedDateTimeUtc", json!("soon")),
            ("Site", json!("LON-014")),
        ],
    );
    let told = created(&body);
    assert_eq!(told.is_asset_available, Told::Absent);
    assert_eq!(told.assets, Told::Absent);
    assert_eq!(told.workflow, Told::Absent);
    assert_eq!(told.status, Told::Absent);
    assert_eq!(told.external_identifier, Told::Absent);
    assert_eq!(told.site, None);
    assert_eq!(flags(Operation::TaskCreated, &body).len(), 7);
}

#[test]
fn a_modification_time_goes_before_the_signed_time_and_the_creation_is_none() {
    let at = "2020-05-29T10:00:00.1234567Z";
    let changed = |changes: &[(&str, Value)]| {
        let body = with(CREATED, changes);
        let told = description(Operation::TaskChanged, &body);
        (told.as_of, fact(Operation::TaskChanged, &body).occurred_at)
    };
    assert_eq!(changed(&[]), (signed(), signed()));
    let cut = time("2020-05-29T10:00:00.123456Z");
    assert_eq!(
        changed(&[("LastModifiedDateTimeUtc", json!(at))]),
        (cut, cut)
    );
    let mut uncreated = without(CREATED, "CreatedDateTimeUtc");
    uncreated["ModifiedDateTimeUtc"] = json!(at);
    assert_eq!(fact(Operation::TaskCreated, &uncreated).occurred_at, cut);
}

#[test]
fn descriptions_are_told_apart_by_operation_content_and_time() {
    let body = with(CREATED, &[]);
    let id = |operation, body: &Value, signed_at| {
        let body = body.to_string();
        let arrived = Utc::now();
        decode(operation, body.as_bytes(), signed_at, arrived, 0)
            .unwrap()
            .facts[0]
            .1
            .id
    };
    let one = id(Operation::TaskChanged, &body, Some(signed()));
    assert_eq!(id(Operation::TaskChanged, &body, Some(signed())), one);
    assert_ne!(id(Operation::TaskCreated, &body, Some(signed())), one);
    assert_ne!(
        id(
            Operation::TaskChanged,
            &body,
            Some(time("2020-05-29T11:00:01Z"))
        ),
        one
    );
    assert_ne!(
        id(
            Operation::TaskChanged,
            &with(CREATED, &[("Extra", json!(1))]),
            Some(signed())
        ),
        one
    );
    let dated = with(
        CREATED,
        &[("ModifiedDateTimeUtc", json!("2020-05-29T10:00:00Z"))],
    );
    assert_eq!(
        id(Operation::TaskChanged, &dated, Some(signed())),
        id(Operation::TaskChanged, &dated, None)
    );
    // Without any time a repeat is still a repeat, whenever it comes.
    assert_eq!(
        id(Operation::TaskChanged, &body, None),
        id(Operation::TaskChanged, &body, None)
    );
}

#[test]
fn raw_is_the_body_as_sent_without_nul() {
    let body = r#"{ "Tenant":"T", "TaskIdentifier":"f5e99171-db8a-42f5-9822-1385f055f42c", "X":"a\u0000b", "X":1.50 }"#;
    let content = decode(
        Operation::TaskCreated,
        body.as_bytes(),
        Some(signed()),
        signed(),
        0,
    )
    .unwrap();
    let What::Description(told) = &content.facts[0].1.what else {
        panic!()
    };
    assert_eq!(told.raw, body.replace("\\u0000", "\\ufffd"));
}

fn anything() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|v| json!(v)),
        any::<i64>().prop_map(|v| json!(v)),
        any::<f64>().prop_map(|v| json!(v)),
        any::<String>().prop_map(|v| json!(v)),
        Just(json!("2020-05-29T10:47:34.9156329+01:00")),
    ];
    scalar.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| json!(v)),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|v| json!(v)),
        ]
    })
}

const NAMES: [&str; 20] = [
    "Tenant",
    "TaskIdentifier",
    "TaskReference",
    "StatusChangeIdentifier",
    "Status",
    "Note",
    "StatusChangeDateTimeUtc",
    "TaskCompliance",
    "AssetDowntime",
    "NoteIdentifier",
    "NoteDateTimeUtc",
    "ChaseIdentifier",
    "ChasedDateTimeUtc",
    "Site",
    "SiteCode",
    "Location",
    "Assets",
    "ModifiedDateTimeUtc",
    "CreatedDateTimeUtc",
    "ParentCode",
];

const OPTIONAL: [&str; 12] = [
    "Site",
    "Task",
    "SiteCode",
    "Status",
    "Assets",
    "CustomFields",
    "Relate",
    "Address",
    "Location",
    "IsAssetAvailable",
    "ExternalIdentifier",
    "Anything",
];

proptest! {
    #[test]
    fn any_value_in_an_optional_member_of_a_description_costs_its_siblings_nothing(
        name in prop::sample::select(&OPTIONAL[..]),
        value in anything(),
    ) {
        let told = created(&with(CREATED, &[(name, value)]));
        let sound = created(&with(CREATED, &[]));
        prop_assert_eq!(told.reference, sound.reference);
        prop_assert_eq!(told.description, sound.description);
        prop_assert_eq!(told.supplier, sound.supplier);
        prop_assert_eq!(told.workflow, sound.workflow);
        prop_assert_eq!(told.as_of, sound.as_of);
    }

    #[test]
    fn any_json_is_read_or_refused(call in prop::sample::select(&CALLS[..]), body in anything()) {
        let _ = read(call.0, &body);
    }

    #[test]
    fn any_value_in_any_member_is_read_or_refused_by_a_path(
        call in prop::sample::select(&CALLS[..]),
        name in prop::sample::select(&NAMES[..]),
        value in anything(),
    ) {
        match read(call.0, &with(call.1, &[(name, value)])) {
            Ok(content) => prop_assert_eq!(content.facts.len(), 1),
            Err(unusable) => {
                prop_assert_eq!(unusable.fault, Fault::WrongShape);
                let start = format!("$.{name}");
                prop_assert!(unusable.misfit.path.starts_with(&start), "{}", unusable.misfit.path);
            }
        }
    }
}
