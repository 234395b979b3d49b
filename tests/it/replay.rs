//! Kept calls driven again: by the mutation, by the command, and by a repeat of the same call.

use std::sync::Arc;

use caretaker::domain::database::Database;
use caretaker::domain::delivery::read::Which;
use caretaker::domain::delivery::{Delivery, Misfit};
use caretaker::domain::{batch, migrate};
use caretaker::ingest::proof::Proven;
use caretaker::ingest::receive;
use caretaker::operate::prune::{self, Ages};
use caretaker::operate::replay::{Replay, Report, Verdict};
use chrono::{TimeDelta, Utc};
use entity::Operation;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::promise;
use crate::support::case::on_each_engine;
use crate::support::feed::{self, Feed};
use crate::support::look::nodes;
use crate::support::payload::{incident, with};
use crate::support::process::{command, run};
use crate::support::rows;
use crate::support::{Case, Process, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        an_element_that_goes_through_now_leaves_the_quarantine,
        a_dry_run_tells_what_would_change_and_changes_nothing,
        a_repeat_that_goes_better_resolves_what_was_quarantined,
        what_went_through_stays_through_when_another_release_reads_it_otherwise,
        what_moves_with_its_site_is_told_too,
        a_call_whose_bytes_are_gone_says_so,
        a_mutation_runs_over_a_socket_but_not_over_get,
        driving_everything_again_changes_nothing,
        the_command_lists_shows_and_drives_calls_beside_a_running_server,
        an_element_that_the_database_refuses_goes_through_once_it_does_not,
        a_dry_run_of_many_calls_counts_what_then_happens,
        a_call_that_was_pruned_meanwhile_is_not_brought_back,
        an_element_with_several_faults_is_one_in_quarantine,
        an_answer_shows_a_hundred_rows_and_counts_all,
        a_reader_that_goes_away_ends_a_command_quietly,
        what_a_zone_comes_to_is_told_too,
    ]
}

/// Three events, of which an older release understood only the first.
fn batch_of_three() -> Value {
    json!([
        incident("INCIDENT_CREATED_OPEN", 0),
        incident("INCIDENT_STARTED", 300),
        incident("INCIDENT_COMPLETED", 600),
    ])
}

/// The call as an older release stored it: what it did not understand stands in quarantine.
pub fn as_an_older_release(body: &Value, understood: usize) -> Delivery {
    let proven = Proven {
        credential: "bus".to_owned(),
        position: 0,
        signed_at: None,
        signed_time: None,
    };
    let body = body.to_string().into_bytes();
    let (mut delivery, _) = receive::delivery(Operation::Events, proven, body, Utc::now());
    let lost = delivery.content.facts.split_off(understood);
    let misfit = |(element, _)| Misfit {
        element: Some(element),
        path: format!("$[{element}].Event"),
        reason: "An older release did not know it.".to_owned(),
        content: "{}".to_owned(),
    };
    delivery.content.misfits = lost.into_iter().map(misfit).collect();
    delivery
}

async fn stored_by_an_older_release(case: &TestDatabase) -> anyhow::Result<Database> {
    let database = Database::open(case.url(), 1).await?;
    migrate::up(&database).await?;
    let delivery = as_an_older_release(&batch_of_three(), 1);
    batch::write(&database, &[delivery], Utc::now()).await?;
    Ok(database)
}

const REPLAY: &str = "mutation($id: ID!, $dry: Boolean!) { replayDelivery(id: $id, dryRun: $dry) {
    isDryRun outcome applied resolved quarantined
    delivery { outcome duplicates quarantinedCount receivedCount problem quarantine { nodes { element resolvedAt } } }
    changes { table verdict fields { field from to } } } }";

async fn replay(server: &TestServer, dry: bool) -> anyhow::Result<Value> {
    let id = server.deliveries("id").await?[0]["id"].clone();
    let mut data = server
        .graphql(REPLAY, json!({ "id": id, "dry": dry }))
        .await?;
    Ok(data["replayDelivery"].take())
}

