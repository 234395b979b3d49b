//! What a batch of the bus may hold, from the fixtures and from anything at all.

use entity::{ActivityKind, Priority, WorkState};
use proptest::prelude::*;
use serde_json::json;

use super::super::Fault;
use super::*;
use crate::domain::fact::{Place, Stage, What, Work};

const OPEN: &str = include_str!("../../../tests/it/fixtures/matrix/incident-open.json");
const SEED: &str = include_str!("../../../tests/it/fixtures/matrix/seed-open-incident.json");

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

#[test]
fn the_open_incident_is_read_whole() {
    let fact = fact(&[]);
    let time = |seconds| DateTime::from_timestamp(seconds, 0);
    assert_eq!(fact.kind, ActivityKind::IncidentReported);
    assert_eq!(Some(fact.occurred_at), time(1_686_793_261));
    assert_eq!(fact.data, None);
    let work = work(&[]);
    assert_eq!(work.building, "06f98e0c4f464b84b9157b1df6adfa66_003");
    assert_eq!(
        work.place.property.as_deref(),
        Some("06f98e0c4f464b84b9157b1df6adfa66")
    );
    let zone = work.place.zone.unwrap();
    assert_eq!(zone.code, "zone-l2-male-washroom");
    assert_eq!(zone.name.as_deref(), Some("L2 Male Washroom"));
    assert_eq!(work.code, "1686793261034749182");
    assert_eq!(work.stage, Stage::Open);
    assert_eq!(work.name.as_deref(), Some("Bad smell in washroom"));
    assert_eq!(
        work.description.as_deref(),
        Some("Ammonia level above threshold")
    );
    assert_eq!(work.kind.as_deref(), Some("AQ Lite"));
    assert_eq!(work.priority.unwrap().meaning, Priority::High);
    let told = work.state.clone().unwrap();
    assert_eq!(
        (told.meaning, told.raw.as_str()),
        (WorkState::NotAssigned, "NOT_ASSIGNED")
    );
    assert_eq!(work.escalation_level, Some(0));
    assert_eq!(work.start, time(1_686_793_261));
    assert_eq!(work.due, time(1_686_794_161));
    assert_eq!((work.started, work.ended), (None, None));
    assert_eq!(work.sensors, Some(vec!["AQ-L2-M-01".to_owned()]));
}

#[test]
fn the_seeds_example_of_placeholders_is_kept_as_another_event() {
    let content = decode(SEED.as_bytes(), now()).unwrap();
    assert_eq!(content.misfits, []);
    let fact = &content.facts[0].1;
    assert_eq!(fact.kind, ActivityKind::OtherEvent);
    assert_eq!(Some(fact.occurred_at), DateTime::from_timestamp(1, 0));
    let What::Other(place) = &fact.what else {
        panic!("{fact:?}")
    };
    assert_eq!(place.building.as_deref(), Some("<Building ID>"));
    assert_eq!(place.property.as_deref(), Some("<Property ID>"));
}

#[test]
fn every_event_of_work_has_its_kind_and_stage() {
    for (event, kind, stage) in [
        (
            "INCIDENT_CREATED",
            ActivityKind::IncidentReported,
            Stage::Created,
        ),
        (
            "INCIDENT_CREATED_OPEN",
            ActivityKind::IncidentReported,
            Stage::Open,
        ),
        (
            "NEW_INCIDENT_CREATED_OPEN",
            ActivityKind::IncidentReported,
            Stage::Open,
        ),
        (
            "INCIDENT_ESCALATED",
            ActivityKind::IncidentEscalated,
            Stage::Escalated,
        ),
        (
            "INCIDENT_STARTED",
            ActivityKind::IncidentStarted,
            Stage::Started,
        ),
        (
            "INCIDENT_COMPLETED",
            ActivityKind::IncidentCompleted,
            Stage::Completed,
        ),
        (
            "INCIDENT_INCOMPLETE",
            ActivityKind::IncidentNotResolved,
            Stage::Incomplete,
        ),
        ("TASK_STARTED", ActivityKind::TaskStarted, Stage::Started),
        (
            "TASK_COMPLETED",
            ActivityKind::TaskCompleted,
            Stage::Completed,
        ),
        (
            "TASK_INCOMPLETE",
            ActivityKind::TaskNotResolved,
            Stage::Incomplete,
        ),
    ] {
        let fact = fact(&[("Event", json!(event))]);
        assert_eq!(fact.kind, kind, "{event}");
        let is_task = matches!(fact.what, What::MatrixTask(_));
        assert_eq!(is_task, event.starts_with("TASK"));
        assert_eq!(work(&[("Event", json!(event))]).stage, stage, "{event}");
    }
}

