//! Urgent's five calls with all their inconsistencies, as a reader sees them.

use caretaker::config::StatusType;
use entity::StatusTypeName;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::{Call, Client, Pair};
use crate::support::look::{nodes, words};
use crate::support::payload::{
    TASK, TENANT, chase, description, guid, note, status, with, without,
};
use crate::support::server::urgent_credential;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        the_seeds_three_examples_share_a_reference_and_are_three_tasks,
        a_created_task_is_shown_with_all_that_it_tells,
        a_status_before_its_task_was_created_makes_the_task_known,
        a_status_that_is_older_and_late_does_not_win,
        of_two_statuses_at_one_time_the_same_wins_in_either_order,
        a_status_in_created_counts_only_while_no_status_change_is_known,
        a_late_created_fills_only_what_is_empty,
        changed_overwrites_and_null_takes_away,
        of_two_changes_the_later_signed_wins_in_either_order,
        a_modification_time_in_the_payload_goes_before_the_signed_time,
        repeated_calls_change_nothing,
        status_names_of_any_language_are_data,
        status_names_get_their_type_from_the_settings,
        tasks_are_open_until_their_state_or_status_type_says_otherwise,
        compliance_answers_of_any_scalar_are_texts,
        asset_downtime_is_an_object_or_null,
        timestamps_have_any_number_of_digits_an_offset_or_no_zone,
        a_reference_is_a_number_or_a_text,
        a_note_without_identifier_finds_its_task,
        a_note_without_identifier_is_nobodys_while_two_tasks_share_the_reference,
        a_note_without_identifier_may_come_before_its_task,
        chases_are_counted_and_the_latest_is_shown,
        one_act_in_two_languages_shows_the_first_credentials_version,
        one_guid_with_another_time_or_task_is_a_conflict,
        guids_of_one_tenant_say_nothing_of_another_tenants,
        identifiers_are_guids_in_any_notation,
        the_raw_json_is_kept_and_shown,
    ]
}

const AT: &str = "2020-05-29T10:47:34Z";
const STATUS: &str = include_str!("fixtures/urgent/seed-status-changed.json");
const NOTE: &str = include_str!("fixtures/urgent/seed-note-added.json");
const CHASED: &str = include_str!("fixtures/urgent/seed-chased.json");
const CREATED: &str = include_str!("fixtures/urgent/task-created.json");

async fn the_seeds_three_examples_share_a_reference_and_are_three_tasks(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for (call, seed) in [
        (Call::StatusChanged, STATUS),
        (Call::NoteAdded, NOTE),
        (Call::TaskChased, CHASED),
    ] {
        let answer = server.urgent(call, seed).await?;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(answer.header("content-length"), "0");
    }
    let data = server
        .shows(
            r#"{ tasks(filter: {tenant: {eq: "Test Tenant"}, reference: {eq: "80027"}}) { totalCount nodes {
                identifier status statusAt isDescribed compliance { name answer }
                notes { nodes { text notedAt } } chases { nodes { text } } chaseCount lastChasedAt
            } } }"#,
        )
        .await?;
    assert_eq!(data["tasks"]["totalCount"], 3);
    let task = |identifier: &str| {
        let tasks = nodes(data["tasks"].clone());
        let found = tasks
            .into_iter()
            .find(|task| task["identifier"] == identifier);
        found.expect("the task")
    };
    let attended = task("f5e99171-db8a-42f5-9822-1385f055f42c");
    assert_eq!(attended["status"], "Attended");
    assert_eq!(attended["statusAt"], "2020-05-29T10:47:34.915632+00:00");
    assert_eq!(attended["isDescribed"], false);
    assert_eq!(
        attended["compliance"],
        json!([
            {"name": "TC_TrainedAndCompetent", "answer": "true"},
            {"name": "TC_SafetyBadgeNumber", "answer": "ABC-112"},
        ])
    );
    let noted = task("21a2c19e-7317-4b64-bf4e-6bbf1f51c4e8");
    assert_eq!(
        nodes(noted["notes"].clone()),
        [json!({
            "text": "Technician John Doe will be on site today",
            "notedAt": "2020-05-29T10:54:18.388505+00:00",
        })]
    );
    let chased = task("058e9c0a-44fb-46ca-9510-35f38ff82dfd");
    assert_eq!(chased["chaseCount"], 1);
    assert_eq!(chased["lastChasedAt"], "2020-05-29T10:57:58.225195+00:00");
    assert_eq!(
        words(&chased["chases"], "text"),
        ["Technician is over two hours late, please update."]
    );
    server.stop().await
}

