//! Subscriptions that ask the same are run once for all of them, and each subscriber is told what it would be told alone.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use caretaker::domain::database::Database;
use caretaker::domain::delivery::Delivery;
use caretaker::domain::id::{self, SiteKey};
use caretaker::domain::scope::{Claims, Scope, Viewer};
use caretaker::domain::wake::Wake;
use caretaker::domain::{batch, migrate};
use caretaker::feed::{Settings, Tail};
use caretaker::graphql::limits::Limits;
use caretaker::graphql::shared::Told;
use caretaker::graphql::{Position, Schema, request, to_json};
use caretaker::ingest::matrix;
use chrono::{DateTime, Utc};
use entity::{Operation, Source};
use futures_util::future::{join_all, try_join_all};
use futures_util::stream::{self, BoxStream, StreamExt};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::case::on_each_engine;
use crate::support::event::incident;
use crate::support::{Case, TestDatabase};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        an_event_is_read_once_for_all_who_ask_the_same,
        who_joins_amid_events_after_any_cursor_is_told_each_once_and_in_order,
        what_happens_in_quick_succession_is_told_to_many_together,
        who_does_not_listen_for_a_while_reads_what_it_missed_and_is_told_the_rest,
        the_first_to_ask_is_told_with_the_others_once_there_are_some,
        a_fault_is_told_once_and_ends_it_for_the_first_to_ask_too,
        viewers_of_different_scopes_are_told_their_own,
        who_begins_elsewhere_or_asks_otherwise_is_told_so,
        what_is_told_ends_with_the_feed_for_all,
        who_is_ahead_of_the_feed_is_shown_that_it_is_alive_and_told_what_comes_after,
    ]
}

const FOLLOW: &str = "subscription($after: String) { activity(after: $after) {
    cursor activity { id building { name } zone { name } incident { name state zone { name } } }
} }";
const SHORT: &str =
    "subscription($after: String) { activity(after: $after) { cursor activity { id } } }";

/// How long what must come may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Heartbeats do not come while a case runs.
const NEVER: Duration = Duration::from_secs(3600);

type Stream = BoxStream<'static, One>;

/// One result.
#[derive(Debug)]
struct One {
    json: Value,
    /// Whether it is of an execution for all who ask the same.
    is_shared: bool,
    /// With how many it was told together, itself among them.
    together: usize,
}

/// A database and a schema on it that follows what is written.
struct World {
    database: Database,
    schema: Schema,
    wake: Wake,
    statements: Arc<AtomicUsize>,
    told: AtomicUsize,
}

impl World {
    async fn open(test: &TestDatabase, is_shared: bool) -> anyhow::Result<Self> {
        Self::open_with(test, is_shared, NEVER).await
    }

    async fn open_with(
        test: &TestDatabase,
        is_shared: bool,
        heartbeat: Duration,
    ) -> anyhow::Result<Self> {
        let mut database = Database::open(test.url(), 2).await?;
        migrate::up(&database).await?;
        let statements = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&statements);
        database.readers.set_metric_callback(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let (wake, wakes) = Wake::new();
        let settings = Settings {
            poll: NEVER,
            buffer: 4096,
            heartbeat,
        };
        let (tail, _tailing) = Tail::start(database.feed.clone(), wakes, settings).await?;
        let readers = database.readers.clone();
        let limits = Limits {
            document_bytes: 100_000,
            tokens: 10_000,
            aliases: 1_000,
            ..Limits::default()
        };
        let schema = Schema::new(readers, Some(tail), None, None, None, limits);
        Ok(Self {
            database,
            schema: schema.with_sharing(is_shared),
            wake,
            statements,
            told: AtomicUsize::new(0),
        })
    }

