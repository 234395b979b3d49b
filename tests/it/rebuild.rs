//! The model folded once more from the kept calls: the same, whatever the history; and what happens where it is not.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use caretaker::config::StatusType;
use caretaker::domain::database::Database;
use caretaker::domain::delivery::Delivery;
use caretaker::domain::delivery::read::Which;
use caretaker::domain::fact::Fact;
use caretaker::domain::prune::{self, Kept};
use caretaker::domain::rebuild::Side;
use caretaker::domain::writer::Clock;
use caretaker::domain::{batch, migrate};
use caretaker::ingest::proof::Proven;
use caretaker::ingest::receive;
use caretaker::operate::rebuild::{self, RebuildError, Report};
use caretaker::operate::replay::Replay;
use chrono::{TimeDelta, Utc};
use entity::{Operation, StatusTypeName};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::promise;
use crate::replay::as_an_older_release;
use crate::support::case::on_each_engine;
use crate::support::client::Call;
use crate::support::feed;
use crate::support::look::{nodes, words};
use crate::support::payload::{
    BUILDING, TENANT, WORK, description, guid, incident, note, status, with,
};
use crate::support::process::run;
use crate::support::rows;
use crate::support::{Case, Engine, Process, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        any_history_of_calls_rebuilds_to_the_same_model,
        a_damaged_row_is_told_and_a_swap_mends_it,
        a_swap_keeps_what_is_there_and_appends_what_is_missing,
        what_arrives_during_a_rebuild_is_in_the_swapped_model,
        where_bodies_are_gone_it_says_so_and_does_not_swap,
        the_command_tells_by_its_exit_code,
        what_operators_did_meanwhile_rebuilds_to_the_same_model,
        a_swap_takes_the_timelines_of_what_it_moves_along,
        bytes_with_another_hash_are_told_and_keep_a_swap_from_being_done,
        what_a_killed_rebuild_left_is_removed_by_the_next_one,
        a_swap_forgets_earlier_times_only_where_it_changes_what_activities_tell,
    ]
}

async fn beside(
    case: &TestDatabase,
    database: &Database,
    swap: bool,
) -> anyhow::Result<Result<Report, RebuildError>> {
    let side = Side::create(database, case.url()).await?;
    let clock: Clock = Arc::new(Utc::now);
    let committing = AtomicBool::new(false);
    let report = rebuild::run(database, &side, &clock, swap, &committing).await;
    assert_eq!(committing.into_inner(), swap && report.is_ok());
    side.remove(database).await;
    Ok(report)
}

/// The difference in words; empty when there is none.
async fn difference(case: &TestDatabase, database: &Database) -> anyhow::Result<String> {
    let report = beside(case, database, false).await??;
    if report.difference.is_none() {
        return Ok(String::new());
    }
    Ok(format!("{:#?}", report.difference))
}

/// Plays the calls of the promise in disorder, with calls among them that are broken in several ways.
async fn play(case: &TestDatabase, seed: u64) -> anyhow::Result<()> {
    let server = promise::start(case).await?;
    for (number, group) in promise::disorder(&promise::calls(), seed)
        .iter()
        .enumerate()
    {
        let sending = group.iter().map(|call| promise::send(&server, call));
        futures_util::future::try_join_all(sending).await?;
        match number % 4 {
            0 => drop(server.matrix("[{\"ID\":").await?),
            1 => drop(
                server
                    .matrix(json!([{"ID": 5}, "x", incident("INCIDENT_STARTED", 5)]))
                    .await?,
            ),
            _ => {}
        }
    }
    server.stop().await
}

/// What the side database leaves behind: files beside the database, schemas in it.
async fn left_behind(case: &TestDatabase, database: &Database) -> anyhow::Result<Vec<String>> {
    match case.engine {
        Engine::Sqlite => {
            let names = std::fs::read_dir(case.folder())?;
            let names = names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            let names: Vec<String> = names.collect::<anyhow::Result<_>>()?;
            Ok(names
                .into_iter()
                .filter(|name| name.contains("rebuild"))
                .collect())
        }
        Engine::Postgres => {
            let sql = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'caretaker%'";
            rows::texts(database, sql).await
        }
    }
}