/// What changed, as `table verdict`, each once.
fn tables(told: &Value) -> Vec<String> {
    let changes = told["changes"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let mut told: Vec<String> = changes
        .map(|change| format!("{} {}", word(&change["table"]), word(&change["verdict"])))
        .collect();
    told.dedup();
    told
}

async fn an_element_that_goes_through_now_leaves_the_quarantine(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = stored_by_an_older_release(&case).await?;
    let server = TestServer::start(&case).await?;
    assert_eq!(
        server.incident("state").await?,
        json!({"state": "NOT_ASSIGNED"})
    );
    let told = replay(&server, false).await?;
    let shown = ["outcome", "applied", "resolved", "quarantined", "isDryRun"];
    let shown = shown.map(|field| told[field].clone());
    assert_eq!(json!(shown), json!(["APPLIED", 2, 2, 0, false]));
    let delivery = &told["delivery"];
    assert_eq!(delivery["outcome"], "APPLIED");
    assert_eq!(delivery["duplicates"], 0);
    assert_eq!(delivery["quarantinedCount"], 0);
    assert_eq!(delivery["receivedCount"], 1);
    assert_eq!(delivery["problem"], Value::Null);
    let elements = nodes(delivery["quarantine"].clone());
    assert_eq!(elements.len(), 2);
    assert!(
        elements
            .iter()
            .all(|element| element["resolvedAt"].is_string())
    );
    assert_eq!(
        server.incident("state").await?,
        json!({"state": "COMPLETED"})
    );
    let kinds = [
        "INCIDENT_REPORTED",
        "INCIDENT_STARTED",
        "INCIDENT_COMPLETED",
    ];
    assert_eq!(server.kinds().await?, kinds);
    // From the activity to the call that caused it.
    let feed = server.feed("delivery { outcome }").await?;
    assert_eq!(feed[2], json!({"delivery": {"outcome": "APPLIED"}}));

    let before = rows::model(&database).await?;
    let again = replay(&server, false).await?;
    assert_eq!(json!([again["applied"], again["changes"]]), json!([0, []]));
    assert_eq!(rows::model(&database).await?, before);
    database.close().await;
    server.stop().await
}

async fn a_dry_run_tells_what_would_change_and_changes_nothing(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = stored_by_an_older_release(&case).await?;
    let server = TestServer::start(&case).await?;
    let before = rows::model(&database).await?;
    let told = replay(&server, true).await?;
    assert_eq!(told["isDryRun"], true);
    assert_eq!(json!([told["applied"], told["resolved"]]), json!([2, 2]));
    // What would become of it beside what it is.
    assert_eq!(told["outcome"], "APPLIED");
    assert_eq!(told["delivery"]["outcome"], "PARTLY_QUARANTINED");
    let expected = [
        "delivery CHANGED",
        "incident CHANGED",
        "quarantine CHANGED",
        // They are set by the same events, to what they were.
        "site CHANGED",
        "task CHANGED",
        "zone CHANGED",
    ];
    assert_eq!(tables(&told), expected);
    let changes = told["changes"].as_array().unwrap();
    let of_incident = changes.iter().find(|change| change["table"] == "incident");
    let fields = of_incident.unwrap()["fields"].as_array().unwrap();
    let state = fields.iter().find(|change| change["field"] == "state");
    let expected = json!({"field": "state", "from": "NOT_ASSIGNED", "to": "COMPLETED"});
    assert_eq!(state.unwrap(), &expected);
    assert_eq!(rows::model(&database).await?, before);
    // What it told is what then happens.
    let done = replay(&server, false).await?;
    assert_eq!(tables(&done), tables(&told));
    database.close().await;
    server.stop().await
}

async fn a_repeat_that_goes_better_resolves_what_was_quarantined(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = stored_by_an_older_release(&case).await?;
    let server = TestServer::start(&case).await?;
    server.push(batch_of_three()).await?;
    let shown = "outcome events duplicates quarantinedCount receivedCount quarantine { nodes { resolvedAt } }";
    let deliveries = server.deliveries(shown).await?;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0]["outcome"], "APPLIED");
    assert_eq!(deliveries[0]["events"], 3);
    assert_eq!(deliveries[0]["duplicates"], 0);
    assert_eq!(deliveries[0]["receivedCount"], 2);
    let elements = nodes(deliveries[0]["quarantine"].clone());
    assert!(
        elements
            .iter()
            .all(|element| element["resolvedAt"].is_string())
    );
    database.close().await;
    server.stop().await
}

async fn what_went_through_stays_through_when_another_release_reads_it_otherwise(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    server.push(batch_of_three()).await?;
    let before = rows::model(&database).await?;
    let older = as_an_older_release(&batch_of_three(), 1);
    batch::write(&database, &[older], Utc::now()).await?;
    assert_eq!(rows::model(&database).await?, before);
    let shown = server
        .deliveries("outcome quarantinedCount receivedCount")
        .await?;
    let expected = json!({"outcome": "APPLIED", "quarantinedCount": 0, "receivedCount": 2});
    assert_eq!(shown, [expected]);
    database.close().await;
    server.stop().await
}

