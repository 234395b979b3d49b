//! The model folded once more from the kept calls: the same, whatever the history; and what happens where it is not.

use std::sync::Arc;

use caretaker::domain::database::Database;
use caretaker::domain::rebuild::Side;
use caretaker::domain::writer::Clock;
use caretaker::operate::rebuild::{self, RebuildError, Report};
use chrono::Utc;
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::promise;
use crate::support::case::on_each_engine;
use crate::support::feed;
use crate::support::payload::incident;
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
    ]
}

async fn beside(
    case: &TestDatabase,
    database: &Database,
    swap: bool,
) -> anyhow::Result<Result<Report, RebuildError>> {
    let side = Side::create(database, case.url()).await?;
    let clock: Clock = Arc::new(Utc::now);
    let report = rebuild::run(database, &side, &clock, swap).await;
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