async fn a_created_task_is_shown_with_all_that_it_tells(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::TaskCreated, serde_json::from_str(CREATED)?)
        .await?;
    let shown = server
        .task(
            "kind reference isDescribed externalIdentifier initiator description defectSource category
             chargeability workflow serviceLevel supplier assets isAssetAvailable customFields related
             status statusAt reportedAt building { name address location { latitude longitude } }",
        )
        .await?;
    assert_eq!(
        shown,
        json!({
            "kind": "MAINTENANCE", "reference": "80027", "isDescribed": true,
            "externalIdentifier": "1686793261034749182", "initiator": "Facilities help desk",
            "description": "Extractor fan in L2 male washroom not running; smell alarm raised",
            "defectSource": "Unknown", "category": "01-04-02", "chargeability": null,
            "workflow": "Reactive - standard", "serviceLevel": "P2 - attend in 4 hours",
            "supplier": "Northside Mechanical Ltd", "assets": ["3f0d1c52-6a57-4be0-9c0e-1f1f2a9b7f10"],
            "isAssetAvailable": false,
            "customFields": [{"Name": "Custom_Question_1", "Answer": "No"}], "related": null,
            "status": "Dispatched", "statusAt": null, "reportedAt": "2020-05-29T09:15:02.100+00:00",
            "building": {
                "name": "14 Canal Wharf",
                "address": {
                    "Line1": "14 Canal Wharf", "Line2": "", "Line3": null, "Town": "London",
                    "County": "Greater London", "Country": "United Kingdom", "PostalCode": "E14 0AA",
                },
                "location": {"latitude": 51.5049, "longitude": -0.0197},
            },
        })
    );
    server.stop().await
}

async fn a_status_before_its_task_was_created_makes_the_task_known(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::StatusChanged, status(1, AT, "Attended"))
        .await?;
    let fields = "id status isDescribed description reportedAt statusChanges { nodes { status } }";
    let before = server.task(fields).await?;
    assert_eq!(before["isDescribed"], false);
    server.tell(Call::TaskCreated, description()).await?;
    assert_eq!(
        server.task(fields).await?,
        json!({
            "id": before["id"], "status": "Attended", "isDescribed": true,
            "description": "Extractor fan not running", "reportedAt": "2020-05-29T09:15:02.100+00:00",
            "statusChanges": {"nodes": [{"status": "Attended"}]},
        })
    );
    assert_eq!(server.kinds().await?, ["STATUS_CHANGED", "TASK_CREATED"]);
    server.stop().await
}

async fn a_status_that_is_older_and_late_does_not_win(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let done = status(2, "2020-05-29T12:00:00Z", "Completed");
    server.tell(Call::StatusChanged, done).await?;
    let attended = status(1, "2020-05-29T11:59:59.9999999Z", "Attended");
    server.tell(Call::StatusChanged, attended).await?;
    let shown = server
        .task("status statusAt timeline { nodes { late ... on StatusChanged { statusChange { status } } } }")
        .await?;
    assert_eq!(shown["status"], "Completed");
    assert_eq!(shown["statusAt"], "2020-05-29T12:00:00+00:00");
    assert_eq!(
        nodes(shown["timeline"].clone()),
        [
            json!({"late": true, "statusChange": {"status": "Attended"}}),
            json!({"late": false, "statusChange": {"status": "Completed"}}),
        ]
    );
    server.stop().await
}

