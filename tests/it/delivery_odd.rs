//! Calls that are odd but authentic: taken, flagged, and told of in words; and what the database refuses, as it is shown.

use caretaker::domain::database::Database;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::{Call, Client};
use crate::support::look::nodes;
use crate::support::payload::{
    TASK, TENANT, chase, description, event, guid, incident, note, status, with, without,
};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        odd_members_of_urgents_calls_are_flagged_and_lose_nothing_else,
        what_names_its_task_by_the_reference_only_stands_whole_in_the_feed,
        the_empty_guid_lets_nothing_collapse,
        an_unreadable_time_gives_way_to_the_signed_one,
        only_what_names_nothing_is_refused,
        odd_members_of_an_event_are_flagged_and_lose_nothing_else,
        long_texts_that_cannot_be_compressed_find_room_in_every_index,
        a_refused_element_is_shown_with_its_own_path_and_text,
        a_refused_call_of_urgent_is_shown_once,
        a_conflict_says_what_contradicts_what,
        a_null_site_code_in_a_change_takes_the_task_out_of_its_building,
    ]
}

const AT: &str = "2020-05-29T10:47:34Z";
const NIL: &str = "00000000-0000-0000-0000-000000000000";

async fn odd_members_of_urgents_calls_are_flagged_and_lose_nothing_else(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let odd = json!({
        "Note": ["on site"], "TaskReference": null, "AssetDowntime": "",
        "TaskCompliance": [{"Name": "Trained", "Answer": true}, 5, {"Answer": "no"}],
    });
    server
        .tell(Call::StatusChanged, with(status(1, AT, "Attended"), odd))
        .await?;
    let odd = json!({"Note": null, "TaskReference": [80027]});
    server
        .tell(Call::TaskChased, with(chase(2, AT), odd.clone()))
        .await?;
    server.tell(Call::NoteAdded, with(note(3, AT), odd)).await?;
    let shown = server
        .task(
            "status reference compliance { name answer } assetDowntime { reason } chaseCount
             chases { nodes { text } } notes { nodes { text reference } }
             statusChanges { nodes { note } }",
        )
        .await?;
    assert_eq!(
        shown,
        json!({
            "status": "Attended", "reference": null,
            "compliance": [{"name": "Trained", "answer": "true"}], "assetDowntime": null,
            "chaseCount": 1, "chases": {"nodes": [{"text": ""}]},
            "notes": {"nodes": [{"text": "", "reference": null}]},
            "statusChanges": {"nodes": [{"note": null}]},
        })
    );
    let deliveries = server.deliveries("outcome flags").await?;
    let told: Vec<_> = deliveries
        .iter()
        .map(|delivery| {
            (
                &delivery["outcome"],
                delivery["flags"].as_array().unwrap().len(),
            )
        })
        .collect();
    let applied = json!("APPLIED");
    assert_eq!(told, [(&applied, 5), (&applied, 2), (&applied, 2)]);
    server.stop().await
}

async fn what_names_its_task_by_the_reference_only_stands_whole_in_the_feed(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server.tell(Call::TaskCreated, description()).await?;
    for broken in [json!(NIL), json!("80027"), json!(null)] {
        let told = with(status(1, AT, "Done"), json!({"TaskIdentifier": broken}));
        server.tell(Call::StatusChanged, told.clone()).await?;
        let feed = server
            .feed("kind tenant task { status } ... on OtherEvent { data }")
            .await?;
        let last = feed.last().unwrap();
        assert_eq!(
            *last,
            json!({"kind": "OTHER_EVENT", "tenant": TENANT, "task": {"status": "Dispatched"}, "data": told})
        );
    }
    server.stop().await
}

async fn the_empty_guid_lets_nothing_collapse(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for text in ["one", "two", "two"] {
        let told = json!({"NoteIdentifier": NIL, "Note": text});
        server
            .tell(Call::NoteAdded, with(note(1, AT), told.clone()))
            .await?;
        let told = json!({"ChaseIdentifier": NIL, "Note": text});
        server
            .tell(Call::TaskChased, with(chase(1, AT), told))
            .await?;
    }
    let shown = server.task("chaseCount notes { totalCount }").await?;
    assert_eq!(shown, json!({"chaseCount": 2, "notes": {"totalCount": 2}}));
    server.stop().await
}

