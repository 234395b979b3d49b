//! What becomes of each call: counted, quarantined in part, flagged, kept with its bytes.

use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::look::{acknowledged, nodes};
use crate::support::payload::{START, description, incident, note, status, with, without};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_bad_element_is_quarantined_and_its_siblings_are_stored,
        a_batch_of_bad_elements_only_is_kept_and_acknowledged,
        the_same_batch_twice_changes_nothing_and_is_counted,
        an_event_in_another_batch_is_a_duplicate,
        the_same_status_signed_again_is_a_duplicate,
        a_batch_that_tells_one_thing_new_is_applied_with_its_duplicates_counted,
        texts_over_their_documented_length_are_taken_and_flagged,
        lengths_are_measured_in_characters,
        what_is_odd_is_taken_and_flagged,
        nul_becomes_the_replacement_character_and_is_flagged,
        a_delivery_tells_who_sent_it_and_what_it_gave,
        a_call_that_cannot_be_used_is_kept_with_its_body,
        a_call_that_proves_nothing_leaves_no_row,
        a_batch_of_thousands_is_one_delivery,
        an_over_long_identifier_is_kept_by_its_beginning_and_its_hash,
        a_number_may_have_a_whole_float_and_names_are_compared_exactly,
    ]
}

const AT: &str = "2020-05-29T10:47:34Z";