async fn what_moves_with_its_site_is_told_too(case: TestDatabase) -> anyhow::Result<()> {
    use crate::support::client::Call;
    use crate::support::payload::{description, guid};
    let server = TestServer::start(&case).await?;
    let at = |number: u32, site: Value| {
        let id = json!({"TaskIdentifier": guid(number), "TaskReference": number, "Site": site});
        with(description(), id)
    };
    let lone = json!({"SiteCode": "ROOM", "Name": "Room"});
    server.tell(Call::TaskCreated, at(1, lone)).await?;
    let inside = json!({"SiteCode": "ROOM", "ParentCode": "HOUSE", "Name": "Room"});
    server.tell(Call::TaskCreated, at(2, inside)).await?;
    server.stop().await?;

    // Only the first call's effect is left, as if the second had been quarantined.
    let fresh = case.another().await?;
    let (kept, database) = (
        Database::open(case.url(), 1).await?,
        Database::open(fresh.url(), 1).await?,
    );
    migrate::up(&database).await?;
    use caretaker::domain::delivery::read;
    let mut calls = read::page(&kept.readers, &Which::default(), None, 10).await?;
    let mut bodies = read::bodies(&kept.readers, &[calls[1].id]).await?;
    let mut second = receive::again(&calls[1], bodies.pop().unwrap().body);
    let mut bodies = read::bodies(&kept.readers, &[calls[0].id]).await?;
    let first = receive::again(&calls.remove(0), bodies.pop().unwrap().body);
    second.content.facts.clear();
    second.content.misfits.push(Misfit {
        element: None,
        path: "$".to_owned(),
        reason: "An older release did not know it.".to_owned(),
        content: "{}".to_owned(),
    });
    batch::write(&database, &[first, second.clone()], Utc::now()).await?;

    let replay = Replay::new(database.clone(), Arc::new(Utc::now), None);
    let report = replay.one(second.id, true).await?.unwrap();
    let Verdict::Driven(again) = report.verdict else {
        panic!("{:?}", report.verdict)
    };
    let moved = again.rows.iter().filter(|row| row.table == "task");
    let moved: Vec<_> = moved
        .map(|row| {
            (
                row.verdict,
                row.fields.iter().any(|f| f.field == "building_id"),
            )
        })
        .collect();
    // The task of the first call moves to the house although no fact speaks of it.
    use caretaker::domain::row::RowVerdict::{Added, Changed};
    assert_eq!(moved.len(), 2, "{:?}", again.rows);
    assert!(
        moved.contains(&(Changed, true)) && moved.contains(&(Added, true)),
        "{moved:?}"
    );
    kept.close().await;
    database.close().await;
    Ok(())
}

async fn a_call_whose_bytes_are_gone_says_so(case: TestDatabase) -> anyhow::Result<()> {
    let database = stored_by_an_older_release(&case).await?;
    let server = TestServer::start(&case).await?;
    let id = server.deliveries("id").await?[0]["id"].clone();
    database
        .writer
        .execute_unprepared("DELETE FROM delivery_body")
        .await?;
    let answer = server
        .ask(REPLAY, json!({ "id": id, "dry": false }))
        .await?;
    let error = &answer.json()?["errors"][0];
    assert_eq!(error["extensions"]["code"], "HISTORY_PRUNED");
    let unknown = server
        .ask(REPLAY, json!({ "id": "x", "dry": false }))
        .await?;
    assert_eq!(
        unknown.json()?["errors"][0]["extensions"]["code"],
        "BAD_INPUT"
    );
    database.close().await;
    server.stop().await
}

async fn a_mutation_runs_over_a_socket_but_not_over_get(case: TestDatabase) -> anyhow::Result<()> {
    let database = stored_by_an_older_release(&case).await?;
    let server = TestServer::start(&case).await?;
    let id = server.deliveries("id").await?[0]["id"].clone();
    let query = format!("mutation {{ replayDelivery(id: {id}) {{ applied }} }}");
    let mut address = reqwest::Url::parse(&server.url("/graphql"))?;
    address.query_pairs_mut().append_pair("query", &query);
    let over_get = server.http.get(address).send().await?;
    assert_eq!(over_get.status().as_u16(), 405);
    assert_eq!(server.kinds().await?, ["INCIDENT_REPORTED"]);

    let mut live = server.live().await?;
    live.subscribe("1", &query, json!({})).await?;
    let told = live.next().await?;
    assert_eq!(told, json!({"replayDelivery": {"applied": 2}}));
    database.close().await;
    server.stop().await
}