async fn any_history_of_calls_rebuilds_to_the_same_model(case: TestDatabase) -> anyhow::Result<()> {
    for seed in 1..=4 {
        let fresh = case.another().await?;
        play(&fresh, seed).await?;
        let database = Database::open(fresh.url(), 2).await?;
        let report = beside(&fresh, &database, false).await??;
        assert!(report.folded > 60, "{report:?}");
        assert_eq!((report.without_body, report.whole_from), (0, None));
        assert!(
            report.difference.is_none(),
            "seed {seed}: {:#?}",
            report.difference
        );
        assert_eq!(left_behind(&fresh, &database).await?, Vec::<String>::new());
        database.close().await;
    }
    Ok(())
}

async fn a_damaged_row_is_told_and_a_swap_mends_it(case: TestDatabase) -> anyhow::Result<()> {
    play(&case, 5).await?;
    let database = Database::open(case.url(), 2).await?;
    let sound = rows::model(&database).await?;
    let damage = [
        "UPDATE incident SET name = 'damaged', escalation_level = 0 WHERE code = '1686793261034749182'",
        "DELETE FROM note",
        "UPDATE task SET description = 'damaged' WHERE source = 'URGENT'",
        "UPDATE building SET name = 'damaged'",
    ];
    for damage in damage {
        database.writer.execute_unprepared(damage).await?;
    }
    let told = beside(&case, &database, false).await??.difference;
    let tables: Vec<&str> = told.tables.iter().map(|(table, _)| *table).collect();
    assert_eq!(tables, ["building", "incident", "task", "note"]);
    let of_incident = told
        .rows
        .iter()
        .find(|row| row.table == "incident")
        .unwrap();
    assert_eq!(of_incident.fields[0].field, "escalation_level");
    assert!(told.missing.is_empty() && told.extra.is_empty() && told.different.is_empty());

    let swapped = beside(&case, &database, true).await??;
    assert!(swapped.is_swapped);
    assert_eq!(swapped.difference.tables, told.tables);
    assert_eq!(difference(&case, &database).await?, "");
    // The very rows that were there, with all that the feed had.
    assert_eq!(rows::model(&database).await?, sound);
    database.close().await;
    Ok(())
}

async fn a_swap_keeps_what_is_there_and_appends_what_is_missing(
    case: TestDatabase,
) -> anyhow::Result<()> {
    play(&case, 6).await?;
    let server = promise::start(&case).await?;
    let before = feed::stored(&server.base, None).await?;
    let database = Database::open(case.url(), 2).await?;
    let lost = "DELETE FROM activity WHERE seq IN (SELECT seq FROM activity WHERE kind = 'INCIDENT_STARTED')";
    database.writer.execute_unprepared(lost).await?;
    let told = beside(&case, &database, false).await??.difference;
    assert!(!told.missing.is_empty());
    let kept = feed::stored(&server.base, None).await?;
    assert_eq!(kept.len() + told.missing.len(), before.len());
    let cursor = kept.last().unwrap().0.clone();

    let mut live = feed::Feed::open(&server.base, Some(&cursor)).await?;
    beside(&case, &database, true).await??;
    assert_eq!(difference(&case, &database).await?, "");
    let after = feed::stored(&server.base, None).await?;
    assert_eq!(
        after[..kept.len()],
        kept[..],
        "what the feed had keeps its numbers"
    );
    let appended = &after[kept.len()..];
    let mut ids: Vec<String> = appended.iter().map(|row| row.1.clone()).collect();
    let mut lost: Vec<String> = before
        .iter()
        .filter(|row| !kept.contains(row))
        .map(|row| row.1.clone())
        .collect();
    ids.sort();
    lost.sort();
    assert_eq!(ids, lost);
    // Who followed from the last cursor gets exactly what was appended; the cursor is still one.
    assert_eq!(live.rows(appended.len()).await?, appended);
    database.close().await;
    server.stop().await
}

async fn what_arrives_during_a_rebuild_is_in_the_swapped_model(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let events = |number: i64| {
        let work = json!({"Meta": {"TaskId": number.to_string()}});
        json!([crate::support::payload::with(
            incident("INCIDENT_CREATED_OPEN", number),
            work
        )])
    };
    for number in 1..=40 {
        server.push(events(number)).await?;
    }
    let database = Database::open(case.url(), 2).await?;
    database
        .writer
        .execute_unprepared("UPDATE incident SET name = 'damaged'")
        .await?;
    let sending = async {
        for number in 41..=120 {
            server.push(events(number)).await?;
        }
        anyhow::Ok(())
    };
    let (swapped, sent) = tokio::join!(beside(&case, &database, true), sending);
    sent?;
    assert!(swapped??.is_swapped);
    assert_eq!(difference(&case, &database).await?, "");
    let incidents = "SELECT code FROM incident WHERE name IS NULL OR name <> 'damaged'";
    assert_eq!(rows::texts(&database, incidents).await?.len(), 120);
    database.close().await;
    server.stop().await
}

