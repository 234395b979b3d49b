//! P1 and P4 while everything breaks: writers at full speed, subscribers over all transports that stall, drop and come
//! back, servers that are killed and started again, a database and NATS that go away. At the end every subscriber holds
//! exactly the rows of `activities`, and every acknowledged call is stored.
//!
//! `CARETAKER_CHAOS=600 cargo test --test it chaos` goes on for 600 seconds; `CARETAKER_CHAOS_SEED` chooses the same
//! disturbances again.

mod nodes;
mod subscriber;
mod writer;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use caretaker::domain::database::Database;
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::case::{on_postgres, on_sqlite};
use crate::support::feed::{Feed, Row, stored, stored_under};
use crate::support::postgres::Cluster;
use crate::support::rows::texts;
use crate::support::{Case, Engine, Nats, TestDatabase};

use nodes::Nodes;
use subscriber::{Subscriber, Transport};
use writer::Writer;

pub fn tests() -> Vec<Case> {
    let mut tests = on_sqlite![one_server_is_broken_in_every_way_and_no_subscriber_notices];
    tests.extend(on_postgres![
        two_nodes_their_database_and_nats_are_broken_in_every_way_and_no_subscriber_notices
    ]);
    let whole = lasting() + AFTERWARDS + Duration::from_secs(30);
    let tests = tests.into_iter().map(Case::with_nats);
    tests.map(|case| case.within(whole)).collect()
}

/// How long things are broken in the run of every day.
const SHORT: Duration = Duration::from_secs(5);
/// How long the last disturbance and the end may take beyond that.
const AFTERWARDS: Duration = Duration::from_secs(240);

/// How many calls go through between two disturbances.
const CALM: usize = 30;

fn lasting() -> Duration {
    let seconds = std::env::var("CARETAKER_CHAOS").ok();
    seconds.map_or(SHORT, |text| {
        Duration::from_secs(text.parse().expect("CARETAKER_CHAOS: seconds"))
    })
}

/// What all take part in.
pub struct Counts {
    /// Calls answered with 200.
    acknowledged: AtomicUsize,
    /// Calls that got another answer, or none.
    refused: AtomicUsize,
}

async fn one_server_is_broken_in_every_way_and_no_subscriber_notices(
    database: TestDatabase,
) -> anyhow::Result<()> {
    under_seed(&database, None, 1).await
}

async fn two_nodes_their_database_and_nats_are_broken_in_every_way_and_no_subscriber_notices(
    _: TestDatabase,
) -> anyhow::Result<()> {
    // A server of its own: the other cases go on with theirs.
    let cluster = Arc::new(Cluster::find());
    let database = TestDatabase::create(Engine::Postgres, &cluster).await?;
    let outcome = under_seed(&database, Some(&cluster), 2).await;
    cluster.stop();
    outcome
}

