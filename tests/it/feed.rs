//! The live feed: what a subscriber gets is what the query gives, in order, none missing, none twice.

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use caretaker::config::Config;
use caretaker::domain::database::Database;
use futures_util::future::try_join_all;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError, SubProtocolError};

use crate::support::case::on_each_engine;
use crate::support::client::{Call, Client};
use crate::support::event::{self, completed, incident};
use crate::support::feed::{Feed, Row, ask, refusal, stored, stored_under};
use crate::support::live::Live;
use crate::support::{Case, Process, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_subscriber_from_now_gets_what_follows_in_order,
        a_subscriber_with_a_cursor_gets_what_the_query_gives_and_then_what_happens,
        a_subscriber_that_comes_back_again_and_again_misses_nothing_and_gets_nothing_twice,
        a_filter_holds_alike_for_what_is_stored_and_for_what_happens,
        a_filter_that_nothing_fits_still_moves_the_cursor,
        a_cursor_ahead_of_the_server_waits_until_the_server_is_there,
        a_subscriber_that_does_not_read_for_a_while_still_gets_everything,
        what_is_no_feed_cursor_is_refused,
        a_cursor_before_the_kept_history_is_refused_with_the_earliest_one,
        a_task_can_be_followed_before_it_is_known,
        many_subscribers_get_the_same,
        two_subscriptions_share_a_socket,
        a_server_that_stops_tells_its_subscribers_to_come_back,
        the_legacy_sub_protocol_is_refused,
        what_nests_too_deeply_is_refused_on_every_way_in,
    ]
}

/// Heartbeats that a case can wait for.
fn quick(config: &mut Config) {
    config.feed.heartbeat_milliseconds = 50;
}

/// Sends one batch, which must be taken.
async fn send(server: &Client, events: impl IntoIterator<Item = Value>) -> anyhow::Result<()> {
    let batch: Vec<Value> = events.into_iter().collect();
    let answer = server.matrix(json!(batch)).await?;
    assert_eq!(answer.status, 200, "{answer}");
    Ok(())
}

/// Incidents with these numbers.
fn incidents(numbers: std::ops::Range<usize>) -> impl Iterator<Item = Value> {
    numbers.map(|number| incident("b", number, number))
}

/// The seq in a feed cursor, and back.
fn seq(cursor: &str) -> i64 {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).unwrap();
    String::from_utf8(bytes).unwrap()[3..].parse().unwrap()
}

fn cursor(seq: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("a1:{seq}"))
}

fn in_order(rows: &[Row]) -> bool {
    rows.is_sorted_by_key(|(cursor, _)| seq(cursor))
        && rows.iter().collect::<HashSet<_>>().len() == rows.len()
}

async fn a_subscriber_from_now_gets_what_follows_in_order(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    send(&server, incidents(0..5)).await?;
    let mut feed = Feed::open(&server.base, None).await?;
    let start = feed.heartbeat().await?;
    for batch in 1..4 {
        send(&server, incidents(batch * 10..batch * 10 + 10)).await?;
    }
    let rows = feed.rows(30).await?;
    assert!(in_order(&rows));
    assert_eq!(rows, stored(&server.base, Some(&start)).await?);
    feed.heartbeat().await?;
    server.stop().await
}

async fn a_subscriber_with_a_cursor_gets_what_the_query_gives_and_then_what_happens(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    send(&server, incidents(0..450)).await?;
    let before = stored(&server.base, None).await?;
    assert_eq!(before.len(), 450);
    let mut feed = Feed::open(&server.base, Some(&before[9].0)).await?;
    assert_eq!(feed.rows(440).await?, before[10..]);
    send(&server, incidents(450..460)).await?;
    let live = feed.rows(10).await?;
    assert_eq!(live, stored(&server.base, Some(&before[449].0)).await?);
    feed.heartbeat().await?;
    server.stop().await
}