async fn of_two_statuses_at_one_time_the_same_wins_in_either_order(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let mut winners = Vec::new();
    for order in [[1, 2], [2, 1]] {
        let fresh = database.another().await?;
        let server = TestServer::start(&fresh).await?;
        for number in order {
            let told = status(number, AT, &format!("Status {number}"));
            server.tell(Call::StatusChanged, told).await?;
        }
        winners.push(server.task("status").await?);
        server.stop().await?;
    }
    assert_eq!(winners[0], winners[1]);
    Ok(())
}

async fn a_status_in_created_counts_only_while_no_status_change_is_known(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let fields = "status statusAt";
    server.tell(Call::TaskCreated, description()).await?;
    assert_eq!(
        server.task(fields).await?,
        json!({"status": "Dispatched", "statusAt": null})
    );
    server
        .tell(Call::StatusChanged, status(1, AT, "Attended"))
        .await?;
    let changed = with(description(), json!({"Status": {"Name": "Reopened"}}));
    server.tell(Call::TaskChanged, changed).await?;
    assert_eq!(
        server.task(fields).await?,
        json!({"status": "Attended", "statusAt": "2020-05-29T10:47:34+00:00"})
    );
    server.stop().await
}

async fn a_late_created_fills_only_what_is_empty(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let changed = json!({
        "TaskIdentifier": TASK, "Tenant": TENANT, "Description": "Fan replaced", "Supplier": null,
    });
    server.tell(Call::TaskChanged, changed).await?;
    let created = json!({"Workflow": "Reactive", "Supplier": "Northside", "InitiatorName": null});
    server
        .tell(Call::TaskCreated, with(description(), created))
        .await?;
    let shown = server
        .task("description workflow supplier reference initiator")
        .await?;
    assert_eq!(
        shown,
        json!({
            "description": "Fan replaced", "workflow": "Reactive", "supplier": null,
            "reference": "80027", "initiator": null,
        }),
        "what a change said stands, its null too"
    );
    server.stop().await
}

async fn changed_overwrites_and_null_takes_away(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let created = json!({"Supplier": "Northside", "Workflow": "Reactive", "Assets": [guid(7)]});
    server
        .tell(Call::TaskCreated, with(description(), created))
        .await?;
    let changed = json!({
        "TaskIdentifier": TASK, "Tenant": TENANT, "Description": "Fan replaced", "Supplier": null,
        "Assets": [],
    });
    server.tell(Call::TaskChanged, changed).await?;
    let shown = server.task("description supplier workflow assets").await?;
    assert_eq!(
        shown,
        json!({"description": "Fan replaced", "supplier": null, "workflow": "Reactive", "assets": []})
    );
    let feed = server.feed("kind changes { field from to }").await?;
    assert_eq!(feed[1]["kind"], "TASK_CHANGED");
    let changes = feed[1]["changes"].as_array().expect("changes");
    let supplier = json!({"field": "supplier", "from": "Northside", "to": null});
    assert!(changes.contains(&supplier), "{changes:?}");
    server.stop().await
}

fn changed(text: &str) -> Value {
    json!({"TaskIdentifier": TASK, "Tenant": TENANT, "Description": text})
}

async fn of_two_changes_the_later_signed_wins_in_either_order(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = patient(&database).await?;
    let (first, second) = ("2020-05-29T10:00:00Z", "2020-05-29T11:00:00.5Z");
    server
        .tell_at(Call::TaskChanged, second, changed("second"))
        .await?;
    server
        .tell_at(Call::TaskChanged, first, changed("first"))
        .await?;
    assert_eq!(server.task("description").await?["description"], "second");
    let third = "2020-05-29T11:00:00.500001Z";
    server
        .tell_at(Call::TaskChanged, third, changed("third"))
        .await?;
    assert_eq!(server.task("description").await?["description"], "third");
    server.stop().await
}

