//! What is older than its age goes, and nothing that stays is the worse for it: repeats, timelines, cursors.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::ensure;
use caretaker::domain::activity::filter::Filter;
use caretaker::domain::batch;
use caretaker::domain::database::Database;
use caretaker::domain::delivery::read::Which;
use caretaker::domain::journal;
use caretaker::domain::migrate;
use caretaker::domain::prune::{self as pruning, Count, Kept};
use caretaker::domain::rebuild::Side;
use caretaker::domain::wake::Wake;
use caretaker::domain::writer::Clock;
use caretaker::feed::{Event, Follow, Settings, Tail, follow};
use caretaker::operate::prune::{self, Ages};
use caretaker::operate::rebuild;
use caretaker::operate::replay::Replay;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::replay::as_an_older_release;
use crate::support::case::on_each_engine;
use crate::support::feed::{self, Feed};
use crate::support::payload::incident;
use crate::support::process::run;
use crate::support::rows;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        old_repeats_stay_repeats_when_all_is_pruned,
        what_is_in_quarantine_outlives_retention_until_it_went_through,
        a_call_in_quarantine_that_was_pruned_is_kept_again_when_it_comes_again,
        a_repeat_brings_back_the_bytes_of_what_is_in_quarantine,
        a_backlog_that_is_pruned_while_it_is_read_ends_with_a_word_and_no_gap,
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
    quarantined: None,
    activities: DAY,
};

fn in_a_week() -> DateTime<Utc> {
    Utc::now() + TimeDelta::days(7)
}

fn opened() -> Value {
    json!([
        incident("INCIDENT_CREATED_OPEN", 0),
        incident("INCIDENT_STARTED", 300),
    ])
}

/// A call of which nothing can be understood.
fn broken() -> Value {
    json!([{"broken": true}])
}

async fn count(database: &Database, table: &str) -> anyhow::Result<usize> {
    let all = format!("SELECT 'x' FROM {table}");
    Ok(rows::texts(database, &all).await?.len())
}

