//! What is older than its age goes, and nothing that stays is the worse for it: repeats, timelines, cursors.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use caretaker::domain::database::Database;
use caretaker::domain::journal;
use caretaker::domain::prune::{self as pruning, Count, Kept};
use caretaker::domain::rebuild::Side;
use caretaker::domain::writer::Clock;
use caretaker::operate::prune::{self, Ages};
use caretaker::operate::rebuild;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::feed::{self, Feed};
use crate::support::payload::incident;
use crate::support::process::run;
use crate::support::rows;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        old_repeats_stay_repeats_when_all_is_pruned,
        a_cursor_before_the_kept_history_is_refused_and_the_next_one_is_told,
        timelines_say_from_when_they_are_whole,
        where_bodies_were_pruned_a_rebuild_says_from_when_history_is_whole,
        a_batch_takes_no_more_than_its_limit_and_the_oldest_first,
        what_is_young_stays,
        the_command_tells_what_would_go_and_takes_it_away,
        a_server_prunes_by_itself,
    ]
}

const DAY: Option<TimeDelta> = Some(TimeDelta::days(1));
const ALL: Ages = Ages {
    bodies: DAY,
    deliveries: DAY,
    activities: DAY,
};

fn in_a_week() -> DateTime<Utc> {
    Utc::now() + TimeDelta::days(7)
}

fn opened() -> Value {
    json!([
        incident("INCIDENT_CREATED_OPEN", 0),
        incident("INCIDENT_STARTED", 300),
        5
    ])
}

async fn count(database: &Database, table: &str) -> anyhow::Result<usize> {
    let all = format!("SELECT 'x' FROM {table}");
    Ok(rows::texts(database, &all).await?.len())
}

async fn old_repeats_stay_repeats_when_all_is_pruned(case: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    server.push(opened()).await?;
    server.push(json!([{"broken": true}])).await?;
    let shown = server.incident("id state startedAt lastActivityAt").await?;
    let gone = prune::run(&database, &ALL, in_a_week()).await?;
    let gone: Vec<(Kept, u64)> = gone
        .into_iter()
        .map(|(kept, _, rows)| (kept, rows))
        .collect();
    assert_eq!(
        gone,
        [
            (Kept::Bodies, 2),
            (Kept::Deliveries, 2),
            (Kept::Activities, 2)
        ]
    );
    for table in [
        "delivery",
        "delivery_body",
        "quarantine",
        "activity",
        "activity_link",
    ] {
        assert_eq!(count(&database, table).await?, 0, "{table}");
    }
    assert_eq!(
        server.incident("id state startedAt lastActivityAt").await?,
        shown
    );

    let before = rows::model(&database).await?;
    server.push(opened()).await?;
    server.push(json!([{"broken": true}])).await?;
    assert_eq!(rows::model(&database).await?, before);
    assert_eq!(server.deliveries("outcome").await?, Vec::<Value>::new());
    // An old event in new company is known; what is new is told, by a call that is kept.
    let more = json!([
        incident("INCIDENT_STARTED", 300),
        incident("INCIDENT_COMPLETED", 600)
    ]);
    server.push(more).await?;
    assert_eq!(server.kinds().await?, ["INCIDENT_COMPLETED"]);
    let deliveries = server.deliveries("outcome events duplicates").await?;
    let expected = json!({"outcome": "APPLIED", "events": 2, "duplicates": 1});
    assert_eq!(deliveries, [expected]);
    database.close().await;
    server.stop().await
}