async fn a_bad_element_is_quarantined_and_its_siblings_are_stored(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let nameless = without(incident("INCIDENT_STARTED", 10), "/Meta", "TaskId");
    let timeless = with(
        incident("INCIDENT_STARTED", 20),
        json!({"UnixTimeInt": "soon", "UnixTime": "later", "Time": "now"}),
    );
    server
        .push(json!([
            incident("INCIDENT_CREATED_OPEN", 0),
            nameless,
            5,
            timeless,
            incident("INCIDENT_COMPLETED", 600)
        ]))
        .await?;
    assert_eq!(
        server.kinds().await?,
        ["INCIDENT_REPORTED", "INCIDENT_COMPLETED"]
    );
    let deliveries = server
        .deliveries(
            "outcome events quarantinedCount quarantine { nodes { element path reason content } }",
        )
        .await?;
    assert_eq!(deliveries[0]["outcome"], "PARTLY_QUARANTINED");
    assert_eq!(deliveries[0]["events"], 5);
    assert_eq!(deliveries[0]["quarantinedCount"], 3);
    let elements = nodes(deliveries[0]["quarantine"].clone());
    let found: Vec<_> = elements
        .iter()
        .map(|element| {
            (
                element["element"].as_i64(),
                element["path"].as_str(),
                element["reason"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (
                Some(1),
                Some("$[1].Meta.TaskId"),
                Some("Expected the id of the incident or task; it is missing.")
            ),
            (Some(2), Some("$[2]"), Some("Expected an object; found 5.")),
            (
                Some(3),
                Some("$[3].UnixTimeInt"),
                Some(
                    "Expected the time of the event in whole seconds since 1970, here or in UnixTime or Time; found \"soon\"."
                ),
            ),
        ]
    );
    assert_eq!(elements[1]["content"], "5");
    server.stop().await
}

async fn a_batch_of_bad_elements_only_is_kept_and_acknowledged(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server.push(json!([{}, "{"])).await?;
    let deliveries = server.deliveries("outcome quarantinedCount body").await?;
    let expected = json!({"outcome": "REJECTED", "quarantinedCount": 2, "body": "[{},\"{\"]"});
    assert_eq!(deliveries, [expected]);
    server.stop().await
}

async fn the_same_batch_twice_changes_nothing_and_is_counted(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let batch = json!([
        incident("INCIDENT_CREATED_OPEN", 0),
        incident("INCIDENT_STARTED", 300),
        5
    ]);
    server.push(batch.clone()).await?;
    let shown = "id state startedAt lastActivityAt timeline { nodes { id recordedAt } }";
    let (before, feed) = (server.incident(shown).await?, server.feed("id").await?);
    server.push(batch).await?;
    assert_eq!(server.incident(shown).await?, before);
    assert_eq!(server.feed("id").await?, feed);
    let deliveries = server
        .deliveries("outcome receivedCount quarantinedCount quarantine { totalCount }")
        .await?;
    assert_eq!(
        deliveries,
        [json!({
            "outcome": "PARTLY_QUARANTINED", "receivedCount": 2, "quarantinedCount": 1,
            "quarantine": {"totalCount": 1},
        })]
    );
    server.stop().await
}

async fn an_event_in_another_batch_is_a_duplicate(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let opened = incident("INCIDENT_CREATED_OPEN", 0);
    server.push(json!([opened])).await?;
    server.push(json!([opened, opened])).await?;
    assert_eq!(server.kinds().await?, ["INCIDENT_REPORTED"]);
    let deliveries = server.deliveries("outcome events duplicates").await?;
    assert_eq!(
        deliveries,
        [
            json!({"outcome": "APPLIED", "events": 1, "duplicates": 0}),
            json!({"outcome": "DUPLICATE", "events": 2, "duplicates": 2}),
        ]
    );
    server.stop().await
}

async fn the_same_status_signed_again_is_a_duplicate(database: TestDatabase) -> anyhow::Result<()> {
    let server =
        TestServer::start_with(&database, |config| config.urgent.grace_seconds = u32::MAX).await?;
    let attended = status(1, AT, "Attended");
    server
        .tell_at(
            Call::StatusChanged,
            "2020-05-29T10:48:00Z",
            attended.clone(),
        )
        .await?;
    server
        .tell_at(Call::StatusChanged, "2020-05-29T10:53:00Z", attended)
        .await?;
    assert_eq!(server.kinds().await?, ["STATUS_CHANGED"]);
    let deliveries = server.deliveries("outcome signedAt").await?;
    assert_eq!(
        deliveries,
        [
            json!({"outcome": "APPLIED", "signedAt": "2020-05-29T10:48:00Z"}),
            json!({"outcome": "DUPLICATE", "signedAt": "2020-05-29T10:53:00Z"}),
        ]
    );
    server.stop().await
}

async fn a_batch_that_tells_one_thing_new_is_applied_with_its_duplicates_counted(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let opened = incident("INCIDENT_CREATED_OPEN", 0);
    server.push(json!([opened])).await?;
    server
        .push(json!([opened, incident("INCIDENT_STARTED", 300)]))
        .await?;
    let deliveries = server
        .deliveries("outcome events duplicates activities { nodes { kind } }")
        .await?;
    assert_eq!(
        deliveries[1],
        json!({
            "outcome": "APPLIED", "events": 2, "duplicates": 1,
            "activities": {"nodes": [{"kind": "INCIDENT_STARTED"}]},
        })
    );
    server.stop().await
}

async fn texts_over_their_documented_length_are_taken_and_flagged(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let (name, reason) = ("n".repeat(251), "r".repeat(256));
    let told = with(
        status(1, AT, &"s".repeat(101)),
        json!({
            "Note": "x".repeat(2001), "TaskCompliance": [{"Name": name, "Answer": "yes"}],
            "AssetDowntime": {"Reason": reason, "IsAssetBackUp": false},
        }),
    );
    server.tell(Call::StatusChanged, told).await?;
    let shown = server
        .task(
            "status compliance { name } assetDowntime { reason } statusChanges { nodes { note } }",
        )
        .await?;
    assert_eq!(shown["status"], "s".repeat(101));
    assert_eq!(shown["statusChanges"]["nodes"][0]["note"], "x".repeat(2001));
    assert_eq!(shown["compliance"][0]["name"], name);
    assert_eq!(shown["assetDowntime"]["reason"], reason);
    let mut flags = flags(&server).await?;
    flags.sort_unstable();
    assert_eq!(
        flags,
        [
            "$.AssetDowntime.Reason: 256 characters, at most 255 are documented",
            "$.Note: 2001 characters, at most 2000 are documented",
            "$.Status: 101 characters, at most 100 are documented",
            "$.TaskCompliance[0].Name: 251 characters, at most 250 are documented",
        ]
    );
    server.stop().await
}

async fn lengths_are_measured_in_characters(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let told = json!({"Note": "é".repeat(2000), "Tenant": "ü".repeat(100)});
    server
        .tell(Call::NoteAdded, with(note(1, AT), told))
        .await?;
    assert_eq!(flags(&server).await?, Vec::<String>::new());
    server.stop().await
}

async fn what_is_odd_is_taken_and_flagged(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let backwards = with(
        incident("INCIDENT_COMPLETED", 600),
        json!({"Meta": {"AStart": START + 600, "AEnd": START + 300}}),
    );
    let endless = with(
        incident("INCIDENT_COMPLETED", 700),
        json!({"Meta": {"AEnd": 0}}),
    );
    server.push(json!([backwards, endless])).await?;
    assert_eq!(
        flags(&server).await?,
        [
            "$[0].Meta.AEnd: completed before it was started",
            "$[1].Meta.AEnd: completed without an end",
        ]
    );
    let deliveries = server.deliveries("outcome").await?;
    assert_eq!(deliveries, [json!({"outcome": "APPLIED"})]);
    server.stop().await
}

async fn nul_becomes_the_replacement_character_and_is_flagged(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let named = with(
        incident("INCIDENT_CREATED_OPEN", 0),
        json!({"Meta": {"Name": "Bad\0smell"}}),
    );
    server.push(json!([named])).await?;
    let told = with(
        description(),
        json!({"Description": "Fan\0off", "Odd\0name": "\0"}),
    );
    server.tell(Call::TaskCreated, told).await?;
    assert_eq!(server.incident("name").await?["name"], "Bad\u{fffd}smell");
    let task = server.task("description raw").await?;
    assert_eq!(task["description"], "Fan\u{fffd}off");
    assert_eq!(task["raw"]["Odd\u{fffd}name"], "\u{fffd}");
    let flags = flags(&server).await?;
    assert!(
        flags.contains(&"$[0].Meta.Name: NUL replaced by U+FFFD".to_owned()),
        "{flags:?}"
    );
    server.stop().await
}

async fn a_delivery_tells_who_sent_it_and_what_it_gave(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let body = status(1, AT, "Attended").to_string();
    let signed = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    acknowledged(
        &server
            .urgent_at(Call::StatusChanged, &signed, &body)
            .await?,
    )?;
    let deliveries = server
        .deliveries(
            "source operation credential signedAt size body receivedCount problem flags
             activities { nodes { kind delivery { operation } } }",
        )
        .await?;
    let activity = json!({"kind": "STATUS_CHANGED", "delivery": {"operation": "STATUS_CHANGED"}});
    assert_eq!(
        deliveries,
        [json!({
            "source": "URGENT", "operation": "STATUS_CHANGED", "credential": "urgent", "signedAt": signed,
            "size": body.len(), "body": body, "receivedCount": 1, "problem": null, "flags": [],
            "activities": {"nodes": [activity]},
        })]
    );
    server.stop().await
}

async fn a_call_that_cannot_be_used_is_kept_with_its_body(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let broken = server.urgent(Call::NoteAdded, "{\"Tenant\":").await?;
    let shapeless = server
        .urgent(Call::NoteAdded, "{\"Tenant\": \"T\"}")
        .await?;
    let number = server.matrix("5").await?;
    assert_eq!(
        (broken.status, shapeless.status, number.status),
        (400, 422, 422)
    );
    let deliveries = server.deliveries("outcome body problem events").await?;
    let bodies: Vec<_> = deliveries
        .iter()
        .map(|delivery| &delivery["body"])
        .collect();
    assert_eq!(bodies, ["{\"Tenant\":", "{\"Tenant\": \"T\"}", "5"]);
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery["outcome"] == "REJECTED")
    );
    assert_eq!(
        deliveries[1]["problem"],
        "$.TaskIdentifier: Expected a GUID such as f5e99171-db8a-42f5-9822-1385f055f42c; it is missing."
    );
    assert!(server.kinds().await?.is_empty());
    server.stop().await
}