async fn an_unreadable_time_gives_way_to_the_signed_one(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server =
        TestServer::start_with(&database, |config| config.urgent.grace_seconds = u32::MAX).await?;
    let told = status(1, "0001-01-01T00:00:00", "Attended");
    server.tell_at(Call::StatusChanged, AT, told).await?;
    let shown = server.task("status statusAt").await?;
    let expected = json!({"status": "Attended", "statusAt": "2020-05-29T10:47:34+00:00"});
    assert_eq!(shown, expected);
    server.stop().await
}

async fn only_what_names_nothing_is_refused(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for (call, body) in [
        (Call::TaskCreated, description()),
        (Call::TaskChanged, description()),
        (Call::StatusChanged, status(1, AT, "Attended")),
        (Call::NoteAdded, note(1, AT)),
        (Call::TaskChased, chase(1, AT)),
    ] {
        let nobody = without(body.clone(), "", "Tenant");
        let answer = server.urgent(call, nobody).await?;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.json()?["path"], "$.Tenant");
        let nothing = without(
            with(body, json!({"TaskIdentifier": NIL})),
            "",
            "TaskReference",
        );
        let answer = server.urgent(call, nothing).await?;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.json()?["path"], "$.TaskIdentifier");
    }
    assert!(server.kinds().await?.is_empty());
    server.stop().await
}

async fn odd_members_of_an_event_are_flagged_and_lose_nothing_else(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let odd = json!({
        "Entity": [], "UnixTimeInt": 1_686_793_200_000_i64,
        "Meta": {"End": "N/A", "AStart": -1, "AEnd": 1.5},
    });
    server
        .push(json!([with(incident("INCIDENT_CREATED_OPEN", 0), odd)]))
        .await?;
    let shown = server
        .incident("state dueAt startedAt reportedAt building { name }")
        .await?;
    assert_eq!(
        shown,
        json!({
            "state": "NOT_ASSIGNED", "dueAt": null, "startedAt": null,
            "reportedAt": "2023-06-15T01:40:00+00:00", "building": {"name": "building-1"},
        })
    );
    let deliveries = server.deliveries("outcome flags").await?;
    assert_eq!(deliveries[0]["outcome"], "APPLIED");
    assert_eq!(deliveries[0]["flags"].as_array().unwrap().len(), 5);
    server.stop().await
}

/// So many characters of four bytes, in no order that a database could make shorter.
fn noise(characters: usize, seed: u32) -> String {
    let mut state = seed | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from_u32(0x2_0000 + state % 0xa000).unwrap()
    };
    std::iter::repeat_with(next).take(characters).collect()
}

async fn long_texts_that_cannot_be_compressed_find_room_in_every_index(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let long = |seed| noise(2000, seed);
    let place = json!({
        "Zone": long(1), "ZoneName": long(2), "Level": long(3), "LevelName": long(4),
        "Status": long(5), "TaskId": long(6), "By": long(7), "Name": long(8), "Priority": long(9),
    });
    let envelope =
        json!({"ID": long(10), "Principal": long(11), "Entity": long(12), "Description": long(13)});
    let batch = [
        "ZONE_STATUS_MODIFIED",
        "LEVEL_CREATED",
        "INCIDENT_CREATED_OPEN",
        "TASK_STARTED",
    ]
    .map(|name| with(event(name, 0, place.clone()), envelope.clone()));
    server.push(batch.into_iter().collect()).await?;
    let task = json!({"Tenant": long(20), "TaskReference": long(21)});
    let told = json!({
        "Status": long(22), "ExternalIdentifier": long(23), "Workflow": long(24),
        "Site": {"SiteCode": long(25), "ParentCode": long(26), "Name": long(27)},
    });
    server
        .tell(
            Call::TaskCreated,
            with(with(description(), told), task.clone()),
        )
        .await?;
    for (call, body) in [
        (Call::StatusChanged, status(1, AT, &long(28))),
        (Call::NoteAdded, note(2, AT)),
        (Call::NoteAdded, without(note(3, AT), "", "TaskIdentifier")),
        (Call::TaskChased, chase(4, AT)),
    ] {
        server.tell(call, with(body, task.clone())).await?;
    }
    let deliveries = server.deliveries("outcome problem").await?;
    for delivery in &deliveries {
        assert_eq!(delivery["outcome"], "APPLIED", "{}", delivery["problem"]);
    }
    assert_eq!(deliveries.len(), 6);
    let data = server
        .shows("{ incidents { totalCount } zones { totalCount } tasks { totalCount } }")
        .await?;
    let expected = json!({
        "incidents": {"totalCount": 1}, "zones": {"totalCount": 2}, "tasks": {"totalCount": 2},
    });
    assert_eq!(data, expected);
    server.stop().await
}