async fn a_subscriber_that_comes_back_again_and_again_misses_nothing_and_gets_nothing_twice(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let start = Feed::open(&server.base, None).await?.heartbeat().await?;
    let sending = async {
        for batch in 0..60 {
            send(&server, incidents(batch * 5..batch * 5 + 5)).await?;
        }
        anyhow::Ok(())
    };
    let reading = async {
        let (mut rows, mut last) = (Vec::new(), start.clone());
        while rows.len() < 300 {
            let mut feed = Feed::open(&server.base, Some(&last)).await?;
            rows.extend(feed.rows((300 - rows.len()).min(17)).await?);
            last = feed.last.unwrap();
        }
        anyhow::Ok(rows)
    };
    let ((), rows) = tokio::try_join!(sending, reading)?;
    assert_eq!(rows, stored(&server.base, Some(&start)).await?);
    server.stop().await
}

async fn a_filter_holds_alike_for_what_is_stored_and_for_what_happens(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let start = Feed::open(&server.base, None).await?.heartbeat().await?;
    tell(&server, 0).await?;
    let document = r#"{ building(by: {place: {source: MATRIX, code: "b1"}}) { id } }"#;
    let building = ask(&server.base, document, Value::Null).await?["building"]["id"].take();
    assert!(building.is_string());
    let filters = [
        json!({ "kind": { "eq": "INCIDENT_COMPLETED" } }),
        json!({ "kind": { "notIn": ["INCIDENT_COMPLETED", "NOTE_ADDED"] } }),
        json!({ "building": { "eq": building } }),
        json!({ "building": { "neq": building } }),
        json!({ "not": { "building": { "eq": building } } }),
        json!({ "building": { "isNull": true } }),
        json!({ "tenant": { "eq": event::TENANT } }),
        json!({ "incident": { "isNull": false }, "kind": { "neq": "INCIDENT_REPORTED" } }),
        json!({ "or": [{ "kind": { "eq": "NOTE_ADDED" } }, { "building": { "in": [building] } }] }),
        json!({ "occurredAt": { "gte": "2023-06-15T01:41:10Z" } }),
        json!({ "kind": { "in": ["TASK_CHASED"] } }),
    ];
    let mut feeds = Vec::new();
    for filter in &filters {
        feeds.push(Feed::filtered(&server.base, Some(&start), filter.clone()).await?);
    }
    // Read to the end of what is stored, so that the second half comes live.
    let mut told = Vec::new();
    for (filter, feed) in filters.iter().zip(&mut feeds) {
        let stored = stored_under(&server.base, Some(&start), filter.clone()).await?;
        let rows = feed.rows(stored.len()).await?;
        assert_eq!(rows, stored, "{filter}");
        feed.heartbeat().await?;
        told.push(rows);
    }
    tell(&server, 100).await?;
    for ((filter, feed), mut rows) in filters.iter().zip(&mut feeds).zip(told) {
        let stored = stored_under(&server.base, Some(&start), filter.clone()).await?;
        // Heartbeats stand between what was read and what comes now.
        rows.extend(feed.rows(stored.len() - rows.len()).await?);
        assert_eq!(rows, stored, "{filter}");
        feed.heartbeat().await?;
    }
    server.stop().await
}

/// Several kinds in several buildings, one call after the other.
async fn tell(server: &Client, from: usize) -> anyhow::Result<()> {
    for number in from..from + 12 {
        let building = format!("b{}", number % 3);
        send(server, [incident(&building, number, number)]).await?;
        let done = completed(&building, number, number + 60);
        send(server, [done]).await?;
    }
    for number in from..from + 3 {
        let note = event::note(number, number);
        assert_eq!(server.urgent(Call::NoteAdded, note).await?.status, 200);
    }
    Ok(())
}

async fn a_filter_that_nothing_fits_still_moves_the_cursor(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let filter = json!({ "kind": { "eq": "TASK_CHASED" } });
    let mut feed = Feed::filtered(&server.base, None, filter).await?;
    feed.heartbeat().await?;
    send(&server, incidents(0..20)).await?;
    let tip = stored(&server.base, None).await?.pop().unwrap().0;
    while feed.heartbeat().await? != tip {}
    server.stop().await
}

async fn a_cursor_ahead_of_the_server_waits_until_the_server_is_there(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    send(&server, incidents(0..3)).await?;
    let tip = stored(&server.base, None).await?.pop().unwrap().0;
    let ahead = cursor(seq(&tip) + 2);
    let mut feed = Feed::open(&server.base, Some(&ahead)).await?;
    assert_eq!(feed.heartbeat().await?, ahead);
    for number in 3..8 {
        send(&server, incidents(number..number + 1)).await?;
    }
    let stored = stored(&server.base, Some(&ahead)).await?;
    assert_eq!(stored.len(), 3);
    assert_eq!(feed.rows(3).await?, stored);
    server.stop().await
}