    /// So many incidents are reported in a building, as one batch.
    async fn report(&self, building: &str, count: usize) -> anyhow::Result<()> {
        let first = self.told.fetch_add(count, Ordering::SeqCst);
        let events: Vec<Value> = (first..first + count)
            .map(|number| incident(building, number, number))
            .collect();
        let body = serde_json::to_vec(&json!(events))?;
        let body_hash = format!("{:?}", id::activity(&body));
        let content = matrix::decode(&body, now());
        let delivery = Delivery {
            id: id::delivery(Source::Matrix, Operation::Events, None, &body_hash),
            source: Source::Matrix,
            operation: Operation::Events,
            credential: "test".to_owned(),
            credential_position: 0,
            signed_at: None,
            body_hash,
            body,
            received_at: now(),
            content: content.map_err(|unusable| anyhow::anyhow!("{unusable:?}"))?,
        };
        batch::write(&self.database, &[delivery], now()).await?;
        self.wake.hint();
        Ok(())
    }

    fn follow(&self, document: &str, variables: Value, viewer: Viewer) -> Stream {
        let request = request(document.to_owned(), None, variables);
        let told = self.schema.follow(request, viewer, Position::default());
        told.flat_map(|told| stream::iter(each(&told))).boxed()
    }

    /// Streams that ask the same from now on and have been told where that is.
    async fn followers(&self, document: &str, count: usize) -> Vec<Stream> {
        let streams = (0..count).map(|_| self.follow(document, json!({}), Viewer::open()));
        let mut streams: Vec<Stream> = streams.collect();
        for stream in &mut streams {
            assert!(next(stream).await["activity"].is_null());
        }
        streams
    }

