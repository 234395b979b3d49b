//! Status changes, notes and chases as the platform documents them.

use super::*;

#[test]
fn the_seeds_status_change_is_read_whole() {
    let body = with(STATUS, &[]);
    let fact = fact(Operation::StatusChanged, &body);
    assert_eq!(fact.kind, ActivityKind::StatusChanged);
    assert_eq!(fact.occurred_at, time("2020-05-29T10:47:34.915632Z"));
    let status = status(&body);
    assert_eq!(status.tenant, "Test Tenant");
    assert_eq!(status.task, "f5e99171-db8a-42f5-9822-1385f055f42c");
    assert_eq!(status.reference.as_deref(), Some("80027"));
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
    assert_eq!(note.task.reference.as_deref(), Some("80027"));
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
        (told.task.identifier, told.task.reference.as_deref()),
        (None, Some("80027"))
    );
    for missing in [json!(null), json!(""), json!(NIL)] {
        assert_eq!(
            note(&with(NOTE, &[("TaskIdentifier", missing)]))
                .task
                .identifier,
            None
        );
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