async fn a_call_that_proves_nothing_leaves_no_row(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut stranger = (*server).clone();
    stranger.matrix.secret = "guessed".to_owned();
    stranger.urgent.secret = "guessed".to_owned();
    let batch = json!([incident("INCIDENT_CREATED_OPEN", 0)]);
    assert_eq!(stranger.matrix(batch).await?.status, 401);
    let told = stranger.urgent(Call::TaskCreated, description()).await?;
    assert_eq!(told.status, 401);
    assert_eq!(server.deliveries("id").await?, Vec::<Value>::new());
    assert!(server.kinds().await?.is_empty());
    server.stop().await
}

async fn a_batch_of_thousands_is_one_delivery(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let opened = |number: u32| {
        let named = json!({"Meta": {"TaskId": number, "Zone": format!("zone-{}", number % 50)}});
        with(incident("INCIDENT_CREATED_OPEN", i64::from(number)), named)
    };
    let batch: Vec<Value> = (1..=3000).map(opened).collect();
    server.push(batch.into()).await?;
    let data = server
        .shows("{ incidents { totalCount } zones { totalCount } activities { totalCount } }")
        .await?;
    assert_eq!(
        data,
        json!({
            "incidents": {"totalCount": 3000}, "zones": {"totalCount": 50},
            "activities": {"totalCount": 3000},
        })
    );
    let deliveries = server.deliveries("outcome events").await?;
    assert_eq!(deliveries, [json!({"outcome": "APPLIED", "events": 3000})]);
    server.stop().await
}