    /// What the query gives after a cursor.
    async fn stored(&self, after: &str) -> Vec<String> {
        let page = "query($after: String) { activities(after: $after, first: 100) {
            nodes { cursor } pageInfo { hasNextPage endCursor } } }";
        let (mut rows, mut after) = (Vec::new(), json!(after));
        loop {
            let request = request(page.to_owned(), None, json!({ "after": after }));
            let id = uuid::Uuid::nil();
            let response = self.schema.execute(request, Viewer::open(), id).await;
            let page: Value = serde_json::from_str(&to_json(&response)).unwrap();
            let page = &page["data"]["activities"];
            let nodes = page["nodes"].as_array().unwrap();
            rows.extend(nodes.iter().map(|node| text(&node["cursor"])));
            if page["pageInfo"]["hasNextPage"] != true {
                return rows;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }

    async fn close(self) {
        drop(self.schema);
        self.database.close().await;
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn each(told: &Told) -> Vec<One> {
    let one = |payload: &str, is_shared, together| One {
        json: serde_json::from_str(payload).unwrap(),
        is_shared,
        together,
    };
    match told {
        Told::Own(response, _) => vec![one(&to_json(response), false, 1)],
        Told::Shared(events) => {
            let count = events.iter().count();
            let events = events.iter();
            events
                .map(|event| one(&event.payload, true, count))
                .collect()
        }
    }
}

async fn told(stream: &mut Stream) -> One {
    let told = timeout(PATIENCE, stream.next()).await;
    told.expect("nothing is told").expect("the stream ended")
}

/// The next event.
async fn next(stream: &mut Stream) -> Value {
    let mut told = told(stream).await.json;
    assert!(told.get("errors").is_none(), "{told}");
    told["data"]["activity"].take()
}

/// The cursors of the next activities.
async fn rows(stream: &mut Stream, count: usize) -> Vec<String> {
    let mut rows = Vec::new();
    while rows.len() < count {
        let event = next(stream).await;
        if !event["activity"].is_null() {
            rows.push(text(&event["cursor"]));
        }
    }
    rows
}

/// How many statements it takes to tell so many the same event.
async fn statements(test: &TestDatabase, count: usize, is_shared: bool) -> anyhow::Result<usize> {
    let world = World::open(test, is_shared).await?;
    // News each time: the database is the same.
    let building = format!("{count}-{is_shared}");
    let mut streams = world.followers(FOLLOW, count).await;
    // All that has to be read to get there was.
    world.report(&building, 1).await?;
    let first = join_all(streams.iter_mut().map(next)).await;
    assert!(first.iter().all(|event| *event == first[0]), "{first:?}");
    assert_eq!(
        first[0]["activity"]["incident"]["state"], "NOT_ASSIGNED",
        "{first:?}"
    );
    // With this one the first to ask goes over to the others.
    world.report(&building, 1).await?;
    join_all(streams.iter_mut().map(next)).await;
    let before = world.statements.load(Ordering::SeqCst);
    world.report(&building, 1).await?;
    let second = join_all(streams.iter_mut().map(next)).await;
    assert!(second.iter().all(|event| *event == second[0]), "{second:?}");
    let taken = world.statements.load(Ordering::SeqCst) - before;
    drop(streams);
    world.close().await;
    Ok(taken)
}

async fn an_event_is_read_once_for_all_who_ask_the_same(test: TestDatabase) -> anyhow::Result<()> {
    let one = statements(&test, 1, true).await?;
    assert!(one > 1, "{one}");
    assert_eq!(statements(&test, 2, true).await?, one);
    assert_eq!(statements(&test, 20, true).await?, one);
    assert_eq!(statements(&test, 20, false).await?, 20 * one);
    Ok(())
}

async fn who_joins_amid_events_after_any_cursor_is_told_each_once_and_in_order(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let world = World::open(&test, true).await?;
    let mut founders = world.followers(SHORT, 2).await;
    world.report("b", 40).await?;
    let known = rows(&mut founders[1], 40).await;
    let writing = async {
        for _ in 0..60 {
            world.report("b", 3).await?;
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    let reading = known.iter().enumerate().map(|(place, after)| {
        let world = &world;
        async move {
            // One after another, so that they come in at any moment.
            let mut after = after.clone();
            let mut left = 40 - place - 1 + 180;
            let mut seen = Vec::new();
            while left > 0 {
                let variables = json!({ "after": after });
                let mut stream = world.follow(SHORT, variables, Viewer::open());
                let taken = rows(&mut stream, left.min(7 + place)).await;
                left -= taken.len();
                after.clone_from(taken.last().unwrap());
                seen.extend(taken);
            }
            anyhow::Ok(seen)
        }
    });
    let ((), seen) = tokio::try_join!(writing, try_join_all(reading))?;
    let stored = world.stored(&known[0]).await;
    assert_eq!(stored.len(), 39 + 180);
    for (place, seen) in seen.into_iter().enumerate() {
        assert_eq!(seen, stored[place..], "{place}");
    }
    assert_eq!(rows(&mut founders[1], 180).await, stored[39..]);
    drop(founders);
    world.close().await;
    Ok(())
}

async fn the_first_to_ask_is_told_with_the_others_once_there_are_some(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let world = World::open(&test, true).await?;
    let mut streams = world.followers(SHORT, 1).await;
    world.report("b", 1).await?;
    let alone = told(&mut streams[0]).await;
    assert!(!alone.is_shared, "{alone:?}");
    streams.extend(world.followers(SHORT, 2).await);
    let start = world.stored("YTE6MA").await.pop().unwrap();
    // It learns of the others with the next event, and may still read the one after that by itself.
    let mut got: Vec<Vec<String>> = vec![Vec::new(); 3];
    let mut last = Vec::new();
    for _ in 0..4 {
        world.report("b", 1).await?;
        last.clear();
        for (stream, got) in streams.iter_mut().zip(&mut got) {
            let told = told(stream).await;
            got.push(text(&told.json["data"]["activity"]["cursor"]));
            last.push(told);
        }
    }
    assert!(last.iter().all(|told| told.is_shared), "{last:?}");
    let stored = world.stored(&start).await;
    assert!(got.iter().all(|got| *got == stored), "{got:?} {stored:?}");
    drop(streams);
    world.close().await;
    Ok(())
}

async fn a_fault_is_told_once_and_ends_it_for_the_first_to_ask_too(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let world = World::open(&test, true).await?;
    world.report("b", 2).await?;
    let first = world.stored("YTE6MA").await.remove(0);
    let pruned = "INSERT INTO setting (name, value) VALUES ('pruned_through_seq', '1000')";
    world.database.writer.execute_unprepared(pruned).await?;
    let streams = (0..2).map(|_| world.follow(SHORT, json!({ "after": first }), Viewer::open()));
    let mut streams: Vec<Stream> = streams.collect();
    // The first to ask is asked last: there are others by then.
    for stream in streams.iter_mut().rev() {
        let fault = told(stream).await.json;
        assert_eq!(
            fault["errors"][0]["extensions"]["code"], "CURSOR_EXPIRED",
            "{fault}"
        );
        let end = timeout(PATIENCE, stream.next()).await?;
        assert!(end.is_none(), "{end:?}");
    }
    drop(streams);
    world.close().await;
    Ok(())
}

async fn what_happens_in_quick_succession_is_told_to_many_together(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let world = World::open(&test, true).await?;
    // Reading each takes a while: what is told together was waited for.
    let mut streams = world.followers(FOLLOW, 300).await;
    // With this one the first to ask goes over to the others.
    world.report("b", 1).await?;
    join_all(streams.iter_mut().map(|stream| rows(stream, 1))).await;
    let start = world.stored("YTE6MA").await.pop().unwrap();
    let many = 40;
    world.report("b", many).await?;
    let stored = world.stored(&start).await;
    let mut most = 0;
    for stream in &mut streams {
        let mut got = Vec::new();
        while got.len() < many {
            let told = told(stream).await;
            most = most.max(told.together);
            got.push(text(&told.json["data"]["activity"]["cursor"]));
        }
        assert_eq!(got, stored);
    }
    assert!(most > 1, "each was told by itself");
    drop(streams);
    world.close().await;
    Ok(())
}

async fn who_does_not_listen_for_a_while_reads_what_it_missed_and_is_told_the_rest(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let world = World::open(&test, true).await?;
    // So much of each event that each is told by itself.
    let ids: String = (0..200)
        .map(|number| format!("{number:a>80}: id "))
        .collect();
    let wide = SHORT.replace("{ id }", &format!("{{ {ids} }}"));
    let mut streams = world.followers(&wide, 3).await;
    world.report("b", 1).await?;
    for stream in &mut streams {
        rows(stream, 1).await;
    }
    let start = world.stored("YTE6MA").await.pop().unwrap();
    let mut slow = streams.pop().unwrap();
    // More than is kept for one who does not listen.
    let many = 300;
    world.report("b", many).await?;
    let quick = rows(&mut streams[1], many).await;
    assert_eq!(quick, world.stored(&start).await);
    let mut own = 0;
    let mut missed = Vec::new();
    while missed.len() < many {
        let told = told(&mut slow).await;
        own += usize::from(!told.is_shared);
        missed.push(text(&told.json["data"]["activity"]["cursor"]));
    }
    assert_eq!(missed, quick);
    assert!(own > 0, "nothing was missed");
    world.report("b", 1).await?;
    let last = told(&mut slow).await;
    assert!(last.is_shared, "{last:?}");
    drop((streams, slow));
    world.close().await;
    Ok(())
}

/// It came from a node that had read further.
async fn who_is_ahead_of_the_feed_is_shown_that_it_is_alive_and_told_what_comes_after(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let world = World::open_with(&test, true, Duration::from_millis(50)).await?;
    let founders = world.followers(SHORT, 2).await;
    world.report("b", 1).await?;
    let known = world.stored("YTE6MA").await;
    let seq = |cursor: &str| -> i64 {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).unwrap();
        String::from_utf8(bytes).unwrap()[3..].parse().unwrap()
    };
    let ahead = seq(known.last().unwrap()) + 5;
    let ahead = BASE64_URL_SAFE_NO_PAD.encode(format!("a1:{ahead}"));
    let mut stream = world.follow(SHORT, json!({ "after": ahead }), Viewer::open());
    for _ in 0..3 {
        let sign = next(&mut stream).await;
        assert!(sign["activity"].is_null(), "{sign}");
        assert_eq!(sign["cursor"], ahead.as_str());
    }
    world.report("b", 8).await?;
    let stored = world.stored(&ahead).await;
    assert_eq!(stored.len(), 3);
    assert_eq!(rows(&mut stream, 3).await, stored);
    world.report("b", 1).await?;
    loop {
        let told = told(&mut stream).await;
        if !told.json["data"]["activity"]["activity"].is_null() {
            assert!(told.is_shared, "{told:?}");
            break;
        }
    }
    drop((stream, founders));
    world.close().await;
    Ok(())
}

fn narrow(name: &str, building: &str) -> Viewer {
    let buildings = [SiteKey::matrix(building).building()].into();
    let claims = Claims {
        buildings,
        ..Claims::default()
    };
    Viewer {
        name: name.to_owned(),
        scope: Scope::Claims(claims.into()),
        expires_at: None,
    }
}

async fn viewers_of_different_scopes_are_told_their_own(test: TestDatabase) -> anyhow::Result<()> {
    let world = World::open(&test, true).await?;
    let viewers = |name: &str| {
        [
            narrow(name, "b1"),
            narrow(name, "b2"),
            Viewer {
                scope: Scope::All,
                ..Viewer::open()
            },
        ]
    };
    let mut streams = Vec::new();
    for name in ["first", "second", "third"] {
        for viewer in viewers(name) {
            let mut stream = world.follow(FOLLOW, json!({}), viewer);
            assert!(next(&mut stream).await["activity"].is_null());
            streams.push(stream);
        }
    }
    for _ in 0..5 {
        world.report("b1", 1).await?;
        world.report("b2", 1).await?;
    }
    let mut heard = Vec::new();
    for (place, stream) in streams.iter_mut().enumerate() {
        let count = if place % 3 == 2 { 10 } else { 5 };
        let mut names = Vec::new();
        let mut is_shared = false;
        while names.len() < count {
            let mut told = told(stream).await;
            is_shared |= told.is_shared;
            let activity = told.json["data"]["activity"]["activity"].take();
            names.push(text(&activity["building"]["name"]));
        }
        assert!(is_shared || place < 3, "{place}");
        heard.push(names.into_iter().collect::<HashSet<_>>());
    }
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for (place, names) in heard.into_iter().enumerate() {
        let expected: HashSet<String> = match place % 3 {
            0 => of(&["b1"]),
            1 => of(&["b2"]),
            _ => of(&["b1", "b2"]),
        };
        assert_eq!(names, expected, "{place}");
    }
    drop(streams);
    world.close().await;
    Ok(())
}

async fn who_begins_elsewhere_or_asks_otherwise_is_told_so(
    test: TestDatabase,
) -> anyhow::Result<()> {
    let world = World::open(&test, true).await?;
    let mut streams = world.followers(SHORT, 2).await;
    let odd = json!({"after": "nowhere"});
    let mut refused = world.follow(SHORT, odd, Viewer::open());
    let answer = told(&mut refused).await.json;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "CURSOR_INVALID");
    assert!(refused.next().await.is_none());
    world.report("b", 1).await?;
    let cursor = rows(&mut streams[1], 1).await.remove(0);
    // What is not asked for is not told, and the first of a question is none of another's.
    let filtered =
        "subscription($f: ActivityFilter) { activity(filter: $f) { cursor activity { id } } }";
    let other = json!({"f": {"kind": {"eq": "TASK_CREATED"}}});
    let fitting = json!({"f": {"kind": {"eq": "INCIDENT_REPORTED"}}});
    let mut others = Vec::new();
    for variables in [&other, &other, &fitting, &fitting] {
        let mut stream = world.follow(filtered, variables.clone(), Viewer::open());
        assert_eq!(next(&mut stream).await["cursor"], cursor.as_str());
        others.push(stream);
    }
    world.report("b", 1).await?;
    let cursor = rows(&mut streams[0], 2).await.remove(1);
    for stream in &mut others[2..] {
        assert_eq!(rows(stream, 1).await, [cursor.as_str()]);
    }
    for stream in &mut others[..2] {
        let silence = timeout(Duration::from_millis(1), stream.next()).await;
        assert!(silence.is_err(), "{silence:?}");
    }
    drop((streams, others));
    world.close().await;
    Ok(())
}

async fn what_is_told_ends_with_the_feed_for_all(test: TestDatabase) -> anyhow::Result<()> {
    let world = World::open(&test, true).await?;
    let mut streams = world.followers(SHORT, 4).await;
    world.report("b", 1).await?;
    for stream in &mut streams {
        rows(stream, 1).await;
    }
    // The tail ends with whoever wakes it.
    let World {
        database,
        schema,
        wake,
        ..
    } = world;
    drop(wake);
    for stream in &mut streams {
        assert!(timeout(PATIENCE, stream.next()).await?.is_none());
    }
    drop((streams, schema));
    database.close().await;
    Ok(())
}