async fn a_cursor_before_the_kept_history_is_refused_and_the_next_one_is_told(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    server.push(opened()).await?;
    server
        .push(json!([incident("INCIDENT_COMPLETED", 600)]))
        .await?;
    let before = feed::stored(&server.base, None).await?;
    let (first, second) = (before[0].0.as_str(), before[1].0.as_str());
    // The first two, which were recorded together.
    pruning::batch(&database, Kept::Activities, in_a_week(), 2).await?;
    let follow = "subscription($after: String) { activity(after: $after) { cursor } }";
    let refused = feed::refusal(&server.base, follow, json!({ "after": first })).await?;
    assert_eq!(refused["code"], "CURSOR_EXPIRED");
    assert_eq!(refused["earliestCursor"], second);
    let query = "query($after: String) { activities(after: $after) { nodes { id } } }";
    let answer = server.ask(query, json!({ "after": first })).await?.json()?;
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "CURSOR_EXPIRED");
    assert_eq!(extensions["earliestCursor"], second);
    // From the earliest on, stream and query are one.
    assert_eq!(feed::stored(&server.base, Some(second)).await?, before[2..]);
    let mut live = Feed::open(&server.base, Some(second)).await?;
    assert_eq!(live.rows(1).await?, before[2..]);

    // Nothing is left: what comes next is told all the same, to those from now and to those from the last cursor.
    pruning::batch(&database, Kept::Activities, in_a_week(), 10).await?;
    let mut from_now = Feed::open(&server.base, None).await?;
    from_now.heartbeat().await?;
    let mut from_last = Feed::open(&server.base, Some(&before[2].0)).await?;
    server
        .push(json!([incident("INCIDENT_ESCALATED", 700)]))
        .await?;
    let told = from_now.rows(1).await?;
    assert_eq!(from_last.rows(1).await?, told);
    assert_eq!(feed::stored(&server.base, None).await?, told);
    database.close().await;
    server.stop().await?;

    // Nor does a restart lose its place.
    let database = Database::open(case.url(), 1).await?;
    pruning::batch(&database, Kept::Activities, in_a_week(), 10).await?;
    let through = journal::pruned_through(&database.readers).await?;
    assert_eq!(journal::tip(&database.readers).await?, through);
    let server = TestServer::start(&case).await?;
    let mut live = Feed::open(&server.base, Some(&told[0].0)).await?;
    server
        .push(json!([incident("INCIDENT_ESCALATED", 800)]))
        .await?;
    assert_eq!(live.rows(1).await?, feed::stored(&server.base, None).await?);
    database.close().await;
    server.stop().await
}

async fn timelines_say_from_when_they_are_whole(case: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    server.push(opened()).await?;
    let ask = "timeline { pageInfo { historyFrom } nodes { kind } }";
    let whole = server.incident(ask).await?;
    assert_eq!(whole["timeline"]["pageInfo"]["historyFrom"], Value::Null);
    assert_eq!(whole["timeline"]["nodes"].as_array().unwrap().len(), 2);
    let now = in_a_week();
    prune::run(&database, &ALL, now).await?;
    let pruned = server.incident(ask).await?;
    let from: DateTime<Utc> = pruned["timeline"]["pageInfo"]["historyFrom"]
        .as_str()
        .unwrap()
        .parse()?;
    assert_eq!(
        from.timestamp_micros(),
        (now - TimeDelta::days(1)).timestamp_micros()
    );
    assert_eq!(pruned["timeline"]["nodes"], json!([]));
    let feed = server
        .shows("{ activities { pageInfo { historyFrom } } }")
        .await?;
    assert_eq!(
        feed["activities"]["pageInfo"]["historyFrom"],
        pruned["timeline"]["pageInfo"]["historyFrom"]
    );
    database.close().await;
    server.stop().await
}

async fn where_bodies_were_pruned_a_rebuild_says_from_when_history_is_whole(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 2).await?;
    server.push(opened()).await?;
    let bodies = Ages {
        bodies: DAY,
        ..Ages::default()
    };
    let now = in_a_week();
    prune::run(&database, &bodies, now).await?;
    let kept = server.deliveries("outcome body").await?;
    assert_eq!(
        kept,
        [json!({"outcome": "PARTLY_QUARANTINED", "body": null})]
    );
    // A repeat brings no bytes back: they are too old, whoever repeats them.
    server.push(opened()).await?;
    assert_eq!(count(&database, "delivery_body").await?, 0);
    let side = Side::create(&database, case.url()).await?;
    let clock: Clock = Arc::new(Utc::now);
    let report = rebuild::run(&database, &side, &clock, false).await;
    side.remove(&database).await;
    let report = report?;
    let from = report.whole_from.unwrap();
    assert_eq!(
        from.timestamp_micros(),
        (now - TimeDelta::days(1)).timestamp_micros()
    );
    assert_eq!((report.folded, report.without_body), (0, 1));
    database.close().await;
    server.stop().await
}