async fn an_over_long_identifier_is_kept_by_its_beginning_and_its_hash(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let of_task = |task: String| {
        let named = json!({"Meta": {"TaskId": task}});
        with(incident("INCIDENT_CREATED_OPEN", 0), named)
    };
    let long = ["9".repeat(256), "9".repeat(257), "é".repeat(255)];
    server.push(long.map(of_task).into_iter().collect()).await?;
    let data = server.shows("{ incidents { nodes { code } } }").await?;
    let codes = nodes(data["incidents"].clone());
    assert_eq!(codes.len(), 3);
    assert!(codes.contains(&json!({"code": "é".repeat(255)})));
    for (number, tenant) in [(1, "t".repeat(256)), (2, "t".repeat(257))] {
        let long = json!({"Tenant": tenant, "TaskReference": "7".repeat(300)});
        let told = with(note(number, AT), long);
        server.tell(Call::NoteAdded, told.clone()).await?;
        server.tell(Call::NoteAdded, told).await?;
    }
    let data = server
        .shows("{ tasks(filter: {kind: {eq: MAINTENANCE}}) { nodes { tenant reference } } }")
        .await?;
    let tasks = nodes(data["tasks"].clone());
    assert_eq!(tasks.len(), 2, "two tenants stay two, and a repeat is one");
    for task in &tasks {
        for name in ["tenant", "reference"] {
            assert_eq!(task[name].as_str().unwrap().chars().count(), 255);
        }
    }
    server.stop().await
}

async fn a_number_may_have_a_whole_float_and_names_are_compared_exactly(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server
        .tell(
            Call::StatusChanged,
            with(status(1, AT, "Attended"), json!({"TaskReference": 80027.0})),
        )
        .await?;
    let other = with(status(2, AT, "Attended"), json!({"Tenant": "test tenant"}));
    server.tell(Call::StatusChanged, other).await?;
    let data = server.shows("{ tasks { totalCount } }").await?;
    assert_eq!(
        data["tasks"]["totalCount"], 2,
        "a tenant's name has its case"
    );
    assert_eq!(server.task("reference").await?["reference"], "80027");
    server.stop().await
}

/// The flags of the only or the first delivery and of those after it.
async fn flags(server: &TestServer) -> anyhow::Result<Vec<String>> {
    let deliveries = server.deliveries("flags").await?;
    let flags = deliveries
        .iter()
        .flat_map(|delivery| delivery["flags"].as_array().cloned());
    Ok(flags
        .flatten()
        .map(|flag| flag.as_str().unwrap().to_owned())
        .collect())
}