async fn a_modification_time_in_the_payload_goes_before_the_signed_time(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = patient(&database).await?;
    let told = |text, at| with(changed(text), json!({"ModifiedDateTimeUtc": at}));
    let late = told("nine", "2020-05-29T09:00:00Z");
    let early = told("eight", "2020-05-29T08:00:00Z");
    server
        .tell_at(Call::TaskChanged, "2020-05-29T10:00:00Z", late.clone())
        .await?;
    server
        .tell_at(Call::TaskChanged, "2020-05-29T11:00:00Z", early)
        .await?;
    assert_eq!(server.task("description").await?["description"], "nine");
    server
        .tell_at(Call::TaskChanged, "2020-05-29T12:00:00Z", late)
        .await?;
    assert_eq!(
        server.kinds().await?.len(),
        2,
        "signed again, it is the same change"
    );
    server.stop().await
}

async fn repeated_calls_change_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let server = patient(&database).await?;
    let calls = [
        (Call::TaskCreated, description()),
        (Call::StatusChanged, status(1, AT, "Attended")),
        (Call::NoteAdded, note(2, AT)),
        (Call::TaskChased, chase(3, AT)),
        (Call::TaskChanged, changed("Fan replaced")),
    ];
    let fields = "status description chaseCount notes { totalCount } lastActivityAt";
    for (call, body) in calls.clone() {
        server.tell_at(call, AT, body).await?;
    }
    let (task, feed) = (server.task(fields).await?, server.feed("id kind").await?);
    for (call, body) in calls.into_iter().rev() {
        server.tell_at(call, AT, body).await?;
    }
    assert_eq!(server.task(fields).await?, task);
    assert_eq!(server.feed("id kind").await?, feed);
    assert_eq!(feed.len(), 5);
    let deliveries = server.deliveries("receivedCount outcome").await?;
    assert_eq!(
        deliveries,
        vec![json!({"receivedCount": 2, "outcome": "APPLIED"}); 5]
    );
    server.stop().await
}

async fn status_names_of_any_language_are_data(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let french = "Intervention effectuée – Attente du devis";
    server
        .tell(Call::StatusChanged, status(1, AT, french))
        .await?;
    assert_eq!(server.task("status").await?["status"], french);
    let data = server
        .graphql(
            "query($status: String!) { tasks(filter: {status: {eq: $status}}) { totalCount } }",
            json!({"status": french}),
        )
        .await?;
    assert_eq!(data["tasks"]["totalCount"], 1);
    server.stop().await
}

async fn status_names_get_their_type_from_the_settings(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        let map = |tenant: &str, status: &str, means| StatusType {
            tenant: tenant.to_owned(),
            status: status.to_owned(),
            means,
        };
        config.status_types = Some(vec![
            map("*", "Completed", StatusTypeName::Closed),
            map(TENANT, "Intervention Effectuée", StatusTypeName::Closed),
            map(TENANT, "COMPLETED", StatusTypeName::Open),
        ]);
    })
    .await?;
    let mut shown = Vec::new();
    for (number, name) in [
        (1, "intervention effectuée"),
        (2, "Completed"),
        (3, "Vor Ort"),
    ] {
        let told = status(number, &format!("2020-05-29T10:47:3{number}Z"), name);
        server.tell(Call::StatusChanged, told).await?;
        shown.push(server.task("statusType").await?["statusType"].take());
    }
    assert_eq!(shown, ["CLOSED", "OPEN", "UNKNOWN"]);
    let other = with(status(4, AT, "completed"), json!({"Tenant": "Other"}));
    server.tell(Call::StatusChanged, other).await?;
    let other = server.task_of("Other", TASK, "statusType").await?;
    assert_eq!(other["statusType"], "CLOSED");
    server.stop().await
}