async fn where_bodies_are_gone_it_says_so_and_does_not_swap(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    server
        .push(json!([incident("INCIDENT_STARTED", 300)]))
        .await?;
    let database = Database::open(case.url(), 2).await?;
    let first = "DELETE FROM delivery_body WHERE delivery_id IN
        (SELECT id FROM delivery ORDER BY received_at LIMIT 1)";
    database.writer.execute_unprepared(first).await?;
    let report = beside(&case, &database, false).await??;
    assert_eq!((report.folded, report.without_body), (1, 1));
    assert_eq!(report.difference.extra.len(), 1);
    let before = rows::model(&database).await?;
    let swap = beside(&case, &database, true).await?;
    assert!(matches!(swap, Err(RebuildError::NotWhole)), "{swap:?}");
    assert_eq!(rows::model(&database).await?, before);
    database.close().await;
    server.stop().await
}

async fn the_command_tells_by_its_exit_code(case: TestDatabase) -> anyhow::Result<()> {
    let server = Process::start(&case).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    let (code, printed, said) = run(&case, &["rebuild"]).await?;
    assert_eq!(
        (code, printed.as_str()),
        (Some(0), "1 calls folded\nno difference\n"),
        "{said}"
    );
    let database = Database::open(case.url(), 1).await?;
    database
        .writer
        .execute_unprepared("UPDATE incident SET state = 'PENDING'")
        .await?;
    let (code, printed, _) = run(&case, &["rebuild"]).await?;
    assert_eq!(code, Some(2));
    assert!(printed.contains("incident: 1 rows differ"), "{printed}");
    assert!(
        printed.contains("state: \"PENDING\" -> \"NOT_ASSIGNED\""),
        "{printed}"
    );
    let (code, printed, _) = run(&case, &["rebuild", "--swap"]).await?;
    assert_eq!(code, Some(0));
    assert!(
        printed.ends_with("the present model is now the rebuilt one\n"),
        "{printed}"
    );
    assert_eq!(run(&case, &["rebuild"]).await?.0, Some(0));
    assert_eq!(
        server.incident("state").await?,
        json!({"state": "NOT_ASSIGNED"})
    );
    database.close().await;
    server.kill().await
}

/// The ids in the timelines of all that has one, but for those of `Linked` and `Corrected` activities: they tell the story of arrival.
async fn timelines(server: &TestServer) -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let mut timelines = Vec::new();
    for list in ["buildings", "zones", "incidents", "tasks"] {
        let query = format!(
            "{{ {list}(first: 20) {{ nodes {{ id timeline(first: 100) {{ nodes {{ id kind }} }} }} }} }}"
        );
        for node in nodes(server.shows(&query).await?[list].take()) {
            let told = nodes(node["timeline"].clone()).into_iter();
            let told = told
                .filter(|activity| activity["kind"] != "LINKED" && activity["kind"] != "CORRECTED");
            let told = told.map(|activity| activity["id"].to_string());
            timelines.push((node["id"].to_string(), told.collect()));
        }
    }
    Ok(timelines)
}