async fn driving_everything_again_changes_nothing(case: TestDatabase) -> anyhow::Result<()> {
    let server = promise::start(&case).await?;
    for group in promise::disorder(&promise::calls(), 7) {
        for call in &group {
            promise::send(&server, call).await?;
        }
    }
    server.stop().await?;
    let database = Database::open(case.url(), 1).await?;
    let deliveries =
        "SELECT outcome || duplicates || quarantined || received_count FROM delivery ORDER BY id";
    let before = (
        rows::model(&database).await?,
        rows::texts(&database, deliveries).await?,
    );
    let replay = Replay::new(database.clone(), Arc::new(Utc::now), None);
    for is_rehearsal in [true, false] {
        let mut driven = 0;
        let check = |report: &Report| {
            let Verdict::Driven(again) = &report.verdict else {
                panic!("{:?}", report.verdict)
            };
            driven += 1;
            assert!(
                again.rows.is_empty() && again.activities.is_empty() && again.linked == 0,
                "{again:?}"
            );
            Ok(())
        };
        replay.all(&Which::default(), is_rehearsal, check).await?;
        assert!(driven >= 60, "{driven}");
        let after = (
            rows::model(&database).await?,
            rows::texts(&database, deliveries).await?,
        );
        assert_eq!(before, after);
    }
    database.close().await;
    Ok(())
}

async fn the_command_lists_shows_and_drives_calls_beside_a_running_server(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = stored_by_an_older_release(&case).await?;
    database.close().await;
    let server = Process::start(&case).await?;
    let mut live = Feed::open(&server.base, None).await?;
    live.heartbeat().await?;

    let (code, listed, _) = run(&case, &["deliveries", "list", "--quarantined"]).await?;
    assert_eq!(code, Some(0));
    assert!(
        listed.contains("PARTLY_QUARANTINED  1 of 3 events, 2 in quarantine"),
        "{listed}"
    );
    let id = listed.split_whitespace().next().unwrap().to_owned();
    let none = ["deliveries", "list", "--source", "urgent", "--since", "7d"];
    assert_eq!(run(&case, &none).await?.1, "");

    let (_, shown, _) = run(&case, &["deliveries", "show", &id]).await?;
    assert!(shown.contains("credential  bus"), "{shown}");
    assert!(
        shown.contains("$[1].Event: An older release did not know it."),
        "{shown}"
    );
    let (_, body, _) = run(&case, &["deliveries", "show", &id, "--body"]).await?;
    assert_eq!(body, batch_of_three().to_string());

    let (code, _, said) = run(&case, &["deliveries", "replay"]).await?;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("name the deliveries, or give a filter"),
        "{said}"
    );
    let (code, dry, _) = run(&case, &["deliveries", "replay", &id, "--dry-run"]).await?;
    assert_eq!(code, Some(0));
    assert!(
        dry.contains("state: \"NOT_ASSIGNED\" -> \"COMPLETED\""),
        "{dry}"
    );
    assert!(dry.ends_with("(nothing was changed)\n"), "{dry}");
    let window = [
        "deliveries",
        "replay",
        "--outcome",
        "partly-quarantined",
        "--since",
        "1h",
    ];
    let (code, done, _) = run(&case, &window).await?;
    assert_eq!(code, Some(0));
    let sum =
        "1 deliveries driven again: 2 events news, 2 elements out of quarantine, 0 left in it\n";
    assert!(done.ends_with(sum), "{done}");

    // The feed of the server beside it wakes.
    let told = live.rows(2).await?;
    assert_eq!(told, feed::stored(&server.base, None).await?[1..]);
    server.kill().await
}