async fn tasks_are_open_until_their_state_or_status_type_says_otherwise(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        let map = |tenant: &str, status: &str, means| StatusType {
            tenant: tenant.to_owned(),
            status: status.to_owned(),
            means,
        };
        config.status_types = Some(vec![
            map("*", "Completed", StatusTypeName::Closed),
            map("Strict", "*", StatusTypeName::Cancelled),
            map("Strict", "attended", StatusTypeName::Open),
        ]);
    })
    .await?;
    for (number, (tenant, name)) in (1..).zip([
        ("A", "COMPLETED"),
        ("A", "Vor Ort"),
        ("Strict", "Attended"),
        ("Strict", "Completed"),
        ("Strict", "Anything"),
    ]) {
        let told = json!({"Tenant": tenant, "TaskIdentifier": guid(100 + number), "TaskReference": format!("{tenant} {name}")});
        let told = with(status(number, AT, name), told);
        server.tell(Call::StatusChanged, told).await?;
    }
    // Noted only: no status at all.
    let noted = with(
        note(1, AT),
        json!({"Tenant": "A", "TaskReference": "A none"}),
    );
    server.tell(Call::NoteAdded, noted).await?;
    let of = async |filter: &str| -> anyhow::Result<Vec<String>> {
        let data = server
            .shows(&format!(
                "{{ tasks(filter: {filter}) {{ totalCount nodes {{ reference }} }} }}"
            ))
            .await?;
        let nodes = data["tasks"]["nodes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        assert_eq!(data["tasks"]["totalCount"], nodes.len());
        let mut names: Vec<String> = nodes
            .iter()
            .filter_map(|node| Some(node["reference"].as_str()?.to_owned()))
            .collect();
        names.sort_unstable();
        Ok(names)
    };
    let open = ["A Vor Ort", "A none", "Strict Attended"];
    let over = ["A COMPLETED", "Strict Anything", "Strict Completed"];
    assert_eq!(of("{isOpen: {eq: true}}").await?, open);
    assert_eq!(of("{isOpen: {eq: false}}").await?, over);
    assert_eq!(of("{not: {isOpen: {eq: false}}}").await?, open);
    assert_eq!(
        of("{statusType: {eq: CLOSED}}").await?,
        ["A COMPLETED", "Strict Completed"]
    );
    assert_eq!(of("{statusType: {eq: UNKNOWN}}").await?, ["A Vor Ort"]);
    assert_eq!(of("{statusType: {isNull: true}}").await?, ["A none"]);
    assert_eq!(
        of("{statusType: {neq: CLOSED}}").await?,
        ["A Vor Ort", "A none", "Strict Anything", "Strict Attended"]
    );
    let data = server
        .shows("{ tasks { nodes { reference isOpen } } }")
        .await?;
    for node in data["tasks"]["nodes"].as_array().into_iter().flatten() {
        let is_open = open.iter().any(|name| node["reference"] == *name);
        assert_eq!(node["isOpen"], is_open, "{node}");
    }
    server.stop().await
}

async fn compliance_answers_of_any_scalar_are_texts(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let answers = json!({"TaskCompliance": [
        {"Name": "Trained", "Answer": true}, {"Name": "People", "Answer": 3},
        {"Name": "Hours", "Answer": 1.5}, {"Name": "Badge", "Answer": "ABC-112"},
        {"Name": "Remarks", "Answer": null},
    ]});
    let told = with(status(1, AT, "Attended"), answers);
    server.tell(Call::StatusChanged, told).await?;
    let compliance = server.task("compliance { name answer }").await?["compliance"].take();
    assert_eq!(
        compliance,
        json!([
            {"name": "Trained", "answer": "true"}, {"name": "People", "answer": "3"},
            {"name": "Hours", "answer": "1.5"}, {"name": "Badge", "answer": "ABC-112"},
            {"name": "Remarks", "answer": null},
        ])
    );
    server.stop().await
}

