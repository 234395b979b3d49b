//! What is odd but authentic: flagged, and kept as far as it can be read. Only what names nothing is set apart.

use super::*;

/// What is no whole seconds since 1970; milliseconds are not what the platform says it sends.
fn odd_times() -> [Value; 8] {
    [
        json!(1_686_793_261_000_i64),
        json!(-1),
        json!(1.5),
        json!("N/A"),
        json!("soon"),
        json!(1e300),
        json!([]),
        json!(true),
    ]
}

#[test]
fn an_odd_time_of_the_event_is_flagged_and_gives_way_to_the_next() {
    let sound = fact(&[]);
    for odd in odd_times() {
        let event = with(&[("UnixTimeInt", odd.clone())]);
        let told = content(&json!([event]));
        assert_eq!(told.facts[0].1.occurred_at, sound.occurred_at, "{odd}");
        assert_eq!(told.facts[0].1.id, sound.id);
        assert!(told.flags[0].starts_with("$[0].UnixTimeInt: Expected whole seconds"));
        let event = with(&[("UnixTimeInt", odd.clone()), ("UnixTime", odd.clone())]);
        let told = content(&json!([event]));
        assert_eq!(told.facts[0].1.occurred_at, sound.occurred_at, "{odd}");
        assert_eq!(told.flags.len(), 2);
        let (path, reason) = misfit(&[
            ("UnixTimeInt", odd.clone()),
            ("UnixTime", odd.clone()),
            ("Time", odd),
        ]);
        assert_eq!(path, "$[0].UnixTimeInt");
        assert!(
            reason.starts_with("Expected the time of the event"),
            "{reason}"
        );
    }
}

#[test]
fn odd_times_of_the_work_are_flagged_and_not_told() {
    for odd in odd_times() {
        for name in ["Start", "End", "AStart", "AEnd"] {
            let event = with(&[(&format!("Meta.{name}"), odd.clone())]);
            let told = content(&json!([event]));
            assert_eq!(told.misfits, [], "{name} {odd}");
            assert_eq!(told.flags.len(), 1);
            let start = format!("$[0].Meta.{name}: Expected whole seconds");
            assert!(told.flags[0].starts_with(&start), "{:?}", told.flags);
            let What::Incident(work) = &told.facts[0].1.what else {
                panic!("{told:?}")
            };
            let times = [work.start, work.due, work.started, work.ended];
            let told = times.iter().flatten().count();
            let usual = if name.starts_with('A') { 2 } else { 1 };
            assert_eq!(told, usual, "{name} {odd}");
        }
    }
}

#[test]
fn odd_ids_of_the_envelope_are_flagged_and_give_way_to_what_else_tells_them() {
    let sound = fact(&[]);
    for odd in [json!([]), json!({}), json!(["x"])] {
        for name in ["Principal", "ID", "Entity"] {
            let told = content(&json!([with(&[(name, odd.clone())])]));
            assert_eq!(told.misfits, [], "{name} {odd}");
            assert_eq!(told.flags.len(), 1);
            let start = format!("$[0].{name}: Expected a text");
            assert!(told.flags[0].starts_with(&start), "{:?}", told.flags);
            let What::Incident(work) = &told.facts[0].1.what else {
                panic!("{told:?}")
            };
            assert_eq!(work.building, "06f98e0c4f464b84b9157b1df6adfa66_003");
            if name == "Principal" {
                assert_eq!(told.facts[0].1.id, sound.id, "the routing key has it");
            }
        }
    }
}

#[test]
fn over_long_ids_are_kept_by_their_beginning_and_their_hash() {
    let long = |end: &str| json!(format!("{}{end}", "9".repeat(255)));
    for name in ["Meta.TaskId", "ID", "Meta.Zone", "Principal"] {
        let told = |end: &str| {
            let content = content(&json!([with(&[(name, long(end))])]));
            assert_eq!(content.misfits, [], "{name}");
            assert!(content.flags[0].ends_with("kept as its beginning and its hash"));
            Fact::clone(&content.facts[0].1)
        };
        assert_eq!(told("1"), told("1"));
        assert_ne!(told("1").id, told("2").id, "{name}");
        let is_told = name != "Principal";
        assert_eq!(told("1").what != told("2").what, is_told, "{name}");
    }
}

#[test]
fn missing_and_broken_members_of_work_name_their_path() {
    for (changes, path) in [
        (vec![("Meta.TaskId", json!(null))], "$[0].Meta.TaskId"),
        (vec![("Meta.TaskId", json!([]))], "$[0].Meta.TaskId"),
        (vec![("Meta", json!(null))], "$[0].Meta"),
        (vec![("Meta", json!("text"))], "$[0].Meta"),
        (
            vec![("ID", json!(null)), ("PType", json!("organisation"))],
            "$[0].ID",
        ),
    ] {
        assert_eq!(misfit(&changes).0, path);
    }
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
fn nul_in_a_text_is_replaced_and_flagged() {
    let content = content(&json!([with(&[("Meta.Name", json!("a\0b"))])]));
    assert_eq!(content.flags, ["$[0].Meta.Name: NUL replaced by U+FFFD"]);
    let What::Incident(work) = &content.facts[0].1.what else {
        panic!()
    };
    assert_eq!(work.name.as_deref(), Some("a\u{fffd}b"));
}

#[test]
fn an_over_long_name_is_cut_and_flagged() {
    let content = content(&json!([with(&[(
        "Meta.ZoneName",
        json!("é".repeat(5000))
    )])]));
    assert_eq!(content.facts.len(), 1);
    assert_eq!(content.flags, ["$[0].Meta.ZoneName: cut to 600 bytes"]);
}

#[test]
fn the_status_of_a_zone_finds_room_in_its_index() {
    let changes = [
        ("Event", json!("ZONE_STATUS_MODIFIED")),
        ("Meta.Status", json!("é".repeat(5000))),
    ];
    let content = content(&json!([with(&changes)]));
    let What::Zone(zone) = &content.facts[0].1.what else {
        panic!("{content:?}")
    };
    assert_eq!(zone.status.as_deref(), Some("é".repeat(300).as_str()));
    assert_eq!(content.flags, ["$[0].Meta.Status: cut to 600 bytes"]);
}