#[test]
fn the_event_is_read_from_the_routing_key_where_it_is_missing() {
    let fact = fact(&[("Event", json!(null))]);
    assert_eq!(fact.kind, ActivityKind::IncidentReported);
    let dotted = [
        ("Event", json!(null)),
        ("RoutingKeyS", json!(null)),
        ("Module", json!(null)),
        ("Principal", json!(null)),
        (
            "RoutingKey",
            json!("matrix.a.b.scworkforcemanagement.INCIDENT_STARTED.LOW"),
        ),
        ("Meta.Priority", json!(null)),
        ("Status", json!(null)),
    ];
    let work = work(&dotted);
    assert_eq!(work.stage, Stage::Started);
    assert_eq!(work.priority.unwrap().meaning, Priority::Low);
}

#[test]
fn unknown_events_shifts_and_audits_are_kept_whole() {
    for event in [
        "SHIFT_STARTED",
        "SHIFTS_PUBLISHED",
        "AUDIT_COMPLETED",
        "TASK_DANCED",
        "X",
    ] {
        let fact = fact(&[("Event", json!(event)), ("Meta", json!({"Anything": [1]}))]);
        assert_eq!(fact.kind, ActivityKind::OtherEvent);
        assert_eq!(fact.data.unwrap()["Meta"]["Anything"], json!([1]));
        assert!(matches!(fact.what, What::Other(Place { zone: None, .. })));
    }
    let fact = fact(&[("Event", json!("AUDIT_STARTED")), ("Meta", json!(null))]);
    assert_eq!(fact.kind, ActivityKind::OtherEvent);
}

#[test]
fn zones_and_levels_are_read_where_named_and_kept_as_other_events_where_not() {
    let created = [
        ("Event", json!("ZONE_CREATED")),
        ("Module", json!("scgrids")),
    ];
    let zone = |extra: &[(&str, Value)]| fact(&[&created[..], extra].concat());
    let What::Zone(event) = zone(&[("Meta.Status", json!("CLEAN"))]).what else {
        panic!()
    };
    assert_eq!(event.zone.code, "zone-l2-male-washroom");
    assert_eq!(event.removed, Some(false));
    assert_eq!(event.status.as_deref(), Some("CLEAN"));
    let removed = zone(&[
        ("Event", json!("ZONE_REMOVED")),
        ("Meta.ZoneName", json!(null)),
    ]);
    let What::Zone(event) = removed.what else {
        panic!()
    };
    assert_eq!(event.removed, Some(true));
    assert_eq!(event.zone.name.as_deref(), Some("Bad smell in washroom"));
    assert!(removed.data.is_some());
    assert_eq!(
        zone(&[("Meta.Zone", json!(null))]).kind,
        ActivityKind::OtherEvent
    );
    let homeless = [
        ("ID", json!(null)),
        ("PType", json!("property")),
        ("Meta.Zone", json!("z")),
    ];
    assert_eq!(zone(&homeless).kind, ActivityKind::OtherEvent);
    let level = zone(&[
        ("Event", json!("LEVEL_NAME_MODIFIED")),
        ("Meta.Level", json!(2)),
        ("Meta.LevelName", json!("Second")),
    ]);
    let What::Level(event) = level.what else {
        panic!()
    };
    assert_eq!(event.level.code, "2");
    assert_eq!(event.level.name.as_deref(), Some("Second"));
    let nameless = zone(&[("Event", json!("LEVEL_CREATED"))]);
    assert_eq!(nameless.kind, ActivityKind::OtherEvent);
}

#[test]
fn building_and_property_stand_in_several_places() {
    let by_principal = work(&[("ID", json!(null))]);
    assert_eq!(
        by_principal.building,
        "06f98e0c4f464b84b9157b1df6adfa66_003"
    );
    let of_property = work(&[
        ("PType", json!("property")),
        ("Principal", json!("P")),
        ("EType", json!("building")),
        ("Entity", json!("B")),
        ("ID", json!(null)),
    ]);
    assert_eq!(of_property.building, "B");
    assert_eq!(of_property.place.property.as_deref(), Some("P"));
}