async fn asset_downtime_is_an_object_or_null(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let down = json!({"AssetDowntime": {"Reason": "No power", "IsAssetBackUp": null}});
    let told = with(status(1, "2020-05-29T10:00:00Z", "Attended"), down);
    server.tell(Call::StatusChanged, told).await?;
    let shown = server.task("assetDowntime { reason isBackUp }").await?;
    let expected = json!({"assetDowntime": {"reason": "No power", "isBackUp": null}});
    assert_eq!(shown, expected);
    let none = with(
        status(2, "2020-05-29T11:00:00Z", "Done"),
        json!({"AssetDowntime": null}),
    );
    server.tell(Call::StatusChanged, none).await?;
    let changes = server
        .task("statusChanges { nodes { status assetDowntime { reason } } }")
        .await?;
    let mut changes = nodes(changes["statusChanges"].clone());
    changes.sort_by_key(|change| change["status"].to_string());
    assert_eq!(changes[1], json!({"status": "Done", "assetDowntime": null}));
    server.stop().await
}

async fn timestamps_have_any_number_of_digits_an_offset_or_no_zone(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let times = [
        ("2020-05-29T10:47:34Z", "2020-05-29T10:47:34+00:00"),
        ("2020-05-29T10:47:34.9Z", "2020-05-29T10:47:34.900+00:00"),
        ("2020-05-29T10:47:34.91Z", "2020-05-29T10:47:34.910+00:00"),
        ("2020-05-29T10:47:34.915Z", "2020-05-29T10:47:34.915+00:00"),
        (
            "2020-05-29T10:47:34.9156Z",
            "2020-05-29T10:47:34.915600+00:00",
        ),
        (
            "2020-05-29T10:47:34.91563Z",
            "2020-05-29T10:47:34.915630+00:00",
        ),
        (
            "2020-05-29T10:47:34.915632Z",
            "2020-05-29T10:47:34.915632+00:00",
        ),
        (
            "2020-05-29T10:47:34.9156329Z",
            "2020-05-29T10:47:34.915632+00:00",
        ),
        (
            "2020-05-29T12:47:34.5+02:00",
            "2020-05-29T10:47:34.500+00:00",
        ),
        ("2020-05-29T10:47:34.25", "2020-05-29T10:47:34.250+00:00"),
    ];
    for (number, (told, _)) in (1..).zip(times) {
        server.tell(Call::NoteAdded, note(number, told)).await?;
    }
    let shown = server
        .task("notes(first: 100) { nodes { identifier notedAt } }")
        .await?;
    let notes = nodes(shown["notes"].clone());
    for (number, (told, expected)) in (1..).zip(times) {
        let note = notes.iter().find(|note| note["identifier"] == guid(number));
        assert_eq!(note.expect("the note")["notedAt"], expected, "{told}");
    }
    server.stop().await
}

async fn a_reference_is_a_number_or_a_text(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::StatusChanged, status(1, AT, "Attended"))
        .await?;
    let nameless = without(note(2, AT), "", "TaskIdentifier");
    let told = with(nameless, json!({"TaskReference": "80027"}));
    server.tell(Call::NoteAdded, told).await?;
    let shown = server.task("reference notes { totalCount }").await?;
    assert_eq!(
        shown,
        json!({"reference": "80027", "notes": {"totalCount": 1}})
    );
    server.stop().await
}

async fn a_note_without_identifier_finds_its_task(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server.tell(Call::TaskCreated, description()).await?;
    let nameless = without(note(2, AT), "", "TaskIdentifier");
    server.tell(Call::NoteAdded, nameless.clone()).await?;
    let elsewhere = with(nameless, json!({"Tenant": "Other"}));
    server.tell(Call::NoteAdded, elsewhere).await?;
    let shown = server
        .task("notes { nodes { tenant } } timeline { nodes { kind } }")
        .await?;
    assert_eq!(words(&shown["notes"], "tenant"), [TENANT]);
    assert_eq!(
        words(&shown["timeline"], "kind"),
        ["TASK_CREATED", "NOTE_ADDED"]
    );
    server.stop().await
}

