//! P1: what was acknowledged is there after a `kill -9`, and sending everything again changes nothing. P4 beside it: a
//! subscriber that comes back each time holds exactly what the database holds.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use caretaker::config::Config;
use caretaker::domain::database::Database;
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::support::case::{on_each_engine, on_postgres};
use crate::support::event::incident;
use crate::support::feed::{Feed, Row, stored};
use crate::support::front::Front;
use crate::support::postgres::Cluster;
use crate::support::process::{command, data_dir};
use crate::support::rows::{model, texts};
use crate::support::{Case, Engine, Process, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    let mut tests = on_each_engine![what_was_acknowledged_outlives_kills_and_repeats];
    tests.extend(on_postgres![
        a_restart_of_the_database_costs_answers_but_no_acknowledged_event,
        an_outage_of_the_database_and_its_end_are_logged_once,
    ]);
    tests
}

/// Within this the case is over: before the runner's own deadline, which cannot say what was waited for.
const WHOLE: Duration = Duration::from_secs(170);

/// How often the server is killed.
const KILLS: usize = 3;

async fn what_was_acknowledged_outlives_kills_and_repeats(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let stage = Cell::new("the start");
    let outcome = tokio::time::timeout(WHOLE, kill_and_repeat(&database, &stage)).await;
    let outcome = outcome.with_context(|| format!("waited in vain for {}", stage.get()));
    outcome.flatten().with_context(|| {
        let log = std::fs::read_to_string(database.folder().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.len().saturating_sub(30);
        format!("the last of the log:\n{}", lines[last..].join("\n"))
    })
}

async fn kill_and_repeat(
    database: &TestDatabase,
    stage: &Cell<&'static str>,
) -> anyhow::Result<()> {
    let front = Front::open().await?;
    let mut server = Process::start(database).await?;
    front.lead_to(&server.base)?;
    // A cursor to begin with: a subscriber that has none yet cannot come back to anything.
    let mut first = Feed::open(&server.base, None).await?;
    // What is sent before the stream has begun is not in it.
    first.heartbeat().await?;
    let sent = server.matrix(json!([incident("b", 0, 0)])).await?;
    assert_eq!(sent.status, 200, "{sent}");
    let before = first.rows(1).await?;
    let (tip, tips) = watch::channel(None);
    // Not by the front: the guard of the API admits only callers that name the server's own port.
    let (base, bases) = watch::channel(server.base.clone());
    let reading = tokio::spawn(read_to_the_end(bases, before, tips));

    let record = database.folder().join("record.jsonl");
    let story = ["--duplicate", "0.1", "--shuffle", "0.2", "--bad", "0.02"];
    let mut told = simulate(database, &front.base())
        .args(["--events", "400", "--batch", "3", "--seed", "7"])
        .args(story)
        .arg("--record")
        .arg(&record)
        .spawn()?;
    for kill in 1..=KILLS {
        stage.set("acknowledgements");
        recorded(&record, kill * 40, &mut told).await?;
        front.hold();
        stage.set("the end of a killed server");
        server.kill().await?;
        stage.set("the next server");
        server = Process::start(database).await?;
        front.lead_to(&server.base)?;
        base.send_replace(server.base.clone());
    }
    stage.set("the end of simulate");
    let report = report(told).await?;
    assert!(report["retries"].as_u64() > Some(0), "{report}");

    stage.set("the stored calls");
    let beside = Database::open(database.url(), 1).await?;
    every_recorded_call_is_stored(&record, &beside).await?;
    let stored = stored(&server.base, None).await?;
    tip.send_replace(stored.last().cloned());
    stage.set("the subscriber");
    assert_eq!(in_time("the subscriber's end", reading).await??, stored);

    stage.set("the model");
    let before = model(&beside).await?;
    assert!(before["activity"].len() > 300 && !before["task"].is_empty());
    stage.set("the end of the repeats");
    let again = simulate(database, &server.base)
        .arg("--replay")
        .arg(&record)
        .arg("--same-timestamps")
        .spawn()?;
    self::report(again).await?;
    let after = model(&beside).await?;
    for (table, rows) in before {
        assert!(rows == after[table], "{table} is not as it was");
    }
    stage.set("the close of the database");
    beside.close().await;
    stage.set("the end of the last server");
    server.kill().await
}

/// `caretaker simulate` with the credentials of the server.
fn simulate(database: &TestDatabase, against: &str) -> Command {
    let mut command = command(database.folder());
    command
        .args(["simulate", "--json", "--against", against, "--data-dir"])
        .arg(data_dir(database))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What simulate says at its end; it must have got an answer to every call, and the right one.
async fn report(simulate: Child) -> anyhow::Result<Value> {
    let output = in_time("the end of simulate", simulate.wait_with_output()).await?;
    ensure!(output.status.success(), "{output:?}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// How long a step may take: a case that waits in vain says for what.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the last rows may take, one after the other, when all are stored.
const LAST_ROWS: Duration = Duration::from_secs(60);

async fn in_time<T, E>(what: &str, step: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
where
    anyhow::Error: From<E>,
{
    let ended = tokio::time::timeout(PATIENCE, step).await;
    Ok(ended.with_context(|| format!("{what} did not come"))??)
}

/// Waits until `count` calls are acknowledged.
async fn recorded(record: &Path, count: usize, told: &mut Child) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let lines = std::fs::read(record).unwrap_or_default();
        if lines.iter().filter(|byte| **byte == b'\n').count() >= count {
            return Ok(());
        }
        ensure!(
            told.try_wait()?.is_none(),
            "simulate was done before {count} calls"
        );
        ensure!(
            started.elapsed() < PATIENCE,
            "{count} calls were not acknowledged in time"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Each line of the record stands in `delivery` with its body.
async fn every_recorded_call_is_stored(record: &Path, database: &Database) -> anyhow::Result<()> {
    let bodies = match database.backend() {
        sea_orm::DbBackend::Sqlite => "SELECT CAST(body AS text) FROM delivery_body",
        _ => "SELECT convert_from(body, 'UTF8') FROM delivery_body",
    };
    let bodies: BTreeSet<String> = texts(database, bodies).await?.into_iter().collect();
    let lines = std::fs::read_to_string(record)?;
    for line in lines.lines() {
        let call: Value = serde_json::from_str(line)?;
        let body = call["body"].as_str().context("a call without a body")?;
        ensure!(bodies.contains(body), "acknowledged but not stored: {line}");
    }
    Ok(())
}

/// Follows the feed from the row that `rows` ends with, comes back after each break, and ends at the row that `end`
/// names.
async fn read_to_the_end(
    bases: watch::Receiver<String>,
    mut rows: Vec<Row>,
    mut end: watch::Receiver<Option<Row>>,
) -> anyhow::Result<Vec<Row>> {
    loop {
        let last = rows.last().map(|(cursor, _)| cursor.clone());
        let base = bases.borrow().clone();
        let mut feed = match Feed::open(&base, last.as_deref()).await {
            Ok(feed) => feed,
            // Killed, and the next one is not there yet.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
        };
        loop {
            if end.borrow().is_some() && *end.borrow() == rows.last().cloned() {
                return Ok(rows);
            }
            let wanted = end.borrow().clone();
            tokio::select! {
                () = tokio::time::sleep(LAST_ROWS), if wanted.is_some() => {
                    bail!("{} rows, the last is {:?}; wanted was {wanted:?}", rows.len(), rows.last());
                }
                told = feed.rows(1) => match told {
                    Ok(mut row) => rows.append(&mut row),
                    Err(_) => break,
                },
                changed = end.changed() => changed?,
            }
        }
    }
}

/// How many calls each of the callers has.
const CALLS: usize = 60;
/// How many callers there are.
const CALLERS: usize = 8;

async fn a_restart_of_the_database_costs_answers_but_no_acknowledged_event(
    _: TestDatabase,
) -> anyhow::Result<()> {
    // A server of its own: the other cases go on with theirs.
    let cluster = Arc::new(Cluster::find());
    let database = TestDatabase::create(Engine::Postgres, &cluster).await?;
    let outcome = restart_under_load(&cluster, &database).await;
    cluster.stop();
    outcome
}

async fn restart_under_load(cluster: &Cluster, database: &TestDatabase) -> anyhow::Result<()> {
    // Only a notification can tell one node of the other's commits.
    let settings = |config: &mut Config| {
        config.feed.heartbeat_milliseconds = 50;
        config.feed.poll_milliseconds = 3_600_000;
    };
    let one = TestServer::start_with(database, settings).await?;
    let other = TestServer::start_with(database, settings).await?;
    let start = Feed::open(&one.base, None).await?.heartbeat().await?;
    let (taken, away) = (AtomicUsize::new(0), AtomicUsize::new(0));

    let calling = try_join_all((0..CALLERS).map(|caller| {
        let (node, taken, away) = ([&one, &other][caller % 2], &taken, &away);
        async move {
            for number in caller * CALLS..(caller + 1) * CALLS {
                insist(node, number, away).await?;
                taken.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }
    }));
    let document = "subscription($after: String) {
        activity(after: $after) { cursor activity { id cursor building { name } incident { name } } }
    }";
    let reading = try_join_all([&one, &other].map(|node| async {
        let variables = json!({ "after": start });
        let mut feed = Feed::of(&node.base, document, variables, Some(&start)).await?;
        feed.rows(CALLERS * CALLS).await
    }));
    let restarting = async {
        for restart in 1..=2 {
            until(|| taken.load(Ordering::Relaxed) > restart * CALLERS * CALLS / 4).await;
            let before = away.load(Ordering::Relaxed);
            cluster.halt().await?;
            until(|| away.load(Ordering::Relaxed) > before).await;
            cluster.resume().await?;
        }
        anyhow::Ok(())
    };
    let (_, told, ()) = tokio::try_join!(calling, reading, restarting)?;

    let stored = stored(&one.base, Some(&start)).await?;
    assert_eq!(stored.len(), CALLERS * CALLS);
    assert!(told.iter().all(|rows| *rows == stored));
    one.stop().await?;
    other.stop().await
}

async fn an_outage_of_the_database_and_its_end_are_logged_once(
    _: TestDatabase,
) -> anyhow::Result<()> {
    let cluster = Arc::new(Cluster::find());
    let database = TestDatabase::create(Engine::Postgres, &cluster).await?;
    let outcome = outage(&cluster, &database).await;
    cluster.stop();
    outcome
}

async fn outage(cluster: &Cluster, database: &TestDatabase) -> anyhow::Result<()> {
    std::fs::write(
        database.folder().join("caretaker.toml"),
        "[feed]\npoll_milliseconds = 50\n",
    )?;
    let server = Process::start(database).await?;
    let said = |words: &str| {
        let log = std::fs::read_to_string(database.folder().join("log")).unwrap_or_default();
        log.matches(words).count()
    };
    let (begin, end) = ("the feed cannot read the database", "the database is back");
    cluster.halt().await?;
    until(|| said(begin) > 0).await;
    assert_eq!(said(end), 0);
    cluster.resume().await?;
    until(|| said(end) > 0).await;
    let sent = server.matrix(json!([incident("b", 0, 0)])).await?;
    assert_eq!(sent.status, 200, "{sent}");
    assert!(server.terminate().await?.success());
    assert_eq!((said(begin), said(end)), (1, 1));
    assert_eq!(said("the database is back away_seconds="), 1);
    Ok(())
}

/// Sends an incident as a platform does: again while the server asks for it.
async fn insist(node: &TestServer, number: usize, away: &AtomicUsize) -> anyhow::Result<()> {
    loop {
        let answer = node.matrix(json!([incident("b", number, number)])).await?;
        match answer.status {
            200 => return Ok(()),
            503 => {
                ensure!(!answer.header("retry-after").is_empty(), "{answer}");
                away.fetch_add(1, Ordering::Relaxed);
                // Not as long as it asks for: the case shall be short.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            _ => bail!("{answer}"),
        }
    }
}

/// Waits for a condition; the deadline is the case's own.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