async fn what_operators_did_meanwhile_rebuilds_to_the_same_model(
    case: TestDatabase,
) -> anyhow::Result<()> {
    const AT: &str = "2020-05-29T10:47:34Z";
    let map = |means| {
        Some(vec![StatusType {
            tenant: "*".to_owned(),
            status: "fertig".to_owned(),
            means,
        }])
    };
    let site = |code: &str| json!({"source": "URGENT", "tenant": TENANT, "code": code});
    let house = json!({"source": "MATRIX", "code": BUILDING});
    let link = "mutation($places: [PlaceKey!]!) { linkPlaces(places: $places) { id } }";
    let unlink = "mutation($places: [PlaceKey!]!) { unlinkPlaces(places: $places) { id } }";
    let at_site = |number: u32, code: &str| {
        let told = json!({"TaskIdentifier": guid(number), "TaskReference": number,
            "Site": {"SiteCode": code, "ParentCode": null, "Name": code}});
        with(description(), told)
    };
    let server = TestServer::start_with(&case, |config| {
        config.status_types = map(StatusTypeName::Closed);
    })
    .await?;
    let database = Database::open(case.url(), 2).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    server.tell(Call::TaskCreated, at_site(1, "S-1")).await?;
    server.tell(Call::NoteAdded, note(9, AT)).await?;
    // Named in advance, linked on, taken back: with calls between them, and about places that no call ever names.
    for (mutation, places) in [
        (link, json!([house, site("S-1"), site("S-2")])),
        (link, json!([site("NEVER"), site("NOR THIS")])),
        (unlink, json!([site("NEVER"), site("NOR THIS")])),
        (link, json!([site("S-3"), site("ONLY NAMED")])),
    ] {
        server
            .graphql(mutation, json!({ "places": places }))
            .await?;
    }
    server.tell(Call::TaskCreated, at_site(2, "S-2")).await?;
    server.tell(Call::TaskCreated, at_site(3, "S-3")).await?;
    let mut below = at_site(4, "S-1");
    below["Site"]["ParentCode"] = json!("S-3");
    server.tell(Call::TaskChanged, below).await?;
    for (mutation, places) in [
        (unlink, json!([site("S-2")])),
        (unlink, json!([site("ONLY NAMED")])),
    ] {
        server
            .graphql(mutation, json!({ "places": places }))
            .await?;
    }
    let done = with(status(5, AT, "Fertig"), json!({"TaskIdentifier": guid(1)}));
    server.tell(Call::StatusChanged, done).await?;
    // An element that went through when it was driven again, after others that were later.
    let events = json!([
        incident("INCIDENT_CREATED", 10),
        incident("INCIDENT_STARTED", 300)
    ]);
    batch::write(&database, &[as_an_older_release(&events, 1)], Utc::now()).await?;
    server
        .push(json!([incident("INCIDENT_COMPLETED", 600)]))
        .await?;
    let replay = Replay::new(database.clone(), Arc::new(Utc::now), None);
    let quarantined = Which {
        is_quarantined: true,
        ..Which::default()
    };
    replay.all(&quarantined, false, |_| Ok(())).await?;
    server.stop().await?;
    let server = TestServer::start_with(&case, |config| {
        config.status_types = map(StatusTypeName::Open);
    })
    .await?;
    assert_eq!(difference(&case, &database).await?, "");
    // What was pruned is not missing.
    let later = Utc::now() + TimeDelta::days(1);
    let pruned = prune::batch(&database, Kept::Activities, later, 3).await?;
    assert_eq!(pruned.rows, 3);
    assert_eq!(difference(&case, &database).await?, "");

    let before = (timelines(&server).await?, rows::model(&database).await?);
    beside(&case, &database, true).await??;
    let after = (timelines(&server).await?, rows::model(&database).await?);
    assert_eq!(after, before, "nothing differed, nothing changes");
    let damage = [
        "DELETE FROM activity_link",
        "UPDATE task SET name = 'damaged'",
    ];
    for damage in damage {
        database.writer.execute_unprepared(damage).await?;
    }
    let told = beside(&case, &database, true).await??.difference;
    assert!(told.unlinked > 0, "{told:?}");
    assert_eq!(difference(&case, &database).await?, "");
    // Where things had stood on the way is not told again; where they stand now is.
    let present = "SELECT name FROM building";
    let kept = rows::texts(&database, present).await?;
    assert!(!kept.contains(&"NEVER".to_owned()), "{kept:?}");
    let shown = timelines(&server).await?;
    assert_eq!(shown, before.0);
    database.close().await;
    server.stop().await
}

/// A call as a release stored it that took its body for another one.
fn misread(operation: Operation, body: &Value, taken_for: &Value) -> Delivery {
    let read = |body: &Value| {
        let proven = Proven {
            credential: "bus".to_owned(),
            position: 0,
            signed_at: None,
            signed_time: None,
        };
        receive::delivery(operation, proven, body.to_string().into_bytes(), Utc::now()).0
    };
    let (mut delivery, other) = (read(body), read(taken_for));
    let ids: Vec<_> = delivery
        .content
        .facts
        .iter()
        .map(|(_, fact)| fact.id)
        .collect();
    let taken = other.content.facts.into_iter().zip(ids);
    let taken = taken.map(|((element, fact), id)| {
        let fact = Fact {
            id,
            ..Fact::clone(&fact)
        };
        (element, Arc::new(fact))
    });
    delivery.content.facts = taken.collect();
    delivery
}