async fn old_repeats_stay_repeats_when_all_is_pruned(case: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    server.push(opened()).await?;
    let shown = server.incident("id state startedAt lastActivityAt").await?;
    let gone = prune::run(&database, &ALL, in_a_week()).await?;
    let gone: Vec<(Kept, i64)> = gone
        .into_iter()
        .map(|(kept, _, gone)| (kept, gone.rows))
        .collect();
    assert_eq!(
        gone,
        [
            (Kept::Bodies, 1),
            (Kept::Deliveries, 1),
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

/// Two events, of which an older release had understood the first.
async fn half_understood(database: &Database) -> anyhow::Result<()> {
    let delivery = as_an_older_release(&opened(), 1);
    batch::write(database, &[delivery], Utc::now()).await?;
    Ok(())
}

async fn what_is_in_quarantine_outlives_retention_until_it_went_through(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    migrate::up(&database).await?;
    half_understood(&database).await?;
    let server = TestServer::start(&case).await?;
    server.push(broken()).await?;
    server
        .push(json!([incident("INCIDENT_COMPLETED", 600)]))
        .await?;
    let gone = prune::run(&database, &ALL, in_a_week()).await?;
    let bodies = &gone[0].2;
    assert_eq!((bodies.rows, bodies.held), (1, 2), "{gone:?}");
    let left = server.deliveries("outcome quarantinedCount").await?;
    let expected = [
        json!({"outcome": "PARTLY_QUARANTINED", "quarantinedCount": 1}),
        json!({"outcome": "REJECTED", "quarantinedCount": 1}),
    ];
    assert_eq!(left, expected);
    assert_eq!(count(&database, "delivery_body").await?, 2);

    // It can still be driven again; then it goes, although all of its age went before.
    let replay = Replay::new(database.clone(), Arc::new(Utc::now), None);
    replay.all(&Which::default(), false, |_| Ok(())).await?;
    assert_eq!(server.kinds().await?, ["INCIDENT_STARTED"]);
    let bodies = Ages {
        bodies: DAY,
        ..Ages::default()
    };
    let would = prune::rehearse(&database, &bodies, in_a_week()).await?;
    let gone = prune::run(&database, &bodies, in_a_week()).await?;
    assert_eq!((gone[0].2.rows, gone[0].2.held), (1, 1));
    assert_eq!(would[0].2, gone[0].2);
    assert_eq!(count(&database, "delivery_body").await?, 1);
    // An age of its own takes away what never went through.
    let own = Ages {
        quarantined: DAY,
        ..Ages::default()
    };
    assert_eq!(prune::run(&database, &own, in_a_week()).await?[0].2.rows, 1);
    let left = server.deliveries("outcome").await?;
    assert_eq!(left, [json!({"outcome": "APPLIED"})]);
    database.close().await;
    server.stop().await
}

async fn a_call_in_quarantine_that_was_pruned_is_kept_again_when_it_comes_again(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    server.push(broken()).await?;
    let ages = Ages {
        quarantined: DAY,
        ..ALL
    };
    prune::run(&database, &ages, in_a_week()).await?;
    assert_eq!(server.deliveries("outcome").await?, Vec::<Value>::new());
    // Nothing of it is in the model: to forget it would lose it.
    server.push(broken()).await?;
    let kept = server
        .deliveries("outcome quarantinedCount body quarantine { nodes { content } }")
        .await?;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["outcome"], "REJECTED");
    assert_eq!(kept[0]["body"], broken().to_string());
    assert_eq!(
        kept[0]["quarantine"]["nodes"][0]["content"],
        broken()[0].to_string()
    );
    database.close().await;
    server.stop().await
}

async fn a_repeat_brings_back_the_bytes_of_what_is_in_quarantine(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let database = Database::open(case.url(), 1).await?;
    server.push(broken()).await?;
    server.push(opened()).await?;
    // As a release did that pruned them.
    database
        .writer
        .execute_unprepared("DELETE FROM delivery_body")
        .await?;
    server.push(broken()).await?;
    server.push(opened()).await?;
    let kept = server.deliveries("outcome body receivedCount").await?;
    let expected = [
        json!({"outcome": "REJECTED", "body": broken().to_string(), "receivedCount": 2}),
        json!({"outcome": "APPLIED", "body": null, "receivedCount": 2}),
    ];
    assert_eq!(kept, expected);
    database.close().await;
    server.stop().await
}

async fn a_backlog_that_is_pruned_while_it_is_read_ends_with_a_word_and_no_gap(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&case).await?;
    let events = |seconds: std::ops::Range<i64>| -> Value {
        seconds
            .map(|second| incident("INCIDENT_ESCALATED", second))
            .collect()
    };
    server.push(events(1..301)).await?;
    server.stop().await?;
    let database = Database::open(case.url(), 2).await?;
    let (_wake, wakes) = Wake::new();
    let settings = Settings {
        poll: Duration::from_secs(3600),
        buffer: 1,
        heartbeat: Duration::from_secs(3600),
    };
    let (tail, _tailing) = Tail::start(database.feed.clone(), wakes, settings).await?;
    let question = Follow {
        until: None,
        after: Some(0),
        filter: Filter::everything(),
    };
    let stream = follow(database.readers.clone(), tail, question).await?;
    let mut stream = std::pin::pin!(stream);
    // Nothing is read before it is asked for: this is the first of the first page.
    let first = stream.next().await;
    assert!(
        matches!(&first, Some(Event::Activity(row)) if row.seq == 1),
        "{first:?}"
    );
    pruning::batch(&database, Kept::Activities, in_a_week(), 250).await?;
    let through = journal::pruned_through(&database.readers).await?;
    let mut seen = 1;
    let end = loop {
        match stream.next().await {
            Some(Event::Activity(row)) => {
                assert_eq!(row.seq, seen + 1, "a gap");
                seen = row.seq;
            }
            other => break other,
        }
    };
    assert!(seen < through, "{seen}");
    assert!(
        matches!(end, Some(Event::Expired(earliest)) if earliest == through),
        "{end:?}"
    );
    assert!(stream.next().await.is_none());
    database.close().await;
    Ok(())
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
    assert_eq!(kept, [json!({"outcome": "APPLIED", "body": null})]);
    // A repeat brings no bytes back: they are too old, whoever repeats them.
    server.push(opened()).await?;
    assert_eq!(count(&database, "delivery_body").await?, 0);
    let side = Side::create(&database, case.url()).await?;
    let clock: Clock = Arc::new(Utc::now);
    let committing = AtomicBool::new(false);
    let report = rebuild::run(&database, &side, &clock, false, &committing).await;
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
        let gone = pruning::batch(&database, kept, in_a_week(), 2).await?;
        assert_eq!(gone.rows, 2);
        let table = match kept {
            Kept::Bodies => "delivery_body",
            Kept::Deliveries | Kept::Quarantined => "delivery",
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
        let counted = pruning::count(&database.readers, kept, in_a_week(), None).await?;
        assert_eq!(counted.rows, left, "{kept:?}");
        let gone = pruning::batch(&database, kept, in_a_week(), 10).await?;
        assert_eq!(gone, counted, "{kept:?}");
        let gone = pruning::batch(&database, kept, in_a_week(), 10).await?;
        assert_eq!(gone, Count::default(), "{kept:?}");
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
        assert_eq!(gone, Count::default());
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
    server.push(broken()).await?;
    grow_old(&database).await?;
    let (code, _, said) = run(&case, &["prune"]).await?;
    assert_eq!(code, Some(1));
    assert!(said.contains("nothing has an age"), "{said}");

    let settings = "[retention]\nbodies_days = 1\ndeliveries_days = 2\nactivities_days = 100\n";
    std::fs::write(case.folder().join("caretaker.toml"), settings)?;
    let dry = ["prune", "--dry-run", "--activities-days", "2"];
    let (code, printed, _) = run(&case, &dry).await?;
    assert_eq!(code, Some(0));
    let size = opened().to_string().len();
    // Without the moment, which is another each time: no byte is counted twice, and what stays is counted too.
    let lines = |printed: &str, verb: &str| -> Vec<String> {
        let line = |line: &str| {
            let ((start, _), (_, end)) =
                (line.split_once(" from before ")?, line.split_once(verb)?);
            Some(format!("{start}{end}"))
        };
        printed.lines().filter_map(line).collect()
    };
    let held = "; 1 stay for what they have in quarantine";
    let expected = |activities| {
        [
            format!("1 bodies ({size} bytes of bodies){held}"),
            format!("1 deliveries (0 bytes of bodies){held}"),
            format!("{activities} activities"),
        ]
    };
    assert_eq!(lines(&printed, "would go"), expected(2), "{printed}");
    assert!(printed.ends_with("\n(nothing was changed)\n"), "{printed}");
    assert_eq!(count(&database, "activity").await?, 2);

    let (code, printed, _) = run(&case, &["prune"]).await?;
    assert_eq!(code, Some(0));
    assert_eq!(lines(&printed, "went"), expected(0), "{printed}");
    assert_eq!(count(&database, "delivery_body").await?, 1);
    assert_eq!(count(&database, "delivery").await?, 1);
    assert_eq!(count(&database, "activity").await?, 2);

    let (code, printed, _) = run(&case, &["prune", "--quarantined-days", "2"]).await?;
    assert_eq!(code, Some(0));
    let size = broken().to_string().len();
    let gone = format!("1 deliveries in quarantine ({size} bytes of bodies)");
    assert_eq!(lines(&printed, "went")[2], gone, "{printed}");
    assert_eq!(count(&database, "quarantine").await?, 0);
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