async fn under_seed(
    database: &TestDatabase,
    cluster: Option<&Cluster>,
    count: usize,
) -> anyhow::Result<()> {
    let seed = match std::env::var("CARETAKER_CHAOS_SEED") {
        Ok(text) => text.parse()?,
        // The run of every day breaks the same things in the same order.
        Err(_) if lasting() == SHORT => 7,
        Err(_) => u64::from(fastrand::u32(..)),
    };
    let engine = database.engine;
    println!("chaos on {engine}: CARETAKER_CHAOS_SEED={seed}");
    let stage = Cell::new("the start");
    let limit = lasting() + AFTERWARDS;
    let outcome = tokio::time::timeout(limit, chaos(database, cluster, count, seed, &stage)).await;
    let outcome = outcome.context("not in time");
    outcome.flatten().with_context(|| {
        let log = std::fs::read_to_string(database.folder().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.len().saturating_sub(30);
        format!(
            "CARETAKER_CHAOS_SEED={seed}, at {}; the last of the log:\n{}",
            stage.get(),
            lines[last..].join("\n")
        )
    })
}

/// Small buffers and little patience: subscribers lag (a call of many events is enough), and are dropped, within the short
/// run too.
const SETTINGS: &str = "drain_seconds = 2\n[feed]\nheartbeat_milliseconds = 200\nbuffer = 4\n\
                        [live]\npatience_seconds = 1\n";

async fn chaos(
    database: &TestDatabase,
    cluster: Option<&Cluster>,
    count: usize,
    seed: u64,
    stage: &Cell<&'static str>,
) -> anyhow::Result<()> {
    std::fs::write(database.folder().join("caretaker.toml"), SETTINGS)?;
    let mut random = Rng::with_seed(seed);
    let mut nats = Nats::start().await?;
    let mut nodes = Nodes::start(database, &nats, count).await?;
    let here = nodes.any().base;
    let start = Feed::open(&here, None).await?.heartbeat().await?;

    let counts = Arc::new(Counts {
        acknowledged: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
    });
    let (stop, stopping) = watch::channel(false);
    let (end, ending) = watch::channel(None);
    let mut writing = Vec::new();
    for number in 0..3 {
        let writer = Writer::new(number, random.fork(), Arc::clone(&counts));
        writing.push(tokio::spawn(writer.run(nodes.watch(), stopping.clone())));
    }
    let mut following = Vec::new();
    for transport in Transport::ALL {
        for filter in filters() {
            let subscriber = Subscriber::new(transport, filter, &start, random.fork());
            following.push(tokio::spawn(subscriber.run(nodes.watch(), ending.clone())));
        }
    }

    let subscriber = Subscriber::stubborn(&start, random.fork());
    following.push(tokio::spawn(subscriber.run(nodes.watch(), ending.clone())));

    let begun = Instant::now();
    let mut done = Vec::new();
    while begun.elapsed() < lasting() || done.is_empty() {
        let mut round = vec![What::Kill, What::Stop, What::Nats, What::Kill, What::Nats];
        if cluster.is_some() {
            round.push(What::Postgres);
        }
        random.shuffle(&mut round);
        for what in round {
            stage.set(what.name());
            match what {
                What::Kill => nodes.kill_one(&mut random).await?,
                What::Stop => nodes.stop_one(&mut random).await?,
                What::Nats if nodes.has_nats => {
                    nats.halt().await?;
                    nodes.has_nats = false;
                }
                What::Nats => {
                    nats.resume().await?;
                    nodes.has_nats = true;
                }
                What::Postgres => {
                    let cluster = cluster.context("no PostgreSQL")?;
                    outage(cluster, &mut nodes, &counts, &mut random).await?;
                }
            }
            done.push(what.name());
            stage.set("calls that go through again");
            let before = counts.acknowledged.load(Ordering::Relaxed);
            until(|| counts.acknowledged.load(Ordering::Relaxed) >= before + CALM).await?;
        }
    }

    stage.set("the end of the writers");
    stop.send_replace(true);
    let mut acknowledged = Vec::new();
    for writer in writing {
        acknowledged.extend(writer.await??);
    }
    stage.set("the rows of `activities`");
    let mut expected = Vec::new();
    for filter in filters() {
        let mut told = Vec::new();
        for node in nodes.all() {
            told.push(stored_under(&node.base, Some(&start), filter.clone()).await?);
        }
        ensure!(
            told.iter().all(|rows| *rows == told[0]),
            "the nodes differ in what they hold"
        );
        expected.push((filter, told.swap_remove(0)));
    }
    every_call_is_stored(database, &acknowledged).await?;
    is_whole(database, &expected[0].1).await?;
    stage.set("the ends of the subscribers");
    end.send_replace(Some(Arc::new(expected)));
    let mut tallies = Vec::new();
    for subscriber in following {
        tallies.push(subscriber.await??);
    }
    let rows = stored(&nodes.any().base, Some(&start)).await?.len();
    println!(
        "chaos on {}: {} disturbances ({}), {rows} activities, {} calls acknowledged, {} not",
        database.engine,
        done.len(),
        done.join(", "),
        acknowledged.len(),
        counts.refused.load(Ordering::Relaxed),
    );
    for tally in &tallies {
        println!("chaos on {}: {tally}", database.engine);
    }
    let streams: usize = tallies.iter().map(|tally| tally.streams).sum();
    ensure!(streams > tallies.len(), "nobody had to come back");
    let dropped: usize = tallies.iter().map(|tally| tally.dropped).sum();
    ensure!(dropped > 0, "nobody was dropped for being slow");
    ensure!(rows > 100 && counts.refused.load(Ordering::Relaxed) > 0);
    nodes.end().await
}

#[derive(Clone, Copy)]
enum What {
    Kill,
    Stop,
    Nats,
    Postgres,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9",
            Self::Stop => "SIGTERM",
            Self::Nats => "NATS",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// What subscribers follow: everything, and some of it.
fn filters() -> [Value; 2] {
    [
        Value::Null,
        json!({ "kind": { "in": ["INCIDENT_COMPLETED", "NOTE_ADDED"] } }),
    ]
}

/// The database goes without a goodbye and comes back; a node may be killed while it is away.
async fn outage(
    cluster: &Cluster,
    nodes: &mut Nodes<'_>,
    counts: &Counts,
    random: &mut Rng,
) -> anyhow::Result<()> {
    let before = counts.refused.load(Ordering::Relaxed);
    cluster.halt().await?;
    until(|| counts.refused.load(Ordering::Relaxed) > before).await?;
    let killed = match random.bool() {
        true => Some(nodes.kill(random).await?),
        false => None,
    };
    cluster.resume().await?;
    match killed {
        Some(index) => nodes.start_again(index).await,
        None => Ok(()),
    }
}

/// Waits for a condition that must come soon.
async fn until(condition: impl Fn() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !condition() {
        ensure!(begun.elapsed() < Duration::from_secs(60), "waited in vain");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// P1: what was answered with 200 is there.
async fn every_call_is_stored(database: &TestDatabase, calls: &[String]) -> anyhow::Result<()> {
    let bodies = match database.engine {
        Engine::Sqlite => "SELECT CAST(body AS text) FROM delivery_body",
        Engine::Postgres => "SELECT convert_from(body, 'UTF8') FROM delivery_body",
    };
    let beside = Database::open(database.url(), 1).await?;
    let bodies: BTreeSet<String> = texts(&beside, bodies).await?.into_iter().collect();
    beside.close().await;
    for call in calls {
        ensure!(bodies.contains(call), "acknowledged but not stored: {call}");
    }
    Ok(())
}

/// The feed as the query tells it is the table's: as many rows, none of them twice.
async fn is_whole(database: &TestDatabase, rows: &[Row]) -> anyhow::Result<()> {
    let beside = Database::open(database.url(), 1).await?;
    let count = texts(&beside, "SELECT CAST(count(*) AS text) FROM activity").await?;
    beside.close().await;
    let ids: BTreeSet<&String> = rows.iter().map(|(_, id)| id).collect();
    ensure!(ids.len() == rows.len(), "a row comes twice");
    ensure!(
        count == [rows.len().to_string()],
        "{count:?} rows in the table, {} told",
        rows.len()
    );
    Ok(())
}
