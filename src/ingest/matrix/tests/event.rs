//! What one event says, and where it says it.

use super::*;

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