async fn a_note_without_identifier_is_nobodys_while_two_tasks_share_the_reference(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::StatusChanged, status(1, AT, "Attended"))
        .await?;
    let nameless = without(note(2, AT), "", "TaskIdentifier");
    server.tell(Call::NoteAdded, nameless).await?;
    let notes = "notes { totalCount }";
    assert_eq!(server.task(notes).await?["notes"]["totalCount"], 1);
    let other = with(
        status(3, AT, "Attended"),
        json!({"TaskIdentifier": guid(9)}),
    );
    server.tell(Call::StatusChanged, other).await?;
    assert_eq!(server.task(notes).await?["notes"]["totalCount"], 0);
    let feed = server
        .feed("kind ... on NoteAdded { note { reference task { id } } }")
        .await?;
    let expected = json!({"kind": "NOTE_ADDED", "note": {"reference": "80027", "task": null}});
    assert_eq!(feed[1], expected);
    server.stop().await
}

async fn a_note_without_identifier_may_come_before_its_task(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let nameless = without(note(2, AT), "", "TaskIdentifier");
    server.tell(Call::NoteAdded, nameless).await?;
    assert_eq!(server.task("id").await?, Value::Null);
    let created = with(description(), json!({"Site": {"SiteCode": "LON-014"}}));
    server.tell(Call::TaskCreated, created).await?;
    let shown = server
        .task("notes { totalCount } timeline { nodes { kind } } building { timeline { nodes { kind } } }")
        .await?;
    assert_eq!(shown["notes"]["totalCount"], 1);
    // Both timelines take the earlier note in, and say that it was found out later.
    let told = ["TASK_CREATED", "LINKED", "NOTE_ADDED"];
    assert_eq!(words(&shown["timeline"], "kind"), told);
    assert_eq!(words(&shown["building"]["timeline"], "kind"), told);
    server.stop().await
}

async fn chases_are_counted_and_the_latest_is_shown(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::TaskChased, chase(1, "2020-05-29T12:00:00Z"))
        .await?;
    server
        .tell(Call::TaskChased, chase(2, "2020-05-29T11:00:00Z"))
        .await?;
    server
        .tell(Call::TaskChased, chase(1, "2020-05-29T12:00:00Z"))
        .await?;
    let shown = server
        .task("chaseCount lastChasedAt chases { nodes { chasedAt } }")
        .await?;
    assert_eq!(shown["chaseCount"], 2);
    assert_eq!(shown["lastChasedAt"], "2020-05-29T12:00:00+00:00");
    assert_eq!(nodes(shown["chases"].clone()).len(), 2);
    server.stop().await
}

async fn one_act_in_two_languages_shows_the_first_credentials_version(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let (first, second) = (
        Pair::new("amy", "secret of Amy"),
        Pair::new("bob", "secret of Bob"),
    );
    let server = TestServer::start_with(&database, |config| {
        let credentials = [("amy", &first), ("bob", &second)];
        config.urgent.credentials = credentials
            .map(|(name, pair)| urgent_credential(name, pair))
            .into();
    })
    .await?;
    let amy = Client {
        urgent: first,
        ..(*server).clone()
    };
    let bob = Client {
        urgent: second,
        ..(*server).clone()
    };
    let english = status(1, AT, "Attended");
    let french = status(1, AT, "Intervention effectuée");
    amy.tell(Call::StatusChanged, english).await?;
    bob.tell(Call::StatusChanged, french).await?;
    bob.tell(
        Call::NoteAdded,
        with(note(2, AT), json!({"Note": "sur place"})),
    )
    .await?;
    amy.tell(
        Call::NoteAdded,
        with(note(2, AT), json!({"Note": "on site"})),
    )
    .await?;
    let shown = server
        .task("status statusChanges { nodes { status } } notes { nodes { text } }")
        .await?;
    assert_eq!(shown["status"], "Attended");
    assert_eq!(words(&shown["statusChanges"], "status"), ["Attended"]);
    assert_eq!(words(&shown["notes"], "text"), ["on site"]);
    let kinds = [
        "STATUS_CHANGED",
        "STATUS_CHANGED",
        "NOTE_ADDED",
        "NOTE_ADDED",
    ];
    assert_eq!(server.kinds().await?, kinds);
    let deliveries = server.deliveries("credential outcome").await?;
    let expected =
        ["amy", "bob", "bob", "amy"].map(|name| json!({"credential": name, "outcome": "APPLIED"}));
    assert_eq!(deliveries, expected);
    server.stop().await
}