#[test]
fn the_time_is_unixtimeint_else_unixtime_else_time() {
    let expected = DateTime::from_timestamp(1_686_793_261, 0).unwrap();
    for changes in [
        vec![("UnixTimeInt", json!("1686793261"))],
        vec![("UnixTimeInt", json!(1_686_793_261.0))],
        vec![("UnixTimeInt", json!(null))],
        vec![
            ("UnixTimeInt", json!(0)),
            ("UnixTime", json!(1_686_793_261)),
        ],
        vec![("UnixTimeInt", json!(null)), ("UnixTime", json!(null))],
    ] {
        let other = fact(&changes);
        assert_eq!(other.occurred_at, expected);
        assert_eq!(other.id, fact(&[]).id, "{changes:?}");
    }
    let (path, reason) = misfit(&[
        ("UnixTimeInt", json!(null)),
        ("UnixTime", json!(null)),
        ("Time", json!(null)),
    ]);
    assert_eq!(path, "$[0].UnixTimeInt");
    assert!(reason.ends_with("it is missing."), "{reason}");
    for bad in [
        json!(1_686_793_261_000_i64),
        json!(-5),
        json!("soon"),
        json!(1e300),
    ] {
        assert_eq!(misfit(&[("UnixTimeInt", bad)]).0, "$[0].UnixTimeInt");
    }
}

#[test]
fn missing_and_broken_members_of_work_name_their_path() {
    for (changes, path) in [
        (vec![("Meta.TaskId", json!(null))], "$[0].Meta.TaskId"),
        (vec![("Meta.TaskId", json!([]))], "$[0].Meta.TaskId"),
        (
            vec![("Meta.TaskId", json!("x".repeat(256)))],
            "$[0].Meta.TaskId",
        ),
        (vec![("Meta", json!(null))], "$[0].Meta"),
        (vec![("Meta", json!("text"))], "$[0].Meta"),
        (vec![("Meta.End", json!("later"))], "$[0].Meta.End"),
        (vec![("Meta.AEnd", json!(1e18))], "$[0].Meta.AEnd"),
        (
            vec![("ID", json!(null)), ("PType", json!("organisation"))],
            "$[0].ID",
        ),
        (vec![("ID", json!({}))], "$[0].ID"),
    ] {
        assert_eq!(misfit(&changes).0, path);
    }
}

#[test]
fn the_state_comes_from_the_event_where_meta_says_none() {
    for (event, state) in [
        ("INCIDENT_CREATED", WorkState::Assigned),
        ("INCIDENT_CREATED_OPEN", WorkState::NotAssigned),
        ("INCIDENT_STARTED", WorkState::Started),
        ("INCIDENT_COMPLETED", WorkState::Completed),
        ("TASK_INCOMPLETE", WorkState::Incomplete),
    ] {
        let work = work(&[("Event", json!(event)), ("Meta.Status", json!(null))]);
        let told = work.state.unwrap();
        assert_eq!((told.meaning, told.raw.as_str()), (state, event));
    }
    let escalated = work(&[
        ("Event", json!("INCIDENT_ESCALATED")),
        ("Meta.Status", json!(null)),
    ]);
    assert_eq!(escalated.state, None);
    let odd = work(&[("Meta.Status", json!("ON_HOLD"))]).state.unwrap();
    assert_eq!(
        (odd.meaning, odd.raw.as_str()),
        (WorkState::Unknown, "ON_HOLD")
    );
}

#[test]
fn the_priority_comes_from_meta_else_from_the_envelope() {
    for (code, meaning) in [
        ("H", Priority::High),
        ("M", Priority::Medium),
        ("N", Priority::Normal),
        ("L", Priority::Low),
        ("Z", Priority::Unknown),
    ] {
        let priority = work(&[("Meta.Priority", json!(code))]).priority.unwrap();
        assert_eq!((priority.meaning, priority.raw.as_str()), (meaning, code));
    }
    let envelope = work(&[("Meta.Priority", json!(null)), ("Status", json!("MEDIUM"))]);
    assert_eq!(envelope.priority.unwrap().meaning, Priority::Medium);
}

