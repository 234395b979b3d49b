//! What is odd but authentic: flagged, and kept as far as it can be read. Only what names nothing is refused.

use super::*;

#[test]
fn what_names_the_thing_is_asked_for_by_its_path() {
    for (operation, example) in CALLS {
        let nameless = |broken: &Value| {
            let mut body = with(example, &[("TaskIdentifier", broken.clone())]);
            body.as_object_mut().unwrap().remove("TaskReference");
            body
        };
        let missing = without(example, "Tenant");
        assert_eq!(
            refused(operation, &missing),
            (
                "$.Tenant".to_owned(),
                "Expected the tenant, a text; it is missing.".to_owned()
            )
        );
        for broken in [json!(null), json!(" "), json!([]), json!({})] {
            let body = with(example, &[("Tenant", broken.clone())]);
            assert_eq!(refused(operation, &body).0, "$.Tenant");
            let (path, reason) = refused(operation, &nameless(&broken));
            assert_eq!(path, "$.TaskIdentifier");
            assert!(reason.starts_with("Expected a GUID such as "), "{reason}");
        }
        for broken in [json!("80027"), json!(5), json!(NIL)] {
            assert_eq!(refused(operation, &nameless(&broken)).0, "$.TaskIdentifier");
        }
    }
    assert_eq!(refused(Operation::StatusChanged, &json!([])).0, "$");
    assert_eq!(refused(Operation::Events, &json!({})).0, "$");
}

#[test]
fn a_call_that_names_its_task_by_the_reference_only_is_kept_whole_and_does_nothing() {
    for (operation, example) in CALLS {
        if operation == Operation::NoteAdded {
            continue;
        }
        for broken in [json!(null), json!("80027"), json!([]), json!(NIL)] {
            let body = with(example, &[("TaskIdentifier", broken)]);
            let fact = fact(operation, &body);
            assert_eq!(fact.kind, ActivityKind::OtherEvent);
            assert_eq!(fact.data.as_ref(), Some(&body));
            let What::Stray(stray) = &fact.what else {
                panic!("{fact:?}")
            };
            assert_eq!(stray.tenant, "Test Tenant");
            assert_eq!(stray.reference.as_deref(), Some("80027"));
            let flag = flags(operation, &body).remove(0);
            assert!(
                flag.starts_with("$.TaskIdentifier: Expected a GUID"),
                "{flag}"
            );
            assert!(flag.ends_with(" The reference counts."), "{flag}");
        }
    }
}

/// The flags of an example with a member changed, and what it told in spite of it.
fn in_spite_of<T>(
    operation: Operation,
    example: &str,
    (name, odd): (&str, &Value),
    read: impl Fn(&Value) -> T,
) -> (T, Vec<String>) {
    let body = with(example, &[(name, odd.clone())]);
    (read(&body), flags(operation, &body))
}

#[test]
fn odd_members_of_a_status_change_are_flagged_and_cost_nothing_else() {
    let sound = status(&with(STATUS, &[]));
    for (name, odd, path) in [
        ("TaskReference", json!(null), "$.TaskReference"),
        ("TaskReference", json!(" "), "$.TaskReference"),
        ("TaskReference", json!([80027]), "$.TaskReference"),
        ("Note", json!({}), "$.Note"),
        ("Note", json!(["here"]), "$.Note"),
        ("TaskCompliance", json!("none"), "$.TaskCompliance"),
        ("TaskCompliance", json!(true), "$.TaskCompliance"),
        ("TaskCompliance", json!([5]), "$.TaskCompliance[0]"),
        (
            "TaskCompliance",
            json!([{"Answer": 1}]),
            "$.TaskCompliance[0].Name",
        ),
        (
            "TaskCompliance",
            json!([{"Name": " "}]),
            "$.TaskCompliance[0].Name",
        ),
        ("AssetDowntime", json!("none"), "$.AssetDowntime"),
        ("AssetDowntime", json!(""), "$.AssetDowntime"),
        ("AssetDowntime", json!(false), "$.AssetDowntime"),
        ("AssetDowntime", json!([]), "$.AssetDowntime"),
        (
            "AssetDowntime",
            json!({"Reason": []}),
            "$.AssetDowntime.Reason",
        ),
        (
            "AssetDowntime",
            json!({"Reason": {}}),
            "$.AssetDowntime.Reason",
        ),
        ("Status", json!(null), "$.Status"),
        ("Status", json!([]), "$.Status"),
    ] {
        let (told, flags) = in_spite_of(Operation::StatusChanged, STATUS, (name, &odd), status);
        assert_eq!(flags.len(), 1, "{name} {odd}: {flags:?}");
        assert!(
            flags[0].starts_with(&format!("{path}: Expected ")),
            "{flags:?}"
        );
        let mut expected = sound.clone();
        match name {
            "TaskReference" => expected.reference = None,
            "Note" => expected.note = None,
            "TaskCompliance" => expected.compliance = Vec::new(),
            "Status" => expected.status = String::new(),
            _ => {}
        }
        expected.version = told.version;
        assert_eq!(told, expected, "{name} {odd}");
    }
}