async fn one_guid_with_another_time_or_task_is_a_conflict(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for (call, one, other) in [
        (
            Call::StatusChanged,
            status(1, AT, "Attended"),
            status(1, "2020-05-29T11:00:00Z", "Attended"),
        ),
        (
            Call::NoteAdded,
            note(2, AT),
            with(note(2, AT), json!({"TaskIdentifier": guid(9)})),
        ),
        (
            Call::TaskChased,
            chase(3, AT),
            with(chase(3, AT), json!({"TaskIdentifier": guid(9)})),
        ),
    ] {
        server.tell(call, one).await?;
        server.tell(call, other).await?;
    }
    let outcomes = server.deliveries("outcome").await?;
    let outcomes: Vec<_> = outcomes
        .iter()
        .map(|delivery| &delivery["outcome"])
        .collect();
    assert_eq!(
        outcomes,
        [
            "APPLIED", "CONFLICT", "APPLIED", "CONFLICT", "APPLIED", "CONFLICT"
        ]
    );
    assert_eq!(
        server.task("statusAt").await?["statusAt"],
        "2020-05-29T10:47:34+00:00"
    );
    // Where one is shown instead of another that was told of another task, that task has lost it.
    let kinds = server.kinds().await?;
    let told = kinds.iter().filter(|kind| *kind != "CORRECTED").count();
    assert_eq!((told, kinds.len()), (6, 7));
    server.stop().await
}

async fn guids_of_one_tenant_say_nothing_of_another_tenants(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(Call::StatusChanged, status(1, AT, "Attended"))
        .await?;
    let other = with(status(1, AT, "Cancelled"), json!({"Tenant": "Other"}));
    server.tell(Call::StatusChanged, other).await?;
    assert_eq!(server.task("status").await?["status"], "Attended");
    let other = server.task_of("Other", TASK, "status tenant").await?;
    assert_eq!(other, json!({"status": "Cancelled", "tenant": "Other"}));
    server.stop().await
}

async fn identifiers_are_guids_in_any_notation(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server.tell(Call::TaskCreated, description()).await?;
    let shouted = json!({"TaskIdentifier": format!("{{{}}}", TASK.to_uppercase())});
    let told = with(status(1, AT, "Attended"), shouted);
    server.tell(Call::StatusChanged, told).await?;
    let shown = server.task("status isDescribed").await?;
    assert_eq!(shown, json!({"status": "Attended", "isDescribed": true}));
    server.stop().await
}

async fn the_raw_json_is_kept_and_shown(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let told = with(
        description(),
        json!({"Custom": {"deep": [1, "two", null]}, "Big": 12345678901234567890u64}),
    );
    server.tell(Call::TaskCreated, told.clone()).await?;
    server
        .tell(Call::StatusChanged, status(1, AT, "Attended"))
        .await?;
    assert_eq!(server.task("raw").await?["raw"], told);
    server.stop().await
}

/// A server that takes calls signed years ago, so that a case can say when they were signed.
async fn patient(database: &TestDatabase) -> anyhow::Result<TestServer> {
    TestServer::start_with(database, |config| config.urgent.grace_seconds = u32::MAX).await
}