async fn a_swap_takes_the_timelines_of_what_it_moves_along(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 2).await?;
    migrate::up(&database).await?;
    let reported = json!([incident("INCIDENT_CREATED_OPEN", 0)]);
    let inside = json!({"ExternalIdentifier": WORK,
        "Site": {"SiteCode": "ROOM", "ParentCode": "HOUSE", "Name": "Room"}});
    let alone = json!({"Site": {"SiteCode": "ROOM", "Name": "Room"}});
    let (created, taken_for) = (with(description(), inside), with(description(), alone));
    let noted = note(1, "2020-05-29T10:47:34Z");
    for (operation, body, taken_for) in [
        (Operation::Events, &reported, &reported),
        (Operation::TaskCreated, &created, &taken_for),
        (Operation::NoteAdded, &noted, &noted),
    ] {
        let delivery = misread(operation, body, taken_for);
        batch::write(&database, &[delivery], Utc::now()).await?;
    }
    let server = TestServer::start(&case).await?;
    let ask = "{ buildings { nodes { name timeline(kinds: [TASK_CREATED, NOTE_ADDED]) { nodes { kind } } } }
        zones(filter: {source: {eq: URGENT}}) { nodes { timeline(kinds: [TASK_CREATED, NOTE_ADDED]) { nodes { kind } } } }
        incidents { nodes { timeline(kinds: [TASK_CREATED, NOTE_ADDED]) { nodes { kind } } workOrders { totalCount } } } }";
    let before = server.shows(ask).await?;
    assert_eq!(words(&before["buildings"], "name"), ["Room", BUILDING]);
    let cursor = feed::stored(&server.base, None).await?.pop().unwrap().0;

    let told = beside(&case, &database, true).await??.difference;
    assert!(!told.is_none());
    assert_eq!(difference(&case, &database).await?, "");
    let both = json!([{"kind": "TASK_CREATED"}, {"kind": "NOTE_ADDED"}]);
    let after = server.shows(ask).await?;
    assert_eq!(words(&after["buildings"], "name"), ["HOUSE", BUILDING]);
    assert_eq!(after["buildings"]["nodes"][0]["timeline"]["nodes"], both);
    assert_eq!(after["zones"]["nodes"][0]["timeline"]["nodes"], both);
    let of_incident = &after["incidents"]["nodes"][0];
    assert_eq!(of_incident["timeline"]["nodes"], both);
    assert_eq!(of_incident["workOrders"]["totalCount"], 1);
    // Who follows is told: of the site, and of the incident that the task has now.
    let query = "query($after: String) { activities(after: $after) { nodes {
        kind building { name } incident { code } changes { field } } } }";
    let data = server.graphql(query, json!({ "after": cursor })).await?;
    let mut linked = nodes(data["activities"].clone());
    linked.retain(|row| row["kind"] == "LINKED");
    linked.sort_by_key(|row| row["incident"].is_object());
    assert_eq!(linked.len(), 2, "{linked:?}");
    assert_eq!(linked[0]["incident"], Value::Null);
    assert_eq!(linked[0]["building"]["name"], "HOUSE");
    assert_eq!(linked[1]["incident"], json!({"code": WORK}));
    let fields = linked[1]["changes"].as_array().unwrap();
    assert!(
        fields.contains(&json!({"field": "incidentId"})),
        "{fields:?}"
    );
    database.close().await;
    server.stop().await
}