#[test]
fn an_odd_answer_costs_its_siblings_nothing_and_a_lone_one_is_a_list_of_one() {
    let told = |items: Value| {
        let body = with(STATUS, &[("TaskCompliance", items)]);
        let names = status(&body).compliance.into_iter().map(|one| one.name);
        let names: Vec<_> = names.collect();
        (names, flags(Operation::StatusChanged, &body))
    };
    let items = json!([{"Name": "a", "Answer": 1}, 5, {"Name": null}, null, {"Name": "b"}]);
    let (names, flags) = told(items);
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        flags,
        [
            "$.TaskCompliance[1]: Expected an object; found 5.",
            "$.TaskCompliance[2].Name: Expected the name of the question, a text; found null.",
            "$.TaskCompliance[3]: Expected an object; found null.",
        ]
    );
    let (names, flags) = told(json!({"Name": "a", "Answer": true}));
    assert_eq!(names, ["a"]);
    assert_eq!(
        flags,
        ["$.TaskCompliance: no array; taken as the only answer"]
    );
}

#[test]
fn odd_members_of_notes_and_chases_are_flagged_and_cost_nothing_else() {
    for odd in [json!(null), json!([]), json!({})] {
        let (told, flags) = in_spite_of(Operation::NoteAdded, NOTE, ("Note", &odd), note);
        assert_eq!((told.text.as_str(), flags.len()), ("", 1));
        let (told, flags) = in_spite_of(Operation::TaskChased, CHASED, ("Note", &odd), chase);
        assert_eq!((told.text.as_str(), flags.len()), ("", 1));
        let odd = ("TaskReference", &odd);
        let (told, flags) = in_spite_of(Operation::NoteAdded, NOTE, odd, note);
        assert_eq!((told.task.reference, flags.len()), (None, 1));
        assert!(told.task.identifier.is_some());
        let (told, flags) = in_spite_of(Operation::TaskChased, CHASED, odd, chase);
        assert_eq!((told.reference, flags.len()), (None, 1));
    }
    for odd in [json!("80027"), json!(80_027), json!([]), json!(NIL)] {
        let odd = ("TaskIdentifier", &odd);
        let (told, flags) = in_spite_of(Operation::NoteAdded, NOTE, odd, note);
        assert_eq!((told.task.identifier, flags.len()), (None, 1));
        assert_eq!(told.task.reference.as_deref(), Some("80027"));
    }
}

#[test]
fn where_an_acts_own_time_cannot_be_read_the_signed_time_counts() {
    for (operation, example, name) in [
        (Operation::StatusChanged, STATUS, "StatusChangeDateTimeUtc"),
        (Operation::NoteAdded, NOTE, "NoteDateTimeUtc"),
        (Operation::TaskChased, CHASED, "ChasedDateTimeUtc"),
    ] {
        for odd in [
            json!("0001-01-01T00:00:00"),
            json!("9999-12-31T23:59:59-01:00"),
            json!("yesterday"),
            json!(null),
            json!(1_590_749_254),
            json!([]),
        ] {
            let body = with(example, &[(name, odd)]);
            assert_eq!(fact(operation, &body).occurred_at, signed());
            let flags = flags(operation, &body);
            assert_eq!(flags.len(), 1, "{flags:?}");
            assert!(flags[0].starts_with(&format!("$.{name}: Expected a date and time")));
            assert!(flags[0].ends_with(" The signed time counts."), "{flags:?}");
            let id = |signed: Option<&str>| {
                let bytes = body.to_string();
                let content = decode(operation, bytes.as_bytes(), signed.map(time), Utc::now(), 0);
                content.unwrap().facts[0].1.id
            };
            let (one, other) = (Some("2020-05-29T11:00:00Z"), Some("2020-05-29T11:00:01Z"));
            assert_eq!(id(one), id(one));
            assert_ne!(id(one), id(other), "at another time it is another act");
            assert_eq!(id(None), id(None), "a repeat stays one without any time");
        }
    }
}

#[test]
fn an_act_without_a_guid_is_known_by_its_word_or_its_content() {
    let told = |identifier: Value, text: &str| {
        let changes = [("NoteIdentifier", identifier), ("Note", json!(text))];
        let body = with(NOTE, &changes);
        assert_eq!(flags(Operation::NoteAdded, &body).len(), 1);
        note(&body).identifier
    };
    assert_eq!(told(json!("N-7"), "one"), "N-7");
    assert_eq!(told(json!(7), "one"), "7");
    for nameless in [
        json!(null),
        json!(""),
        json!([]),
        json!(NIL),
        json!("{00000000-0000-0000-0000-000000000000}"),
    ] {
        let one = told(nameless.clone(), "one");
        assert!(one.starts_with("sha256:"), "{one}");
        assert_eq!(one, told(nameless.clone(), "one"));
        assert_ne!(
            one,
            told(nameless, "other"),
            "two notes do not collapse into one"
        );
    }
}

#[test]
fn an_over_long_tenant_or_reference_is_kept_by_its_beginning_and_its_hash() {
    let told = |end: &str| {
        let changes = [
            ("Tenant", json!(format!("{}{end}", "t".repeat(255)))),
            ("TaskReference", json!(format!("{}{end}", "7".repeat(255)))),
        ];
        let body = with(STATUS, &changes);
        assert_eq!(
            flags(Operation::StatusChanged, &body),
            [
                "$.Tenant: 256 characters, at most 100 are documented",
                "$.Tenant: over 255 characters; kept as its beginning and its hash",
                "$.TaskReference: over 255 characters; kept as its beginning and its hash",
            ]
        );
        let told = status(&body);
        (told.tenant, told.reference.unwrap())
    };
    let (one, other) = (told("1"), told("2"));
    assert!(one.0 != other.0 && one.1 != other.1);
    assert_eq!(told("1"), one);
    for code in [one.0, one.1] {
        assert_eq!(code.chars().count(), 255);
    }
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