/// A rule that only the database knows of: what a schema newer than the code would do.
async fn refuse(database: &TestDatabase, table: &str, column: &str) -> anyhow::Result<()> {
    let database = Database::open(database.url(), 1).await?;
    let rule = format!("CREATE UNIQUE INDEX refuse ON {table} ({column}) WHERE {column} = 'twice'");
    database.writer.execute_unprepared(&rule).await?;
    database.close().await;
    Ok(())
}

async fn quarantine(client: &Client) -> anyhow::Result<Vec<(Value, Value, Value)>> {
    let deliveries = client
        .deliveries("quarantine { nodes { element path content } }")
        .await?;
    let elements = deliveries
        .into_iter()
        .flat_map(|delivery| nodes(delivery["quarantine"].clone()));
    Ok(elements
        .map(|mut row| {
            (
                row["element"].take(),
                row["path"].take(),
                row["content"].take(),
            )
        })
        .collect())
}

async fn a_refused_element_is_shown_with_its_own_path_and_text(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    refuse(&database, "incident", "name").await?;
    let named = |task: u32, name: &str| {
        let told = json!({"Meta": {"TaskId": task, "Name": name}});
        with(incident("INCIDENT_CREATED_OPEN", i64::from(task)), told)
    };
    server.push(json!([named(9, "twice")])).await?;
    let inner = json!([named(1, "once"), named(2, "twice"), named(3, "twice")]);
    let plain = named(4, "twice").to_string();
    let body = format!("[{}, {plain} ]", json!({ "Body": inner.to_string() }));
    server.push(serde_json::from_str(&body)?).await?;
    assert_eq!(
        quarantine(&server).await?,
        [
            (json!(1), json!("$[0].Body[1]"), json!(inner[1].to_string())),
            (json!(2), json!("$[0].Body[2]"), json!(inner[2].to_string())),
            (json!(3), json!("$[1]"), json!(plain)),
        ]
    );
    server.stop().await
}

async fn a_refused_call_of_urgent_is_shown_once(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    refuse(&database, "note", "text").await?;
    let told = |number| with(note(number, AT), json!({"Note": "twice"}));
    server.tell(Call::NoteAdded, told(1)).await?;
    server.tell(Call::NoteAdded, told(2)).await?;
    let expected = [(json!(0), json!("$"), json!(told(2).to_string()))];
    assert_eq!(quarantine(&server).await?, expected);
    server.stop().await
}

async fn a_conflict_says_what_contradicts_what(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    server.tell(Call::NoteAdded, note(1, AT)).await?;
    let other = json!({"TaskIdentifier": guid(9), "NoteDateTimeUtc": "2020-05-29T11:00:00.5Z"});
    server
        .tell(Call::NoteAdded, with(note(1, AT), other))
        .await?;
    let deliveries = server.deliveries("outcome problem").await?;
    assert_eq!(
        deliveries[1],
        json!({
            "outcome": "CONFLICT",
            "problem": format!(
                "NoteIdentifier {} came before with another TaskIdentifier: {TASK} then, {} now; \
                 NoteDateTimeUtc: 2020-05-29T10:47:34Z then, 2020-05-29T11:00:00.500Z now",
                guid(1), guid(9)
            ),
        })
    );
    server.stop().await
}

async fn a_null_site_code_in_a_change_takes_the_task_out_of_its_building(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let created = with(description(), json!({"Site": {"SiteCode": "LON-014"}}));
    server.tell(Call::TaskCreated, created).await?;
    let fields = "building { name }";
    let shown = server.task(fields).await?;
    assert_eq!(shown, json!({"building": {"name": "LON-014"}}));
    let named = json!({"TaskIdentifier": TASK, "Tenant": TENANT});
    let changed = with(named, json!({"SiteCode": null}));
    server.tell(Call::TaskChanged, changed).await?;
    assert_eq!(server.task(fields).await?, json!({"building": null}));
    server.stop().await
}