async fn an_element_that_the_database_refuses_goes_through_once_it_does_not(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    // A fault of the schema that an upgrade would mend.
    database
        .writer
        .execute_unprepared("CREATE UNIQUE INDEX fault ON incident (name) WHERE name = 'twice'")
        .await?;
    let named = |second, task: &str| {
        let meta = json!({"Meta": {"TaskId": task, "Name": "twice"}});
        with(incident("INCIDENT_STARTED", second), meta)
    };
    server.push(json!([named(300, "1")])).await?;
    server
        .push(json!([incident("INCIDENT_CREATED", 0), named(400, "2")]))
        .await?;
    let refused = json!({"outcome": "PARTLY_QUARANTINED", "quarantinedCount": 1});
    let ask = "outcome quarantinedCount";
    assert!(server.deliveries(ask).await?.contains(&refused));

    let replay = Replay::new(database.clone(), Arc::new(Utc::now), None);
    let which = Which {
        is_quarantined: true,
        ..Which::default()
    };
    let told = async |is_rehearsal: bool| -> anyhow::Result<Vec<Verdict>> {
        let mut told = Vec::new();
        let tell = |report: &Report| {
            told.push(report.verdict.clone());
            Ok(())
        };
        replay.all(&which, is_rehearsal, tell).await?;
        Ok(told)
    };
    // Still refused: it stays where it is. A dry run says just that.
    let would = told(true).await?;
    let done = told(false).await?;
    for told in [&would, &done] {
        assert!(
            matches!(&told[..], [Verdict::PartlyRefused(receipt)] if receipt.quarantined == 1),
            "{told:?}"
        );
    }
    let (Verdict::PartlyRefused(would), Verdict::PartlyRefused(done)) = (&would[0], &done[0])
    else {
        panic!()
    };
    assert_eq!(would, done);
    assert!(server.deliveries(ask).await?.contains(&refused));
    database
        .writer
        .execute_unprepared("DROP INDEX fault")
        .await?;
    let told = told(false).await?;
    assert!(
        matches!(&told[..], [Verdict::Driven(again)] if (again.receipt.applied, again.receipt.resolved) == (1, 1)),
        "{told:?}"
    );
    let expected = json!({"outcome": "APPLIED", "quarantinedCount": 0});
    assert!(server.deliveries(ask).await?.contains(&expected));
    database.close().await;
    server.stop().await
}

/// Calls of which each tells the same three events, of which an older release understood one, and one of its own.
async fn many_of_an_older_release(database: &Database, calls: usize) -> anyhow::Result<()> {
    for number in 0..calls {
        let mut events = batch_of_three();
        let own = i64::try_from(number)?;
        let own = incident("INCIDENT_ESCALATED", 1000 + own);
        events.as_array_mut().unwrap().push(own);
        let delivery = as_an_older_release(&events, 1);
        batch::write(database, &[delivery], Utc::now()).await?;
    }
    Ok(())
}

async fn a_dry_run_of_many_calls_counts_what_then_happens(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    migrate::up(&database).await?;
    // More than one hold of the lock takes.
    many_of_an_older_release(&database, 25).await?;
    let line = |printed: &str| printed.lines().last().unwrap_or_default().to_owned();
    let all = ["deliveries", "replay", "--quarantined"];
    let before = rows::model(&database).await?;
    let (code, dry, _) = run(&case, &[&all[..], &["--dry-run"]].concat()).await?;
    assert_eq!(code, Some(0));
    assert_eq!(rows::model(&database).await?, before);
    let (_, done, _) = run(&case, &all).await?;
    let counts = |line: String| -> Vec<String> {
        let words = line.split_whitespace();
        let numbers = words.filter(|word| word.chars().all(|letter| letter.is_ascii_digit()));
        numbers.map(str::to_owned).collect()
    };
    // Two events that all of them tell, and one of each.
    assert_eq!(counts(line(&done)), ["25", "27", "75", "0"], "{done}");
    assert_eq!(counts(line(&dry)), ["25", "27", "75", "0"], "{dry}");
    database.close().await;
    Ok(())
}

async fn a_call_that_was_pruned_meanwhile_is_not_brought_back(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = stored_by_an_older_release(&case).await?;
    // Read and decoded by a replay that then waits for the lock.
    let delivery = as_an_older_release(&batch_of_three(), 3);
    let ages = Ages {
        quarantined: Some(TimeDelta::days(1)),
        ..Ages::default()
    };
    prune::run(&database, &ages, Utc::now() + TimeDelta::days(2)).await?;
    let before = rows::model(&database).await?;
    assert!(
        batch::replay(&database, &delivery, Utc::now())
            .await?
            .is_none()
    );
    assert_eq!(rows::model(&database).await?, before);
    let kept = rows::texts(&database, "SELECT outcome FROM delivery").await?;
    assert_eq!(kept, Vec::<String>::new());
    database.close().await;
    Ok(())
}