#[test]
fn escalation_levels_are_numbers_and_others_are_flagged() {
    for (level, expected) in [
        (json!("L0"), Some(0)),
        (json!("L2"), Some(2)),
        (json!("l12"), Some(12)),
        (json!(3), Some(3)),
        (json!(null), None),
    ] {
        assert_eq!(
            work(&[("Meta.EscalationLevel", level)]).escalation_level,
            expected
        );
    }
    let content = content(&json!([with(&[("Meta.EscalationLevel", json!("top"))])]));
    assert_eq!(content.flags.len(), 1);
    assert!(content.flags[0].starts_with("$[0].Meta.EscalationLevel: "));
}

#[test]
fn what_is_odd_is_flagged_and_kept() {
    let odd = with(&[
        ("Event", json!("INCIDENT_COMPLETED")),
        ("Meta.AStart", json!(1_686_793_300)),
        ("Meta.AEnd", json!(1_686_793_200)),
        ("Meta.Name", json!({"en": "Smell"})),
    ]);
    let endless = with(&[("Event", json!("TASK_COMPLETED"))]);
    let content = content(&json!([odd, endless]));
    assert_eq!(content.facts.len(), 2);
    assert_eq!(
        content
            .flags
            .iter()
            .map(|flag| flag.split(": ").next().unwrap())
            .collect::<Vec<_>>(),
        ["$[0].Meta.Name", "$[0].Meta.AEnd", "$[1].Meta.AEnd"]
    );
}

#[test]
fn events_are_the_same_whatever_the_order_of_members_and_differ_by_each_part_of_the_key() {
    let id = |changes: &[(&str, Value)]| fact(changes).id;
    let shuffled: String = {
        let event = open();
        let members: Vec<_> = event.as_object().unwrap().iter().rev().collect();
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| format!("{:?}:{value}", name))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    let again = decode(shuffled.as_bytes(), now()).unwrap().facts[0].1.id;
    assert_eq!(again, id(&[]));
    assert_eq!(id(&[("Description", json!("other"))]), id(&[]));
    for change in [
        ("Principal", json!("other")),
        ("Module", json!("other")),
        ("Event", json!("INCIDENT_ESCALATED")),
        ("Meta.TaskId", json!("1")),
        ("UnixTimeInt", json!(1_686_793_262)),
        ("ATTR", json!("other")),
        ("Meta.EscalationLevel", json!("L1")),
    ] {
        assert_ne!(id(std::slice::from_ref(&change)), id(&[]), "{}", change.0);
    }
}

#[test]
fn elements_may_be_strings_and_a_lone_object_is_a_batch_of_one() {
    let expected = fact(&[]).id;
    let text = open().to_string();
    for batch in [json!([text]), open()] {
        assert_eq!(content(&batch).facts[0].1.id, expected);
    }
    let content = content(&json!(["{\"a\":", "[]", "", text]));
    assert_eq!(content.misfits.len(), 3);
    assert_eq!(content.facts[0].0, 3);
    assert!(content.misfits[0].reason.contains("The text is not JSON"));
}

#[test]
fn a_bad_element_never_costs_its_siblings() {
    let good = open().to_string();
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for bad in [
        "5",
        "null",
        "[]",
        "{}",
        "1e999",
        "\"x\"",
        &deep,
        r#"{"Event":"X","UnixTimeInt":1e400}"#,
    ] {
        let body = format!("[{good},{bad},{good}]");
        let content = decode(body.as_bytes(), now()).unwrap();
        assert_eq!(
            content.facts.iter().map(|fact| fact.0).collect::<Vec<_>>(),
            [0, 2]
        );
        let misfit = &content.misfits[0];
        assert_eq!((misfit.element, misfit.content.as_str()), (Some(1), bad));
        assert!(misfit.path.starts_with("$[1]"), "{}", misfit.path);
    }
}

#[test]
fn the_last_of_duplicate_members_counts() {
    let text = open()
        .to_string()
        .replacen('{', "{\"Event\":\"TASK_STARTED\",", 1);
    let content = decode(text.as_bytes(), now()).unwrap();
    assert_eq!(content.facts[0].1.kind, ActivityKind::IncidentReported);
}