async fn a_subscriber_that_does_not_read_for_a_while_still_gets_everything(
    database: TestDatabase,
) -> anyhow::Result<()> {
    // A batch is longer than the buffer: each one leaves the subscriber behind.
    let server = TestServer::start_with(&database, |config| {
        quick(config);
        config.feed.buffer = 2;
    })
    .await?;
    let mut feed = Feed::open(&server.base, None).await?;
    let start = feed.heartbeat().await?;
    for batch in 0..30 {
        send(&server, incidents(batch * 50..batch * 50 + 50)).await?;
    }
    let mut rows = feed.rows(700).await?;
    send(&server, incidents(1500..1550)).await?;
    rows.extend(feed.rows(850).await?);
    assert!(in_order(&rows));
    assert_eq!(rows, stored(&server.base, Some(&start)).await?);
    server.stop().await
}

async fn what_is_no_feed_cursor_is_refused(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    send(&server, incidents(0..2)).await?;
    let document = "{ incidents(first: 1) { pageInfo { endCursor } } }";
    let incidents = ask(&server.base, document, Value::Null).await?;
    let of_a_list = incidents["incidents"]["pageInfo"]["endCursor"].as_str();
    let negative = cursor(-1);
    let next_version = BASE64_URL_SAFE_NO_PAD.encode("a2:1");
    for wrong in ["", "1", "ä", &negative, &next_version, of_a_list.unwrap()] {
        let document = "subscription($after: String) { activity(after: $after) { cursor } }";
        let refused = refusal(&server.base, document, json!({ "after": wrong })).await?;
        assert_eq!(refused["code"], "CURSOR_INVALID", "{wrong}");
    }
    server.stop().await
}

async fn a_cursor_before_the_kept_history_is_refused_with_the_earliest_one(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    send(&server, incidents(0..6)).await?;
    let all = stored(&server.base, None).await?;
    let beside = Database::open(database.url(), 1).await?;
    let pruned = seq(&all[2].0);
    let statements = [
        format!("INSERT INTO setting (name, value) VALUES ('pruned_through_seq', '{pruned}')"),
        format!("DELETE FROM activity WHERE seq <= {pruned}"),
    ];
    for statement in statements {
        beside.writer.execute_unprepared(&statement).await?;
    }
    beside.close().await;

    let document = "subscription($after: String) { activity(after: $after) { cursor } }";
    let refused = refusal(&server.base, document, json!({ "after": all[1].0 })).await?;
    assert_eq!(refused["code"], "CURSOR_EXPIRED");
    let earliest = refused["earliestCursor"].as_str().unwrap();
    let mut feed = Feed::open(&server.base, Some(earliest)).await?;
    assert_eq!(feed.rows(3).await?, all[3..]);
    server.stop().await
}

async fn a_task_can_be_followed_before_it_is_known(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let document = "subscription($by: TaskBy!, $after: String) {
        activity: taskTimeline(by: $by, after: $after) { cursor activity { id cursor kind task { identifier } } }
    }";
    let by =
        json!({ "urgent": { "tenant": event::TENANT, "identifier": event::task_identifier(7) } });
    let follow = async |after: Option<&str>| {
        let variables = json!({ "by": by, "after": after });
        Feed::of(&server.base, document, variables, after).await
    };
    let mut feed = follow(None).await?;
    let start = feed.heartbeat().await?;
    for (call, body) in [
        (Call::NoteAdded, event::note(8, 1)),
        (Call::NoteAdded, event::note(7, 2)),
        (Call::TaskCreated, event::task_created(8)),
        (Call::TaskCreated, event::task_created(7)),
        (Call::NoteAdded, event::note(7, 3)),
    ] {
        assert_eq!(server.urgent(call, body).await?.status, 200);
    }
    let mut again = follow(Some(&start)).await?;
    for feed in [&mut feed, &mut again] {
        let mut kinds = Vec::new();
        while kinds.len() < 4 {
            let event = feed.event().await?;
            if let Some(kind) = event["activity"]["kind"].as_str() {
                kinds.push(kind.to_owned());
            }
        }
        // The first note learns its building with the task.
        let told = ["NOTE_ADDED", "TASK_CREATED", "LINKED", "NOTE_ADDED"];
        assert_eq!(kinds, told);
        feed.heartbeat().await?;
    }
    server.stop().await
}