async fn an_element_with_several_faults_is_one_in_quarantine(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    migrate::up(&database).await?;
    let mut delivery = as_an_older_release(&batch_of_three(), 2);
    let again = delivery.content.misfits[0].clone();
    delivery.content.misfits.push(again);
    let receipts = batch::write(&database, &[delivery], Utc::now()).await?;
    assert_eq!(receipts[0].quarantined, 1);
    let server = TestServer::start(&case).await?;
    let shown = server
        .deliveries("events quarantinedCount quarantine { totalCount }")
        .await?;
    let expected = json!({"events": 3, "quarantinedCount": 1, "quarantine": {"totalCount": 1}});
    assert_eq!(shown, [expected]);
    database.close().await;
    server.stop().await
}

async fn an_answer_shows_a_hundred_rows_and_counts_all(case: TestDatabase) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    migrate::up(&database).await?;
    let long = "x".repeat(5_000);
    let named = |number: i64| {
        let meta = json!({"Meta": {"TaskId": number.to_string(), "Name": long}});
        with(incident("INCIDENT_CREATED", number), meta)
    };
    let events: Value = (0..150).map(named).collect();
    let delivery = as_an_older_release(&events, 1);
    batch::write(&database, &[delivery], Utc::now()).await?;
    let server = TestServer::start(&case).await?;
    let id = server.deliveries("id").await?[0]["id"].clone();
    let ask = "mutation($id: ID!) { replayDelivery(id: $id) {
        applied changeCount linkedCount changes { fields { from to } } } }";
    let told = server.graphql(ask, json!({ "id": id })).await?;
    let told = &told["replayDelivery"];
    assert_eq!(told["applied"], 149);
    assert_eq!(told["linkedCount"], 0);
    let shown = told["changes"].as_array().unwrap();
    assert_eq!(shown.len(), 100);
    let count = told["changeCount"].as_u64().unwrap();
    assert!(count > 298, "{count}");
    let values = shown
        .iter()
        .flat_map(|row| row["fields"].as_array().unwrap());
    let texts = values.filter_map(|change| change["to"].as_str());
    assert_eq!(texts.map(|text| text.chars().count()).max(), Some(1001));
    database.close().await;
    server.stop().await
}

async fn a_reader_that_goes_away_ends_a_command_quietly(case: TestDatabase) -> anyhow::Result<()> {
    let database = stored_by_an_older_release(&case).await?;
    database.close().await;
    for arguments in [
        &["deliveries", "list"][..],
        &["deliveries", "replay", "--quarantined", "--dry-run"],
        &["prune", "--dry-run", "--bodies-days", "1"],
        &["rebuild"],
    ] {
        let mut child = command(case.folder())
            .args(arguments)
            .args(["--database-url", case.url()])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()?;
        drop(child.stdout.take());
        let output = child.wait_with_output().await?;
        let said = String::from_utf8(output.stderr)?;
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    }
    Ok(())
}

async fn what_a_zone_comes_to_is_told_too(case: TestDatabase) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    migrate::up(&database).await?;
    // What comes later names no zone: nothing else of the zone changes.
    let nowhere = |mut event: Value| {
        let meta = event["Meta"].as_object_mut().unwrap();
        meta.retain(|name, _| !name.starts_with("Zone"));
        event
    };
    let [first, started, ended] = [0, 1, 2].map(|nth| batch_of_three()[nth].clone());
    let events = json!([first, nowhere(started), nowhere(ended)]);
    let delivery = as_an_older_release(&events, 1);
    batch::write(&database, std::slice::from_ref(&delivery), Utc::now()).await?;
    let replay = Replay::new(database.clone(), Arc::new(Utc::now), None);
    for is_rehearsal in [true, false] {
        let report = replay.one(delivery.id, is_rehearsal).await?.unwrap();
        let Verdict::Driven(again) = report.verdict else {
            panic!("{:?}", report.verdict)
        };
        let zone = again.rows.iter().find(|row| row.table == "zone");
        let fields = zone.map(|row| {
            let field = |field: &caretaker::domain::row::FieldChange| {
                (field.field, field.from.clone(), field.to.clone())
            };
            row.fields.iter().map(field).collect::<Vec<_>>()
        });
        // The incident in it ended.
        let expected = vec![("open_incident_count", json!(1), json!(0))];
        assert_eq!(fields, Some(expected), "{:?}", again.rows);
    }
    database.close().await;
    Ok(())
}