#[test]
fn nul_in_a_text_is_replaced_and_flagged() {
    let content = content(&json!([with(&[("Meta.Name", json!("a\0b"))])]));
    assert_eq!(content.flags, ["$[0].Meta.Name: NUL replaced by U+FFFD"]);
    let What::Incident(work) = &content.facts[0].1.what else {
        panic!()
    };
    assert_eq!(work.name.as_deref(), Some("a\u{fffd}b"));
}

#[test]
fn bodies_of_another_shape_are_told_from_bad_json() {
    for (body, fault) in [
        ("", Fault::NotJson),
        ("[{]", Fault::NotJson),
        ("[1,]", Fault::NotJson),
        ("5", Fault::WrongShape),
        ("null", Fault::WrongShape),
        ("\"text\"", Fault::WrongShape),
    ] {
        let unusable = decode(body.as_bytes(), now()).unwrap_err();
        assert_eq!(unusable.fault, fault, "{body}");
        assert_eq!(unusable.misfit.element, None);
    }
    assert!(decode(b"[]", now()).unwrap().facts.is_empty());
    let crowd = format!("[{}0]", "0,".repeat(MOST_ELEMENTS));
    assert_eq!(
        decode(crowd.as_bytes(), now()).unwrap_err().fault,
        Fault::WrongShape
    );
}

#[test]
fn an_over_long_name_is_cut_and_flagged() {
    let content = content(&json!([with(&[(
        "Meta.ZoneName",
        json!("é".repeat(5000))
    )])]));
    assert_eq!(content.facts.len(), 1);
    assert_eq!(content.flags, ["$[0].Meta.ZoneName: cut to 600 characters"]);
}

prop_compose! {
    fn scalar()(value in prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|v| json!(v)),
        any::<i64>().prop_map(|v| json!(v)),
        any::<f64>().prop_map(|v| json!(v)),
        any::<String>().prop_map(|v| json!(v)),
        Just(json!("1686793261")),
        Just(json!("L2")),
    ]) -> Value { value }
}

fn anything() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| json!(v)),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|v| json!(v)),
        ]
    })
}

const NAMES: [&str; 32] = [
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
    "Meta",
    "Meta.AEnd",
    "Meta.AStart",
    "Meta.By",
    "Meta.End",
    "Meta.EscalationLevel",
    "Meta.Name",
    "Meta.Priority",
    "Meta.SourceDeviceIdentifier",
    "Meta.Start",
    "Meta.Status",
    "Meta.TaskId",
    "Meta.Type",
    "Meta.Zone",
    "Meta.ZoneName",
    "Meta.Level",
    "Meta.LevelName",
];

proptest! {
    #[test]
    fn any_text_that_holds_json_beside_a_good_event_costs_it_nothing(
        bad in prop::collection::vec(prop_oneof![anything().prop_map(|json| json.to_string()), any::<String>()], 0..5),
        in_text in any::<bool>(),
    ) {
        let mut batch: Vec<Value> = bad.iter().map(|text| json!(text)).collect();
        batch.push(if in_text { json!(open().to_string()) } else { open() });
        let content = content(&json!(batch));
        prop_assert_eq!(content.facts.len() + content.misfits.len(), batch.len());
        prop_assert_eq!(content.facts.last().map(|fact| fact.0), Some(bad.len()));
    }

    #[test]
    fn any_json_beside_a_good_event_costs_it_nothing(bad in prop::collection::vec(anything(), 0..5)) {
        let mut batch = bad.clone();
        batch.push(open());
        let content = content(&json!(batch));
        prop_assert_eq!(content.facts.len() + content.misfits.len(), batch.len());
        prop_assert_eq!(content.facts.last().map(|fact| fact.0), Some(bad.len()));
    }

    #[test]
    fn any_value_in_any_member_is_read_or_quarantined(name in prop::sample::select(&NAMES[..]), value in anything()) {
        prop_assume!(!(name == "Meta" && value.is_null()));
        let content = content(&json!([with(&[(name, value)]), open()]));
        prop_assert_eq!(content.facts.len() + content.misfits.len(), 2);
        for misfit in &content.misfits {
            prop_assert!(misfit.path.starts_with("$[0]"));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, now());
    }
}