async fn bytes_with_another_hash_are_told_and_keep_a_swap_from_being_done(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    server
        .push(json!([incident("INCIDENT_CREATED_OPEN", 0)]))
        .await?;
    let database = Database::open(case.url(), 2).await?;
    let forged = json!([incident("INCIDENT_COMPLETED", 600)]).to_string();
    let forge = match case.engine {
        Engine::Sqlite => format!("UPDATE delivery_body SET body = CAST('{forged}' AS BLOB)"),
        Engine::Postgres => {
            format!("UPDATE delivery_body SET body = convert_to('{forged}', 'UTF8')")
        }
    };
    database.writer.execute_unprepared(&forge).await?;
    let report = beside(&case, &database, false).await??;
    assert_eq!((report.folded, report.damaged.len()), (0, 1));
    let before = rows::model(&database).await?;
    let swap = beside(&case, &database, true).await?;
    assert!(
        matches!(&swap, Err(RebuildError::Damaged(ids)) if *ids == report.damaged),
        "{swap:?}"
    );
    assert_eq!(rows::model(&database).await?, before);
    let (code, printed, _) = run(&case, &["rebuild"]).await?;
    assert_eq!(code, Some(2));
    assert!(
        printed.contains("1 kept calls have another body than the one that came"),
        "{printed}"
    );
    database.close().await;
    server.stop().await
}

async fn what_a_killed_rebuild_left_is_removed_by_the_next_one(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    server.stop().await?;
    let database = Database::open(case.url(), 2).await?;
    // One that runs is left alone.
    let running = Side::create(&database, case.url()).await?;
    let of_running = left_behind(&case, &database).await?;
    let left = match case.engine {
        Engine::Sqlite => {
            for ending in ["", "-wal", ".lock"] {
                let name = format!("caretaker.db.rebuild-0123456789ab{ending}");
                std::fs::write(case.folder().join(name), "")?;
            }
            "caretaker.db.rebuild-0123456789ab"
        }
        Engine::Postgres => {
            let schema = "CREATE SCHEMA caretaker_rebuild_0123456789ab;
                CREATE TABLE caretaker_rebuild_0123456789ab.task (id bigint);
                CREATE SCHEMA caretaker_rebuild_of_somebody";
            database.writer.execute_unprepared(schema).await?;
            "caretaker_rebuild_0123456789ab"
        }
    };
    let (code, printed, said) = run(&case, &["rebuild"]).await?;
    assert_eq!(code, Some(0), "{said}");
    let line = printed.lines().next().unwrap_or_default();
    assert!(
        line.starts_with("removed ") && line.contains(left),
        "{printed}"
    );
    assert!(line.ends_with(", which a rebuild that was killed had left behind"));
    let mut left = left_behind(&case, &database).await?;
    left.retain(|name| name != "caretaker_rebuild_of_somebody");
    left.sort();
    let mut expected = of_running;
    expected.sort();
    assert_eq!(left, expected);
    running.remove(&database).await;
    database.close().await;
    Ok(())
}

async fn a_swap_forgets_earlier_times_only_where_it_changes_what_activities_tell(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let known = Utc::now();
    let reported = json!([
        incident("INCIDENT_CREATED", 0),
        incident("INCIDENT_STARTED", 300)
    ]);
    server.push(reported).await?;
    let database = Database::open(case.url(), 2).await?;
    let by = format!("matrix: {{building: \"{BUILDING}\", taskId: \"{WORK}\"}}");
    let earlier = format!(
        "{{ incident(by: {{{by}}}, asOf: \"{}\") {{ code }} }}",
        known.to_rfc3339()
    );
    // What follows from the rest of a row, and from the texts.
    let derived = [
        "UPDATE incident SET sla_due_at = NULL, sla_miss_at = NULL, sla_risk_at = NULL",
        "UPDATE zone SET open_incident_count = 7",
        "UPDATE search SET words = 'damaged'",
    ];
    for damage in derived {
        database.writer.execute_unprepared(damage).await?;
    }
    let told = beside(&case, &database, true).await??.difference;
    assert_eq!(told.tables.len(), 3, "{told:?}");
    let shown = server.shows(&earlier).await?;
    assert_eq!(shown, json!({"incident": null}), "it was not known yet");

    // An activity that the feed lacks, of which every row tells all the same.
    let lost = "DELETE FROM activity WHERE kind = 'INCIDENT_REPORTED'";
    database.writer.execute_unprepared(lost).await?;
    let told = beside(&case, &database, true).await??.difference;
    assert_eq!((told.tables.len(), told.missing.len()), (0, 1), "{told:?}");
    let answer = server.ask(&earlier, json!({})).await?.json()?;
    let error = &answer["errors"][0]["extensions"]["code"];
    assert_eq!(error, "HISTORY_PRUNED", "{answer}");
    database.close().await;
    server.stop().await
}