async fn many_subscribers_get_the_same(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let mut feeds = try_join_all((0..60).map(|_| Feed::open(&server.base, None))).await?;
    for feed in &mut feeds {
        feed.heartbeat().await?;
    }
    for batch in 0..10 {
        send(&server, incidents(batch * 10..batch * 10 + 10)).await?;
    }
    let stored = stored(&server.base, None).await?;
    let told = try_join_all(feeds.iter_mut().map(|feed| feed.rows(100))).await?;
    assert_eq!(stored.len(), 100);
    assert!(told.iter().all(|rows| *rows == stored));
    server.stop().await
}

async fn two_subscriptions_share_a_socket(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let mut live = Live::connect(&server.base).await?;
    let document = "subscription($kind: ActivityKind) {
        activity(filter: {kind: {eq: $kind}}) { cursor activity { kind } }
    }";
    let kinds = ["INCIDENT_REPORTED", "INCIDENT_COMPLETED"];
    for kind in kinds {
        live.subscribe(kind, document, json!({ "kind": kind }))
            .await?;
        live.next().await?;
    }
    for number in 0..10 {
        send(&server, [incident("b", number, number)]).await?;
        send(&server, [completed("b", number, number + 60)]).await?;
    }
    let mut count = [0, 0];
    while count != [10, 10] {
        let event = live.next().await?;
        let kind = &event["activity"]["activity"]["kind"];
        if let Some(place) = kinds.iter().position(|known| kind == known) {
            count[place] += 1;
        }
    }
    server.stop().await
}

async fn a_server_that_stops_tells_its_subscribers_to_come_back(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = Process::start(&database).await?;
    let base = server.base.clone();
    let feeds = try_join_all((0..40).map(|_| Feed::open(&base, None))).await?;
    let closed = try_join_all(feeds.into_iter().map(Feed::closed));
    let (status, codes) = tokio::join!(server.terminate(), closed);
    assert!(status?.success());
    assert_eq!(codes?, [1012; 40]);
    Ok(())
}

async fn the_legacy_sub_protocol_is_refused(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let address = server.base.strip_prefix("http://").unwrap();
    let mut request = format!("ws://{address}/graphql/ws").into_client_request()?;
    let legacy = "graphql-ws".parse()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", legacy);
    let refused = client_async(request, TcpStream::connect(address).await?).await;
    assert!(
        matches!(
            refused,
            Err(Error::Protocol(
                ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::NoSubProtocol)
            ))
        ),
        "{refused:?}"
    );
    // A client that does not insist is told why.
    let request = format!("ws://{address}/graphql/ws").into_client_request()?;
    let (mut socket, _) = client_async(request, TcpStream::connect(address).await?).await?;
    let said = futures_util::StreamExt::next(&mut socket).await.unwrap()?;
    let code = match said {
        tokio_tungstenite::tungstenite::Message::Close(Some(frame)) => u16::from(frame.code),
        other => panic!("{other:?}"),
    };
    assert_eq!(code, 4406);
    drop(socket);
    server.stop().await
}

async fn what_nests_too_deeply_is_refused_on_every_way_in(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let nested = |depth: usize| {
        let value = format!("{}{{}}{}", "{not:".repeat(depth), "}".repeat(depth));
        format!("{{ incidents(filter: {value}) {{ totalCount }} }}")
    };
    let refused = refusal(&server.base, &nested(140), Value::Null).await?;
    assert_eq!(refused["code"], "LIMIT_EXCEEDED");
    let url = format!("{}/graphql", server.base);
    let get = server.http.get(format!("{url}?query={}", nested(140)));
    let answer = get.send().await?.text().await?;
    assert!(answer.contains("LIMIT_EXCEEDED"), "{answer}");
    // The deepest that passes the first look does no harm either.
    for depth in [50, 61] {
        let post = server
            .http
            .post(&url)
            .json(&json!({ "query": nested(depth) }));
        assert!(post.send().await?.text().await?.starts_with('{'), "{depth}");
    }
    assert_eq!(server.get("/healthz").await?.status, 200);
    server.stop().await
}