async fn a_batch_takes_no_more_than_its_limit_and_the_oldest_first(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    for second in 1..=5 {
        server
            .push(json!([incident("INCIDENT_ESCALATED", second)]))
            .await?;
    }
    let order = "SELECT body_hash FROM delivery ORDER BY received_at, id";
    let hashes = rows::texts(&database, order).await?;
    let cursors = feed::stored(&server.base, None).await?;
    for (left, kept) in [
        (3, Kept::Bodies),
        (3, Kept::Deliveries),
        (3, Kept::Activities),
    ] {
        assert_eq!(pruning::batch(&database, kept, in_a_week(), 2).await?, 2);
        let table = match kept {
            Kept::Bodies => "delivery_body",
            Kept::Deliveries => "delivery",
            Kept::Activities => "activity",
        };
        assert_eq!(count(&database, table).await?, left, "{table}");
    }
    assert_eq!(rows::texts(&database, order).await?, hashes[2..]);
    assert_eq!(feed::stored(&server.base, None).await?, cursors[2..]);
    for (kept, left) in [
        (Kept::Bodies, 3),
        (Kept::Deliveries, 3),
        (Kept::Activities, 3),
    ] {
        let counted = pruning::count(&database.readers, kept, in_a_week()).await?;
        assert_eq!(counted.rows, left, "{kept:?}");
        assert_eq!(pruning::batch(&database, kept, in_a_week(), 10).await?, 3);
        assert_eq!(pruning::batch(&database, kept, in_a_week(), 10).await?, 0);
    }
    database.close().await;
    server.stop().await
}

async fn what_is_young_stays(case: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    server.push(opened()).await?;
    let before = rows::model(&database).await?;
    for (_, _, gone) in prune::run(&database, &ALL, Utc::now()).await? {
        assert_eq!(gone, 0);
    }
    for (_, _, count) in prune::rehearse(&database, &ALL, Utc::now()).await? {
        assert_eq!(count, Count::default());
    }
    assert_eq!(rows::model(&database).await?, before);
    assert_eq!(journal::history_from(&database.readers).await?, None);
    database.close().await;
    server.stop().await
}

/// Makes all that is stored three days old.
async fn grow_old(database: &Database) -> anyhow::Result<()> {
    let old = (Utc::now() - TimeDelta::days(3)).to_rfc3339();
    for change in [
        format!("UPDATE delivery SET received_at = '{old}'"),
        format!("UPDATE activity SET recorded_at = '{old}'"),
    ] {
        database.writer.execute_unprepared(&change).await?;
    }
    Ok(())
}

async fn the_command_tells_what_would_go_and_takes_it_away(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    server.push(opened()).await?;
    grow_old(&database).await?;
    let (code, _, said) = run(&case, &["prune"]).await?;
    assert_eq!(code, Some(1));
    assert!(said.contains("nothing has an age"), "{said}");

    let settings = "[retention]\nbodies_days = 1\nactivities_days = 100\n";
    std::fs::write(case.folder().join("caretaker.toml"), settings)?;
    let dry = ["prune", "--dry-run", "--activities-days", "2"];
    let (code, printed, _) = run(&case, &dry).await?;
    assert_eq!(code, Some(0));
    let size = opened().to_string().len();
    assert!(
        printed.starts_with(&format!("1 bodies ({size} bytes of bodies) from before ")),
        "{printed}"
    );
    assert!(printed.contains("\n2 activities from before "), "{printed}");
    assert!(
        printed.ends_with("would go\n(nothing was changed)\n"),
        "{printed}"
    );
    assert_eq!(count(&database, "activity").await?, 2);

    let (code, printed, _) = run(&case, &["prune"]).await?;
    assert_eq!(code, Some(0));
    assert!(printed.starts_with("1 bodies from before "), "{printed}");
    assert!(printed.contains("\n0 activities from before "), "{printed}");
    assert_eq!(count(&database, "delivery_body").await?, 0);
    assert_eq!(count(&database, "delivery").await?, 1);
    assert_eq!(count(&database, "activity").await?, 2);
    database.close().await;
    server.stop().await
}

async fn a_server_prunes_by_itself(case: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    server.push(opened()).await?;
    server.stop().await?;
    let database = Database::open(case.url(), 1).await?;
    grow_old(&database).await?;
    let server = TestServer::start_with(&case, |config| {
        config.retention.deliveries_days = Some(2);
    })
    .await?;
    let started = Instant::now();
    while count(&database, "delivery").await? > 0 {
        ensure!(started.elapsed() < Duration::from_secs(60), "nothing went");
        tokio::task::yield_now().await;
    }
    assert_eq!(count(&database, "activity").await?, 2);
    database.close().await;
    server.stop().await
}
