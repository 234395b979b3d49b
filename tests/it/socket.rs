//! graphql-transport-ws by its rules, one case each: how a socket opens, what is answered, how it is closed.

use caretaker::config::Config;
use chrono::Utc;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::event::incident;
use crate::support::live::{Live, Said};
use crate::support::reader::{SECRET, all, by_hs256, by_secret, own_claims};
use crate::support::{Case, Process, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        only_graphql_transport_ws_is_spoken,
        who_says_twice_who_he_is_is_closed,
        what_is_no_message_closes_the_socket,
        a_message_longer_than_allowed_closes_the_socket,
        an_id_in_use_closes_the_socket,
        an_id_can_be_used_again_once_its_operation_is_over,
        a_ping_is_answered_with_what_it_carried_at_any_time,
        queries_and_mutations_are_answered_once,
        what_is_not_run_is_an_error_and_nothing_follows,
        what_fails_at_its_start_is_told_and_completed,
        of_a_completed_operation_nothing_comes,
        one_operation_too_many_is_refused_by_itself,
        one_connection_too_many_of_a_reader_is_told_to_come_back,
        a_busy_operation_keeps_no_other_waiting,
        busy_operations_take_turns,
        a_client_that_takes_nothing_is_dropped,
        a_client_that_answers_no_ping_is_given_up,
        a_server_that_stops_closes_sockets_that_nobody_sits_at,
    ]
}

const FOLLOW: &str = "subscription { activity { cursor activity { kind } } }";
const RESUME: &str =
    "subscription($after: String) { activity(after: $after) { cursor activity { id } } }";

fn quick(config: &mut Config) {
    config.feed.heartbeat_milliseconds = 50;
}

fn subscribe(id: &str, query: &str) -> Value {
    json!({"id": id, "type": "subscribe", "payload": {"query": query}})
}

async fn report(server: &TestServer, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let batch: Vec<Value> = numbers.map(|n| incident("b", n, n)).collect();
    assert_eq!(server.matrix(json!(batch)).await?.status, 200);
    Ok(())
}

async fn only_graphql_transport_ws_is_spoken(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for (offered, words) in [
        (None, "Subprotocol not acceptable"),
        (Some("mqtt"), "Subprotocol not acceptable"),
        (
            Some("graphql-ws"),
            "Subprotocol not acceptable: graphql-ws is the old one, speak graphql-transport-ws",
        ),
    ] {
        let mut live = Live::open_offering(&server.base, offered).await?;
        assert_eq!(live.said().await?, Said::Closed(4406, words.to_owned()));
    }
    let both = Some("graphql-ws, graphql-transport-ws");
    let mut live = Live::open_offering(&server.base, both).await?;
    live.init(Value::Null).await?;
    live.acknowledged().await?;
    server.stop().await
}

async fn who_says_twice_who_he_is_is_closed(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let twice = (4429, "Too many initialisation requests".to_owned());
    let mut live = server.live().await?;
    live.init(json!({})).await?;
    assert_eq!(live.closed().await?, twice);
    // However quickly: the first one need not have been judged.
    let mut live = Live::open(&server.base).await?;
    let init = json!({"type": "connection_init"});
    live.send_together(&[init.clone(), init]).await?;
    assert_eq!(live.closed().await?, twice);
    server.stop().await
}

async fn what_is_no_message_closes_the_socket(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for said in [
        "hunter2".to_owned(),
        json!([{"type": "ping"}]).to_string(),
        json!({"type": "hunter2"}).to_string(),
        json!({"type": "start", "id": "1", "payload": {"query": "{ hunter2 }"}}).to_string(),
        json!({"type": "next", "id": "1", "payload": {"data": "hunter2"}}).to_string(),
        json!({"type": "ping", "payload": "hunter2"}).to_string(),
        json!({"type": "complete"}).to_string(),
        json!({"type": "subscribe", "payload": {"query": "{ hunter2 }"}}).to_string(),
        json!({"type": "subscribe", "id": "", "payload": {"query": "{ hunter2 }"}}).to_string(),
        json!({"type": "subscribe", "id": "1"}).to_string(),
        json!({"type": "subscribe", "id": "1", "payload": {}}).to_string(),
        json!({"type": "subscribe", "id": "1", "payload": {"query": 7}}).to_string(),
        json!({"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": "hunter2"}})
            .to_string(),
    ] {
        let mut live = server.live().await?;
        live.subscribe("s", FOLLOW, Value::Null).await?;
        live.next().await?;
        live.send_text(&said).await?;
        let (code, reason) = live.closed().await?;
        assert_eq!(code, 4400, "{said}");
        assert!(reason.starts_with("Invalid message: "), "{reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
    }
    // Messages are text; also before the acknowledgement.
    let mut live = Live::open(&server.base).await?;
    live.send_binary(&json!({"type": "connection_init"}))
        .await?;
    assert_eq!(live.closed().await?.0, 4400);
    server.stop().await
}

async fn a_message_longer_than_allowed_closes_the_socket(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.live.max_message_bytes = 2_000;
    })
    .await?;
    let mut live = server.live().await?;
    let padded = |bytes: usize| json!({"type": "ping", "payload": {"a": "x".repeat(bytes)}});
    live.send(padded(1_900)).await?;
    assert_eq!(
        live.said().await?,
        Said::Message(json!({"type": "pong", "payload": padded(1_900)["payload"]}))
    );
    live.send(padded(2_000)).await?;
    assert_eq!(live.closed().await?.0, 1009);
    server.stop().await
}

async fn an_id_in_use_closes_the_socket(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut live = server.live().await?;
    live.subscribe("one", FOLLOW, Value::Null).await?;
    live.next().await?;
    live.subscribe("other", FOLLOW, Value::Null).await?;
    live.next().await?;
    live.subscribe("one", "{ __typename }", Value::Null).await?;
    let exists = "Subscriber for one already exists".to_owned();
    assert_eq!(live.closed().await?, (4409, exists));
    server.stop().await
}

async fn an_id_can_be_used_again_once_its_operation_is_over(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let mut live = server.live().await?;
    // Ended by the server, by an error, and by the client.
    live.subscribe("id", "{ __typename }", Value::Null).await?;
    assert_eq!(live.about("id").await?["type"], "next");
    assert_eq!(live.about("id").await?["type"], "complete");
    live.subscribe("id", "{ nothing }", Value::Null).await?;
    assert_eq!(live.about("id").await?["type"], "error");
    live.subscribe("id", FOLLOW, Value::Null).await?;
    live.next().await?;
    live.complete("id").await?;
    live.subscribe("id", "{ __typename }", Value::Null).await?;
    let is_answer = |event: &Value| event.get("__typename").is_some();
    live.next_where(is_answer).await?;
    assert_eq!(live.about("id").await?["type"], "complete");
    assert_eq!(live.barrier().await?, Vec::<Value>::new());
    server.stop().await
}

async fn a_ping_is_answered_with_what_it_carried_at_any_time(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut live = Live::open(&server.base).await?;
    ping(&mut live).await?;
    live.init(Value::Null).await?;
    live.acknowledged().await?;
    ping(&mut live).await?;
    server.stop().await
}

async fn ping(live: &mut Live) -> anyhow::Result<()> {
    for (ping, pong) in [
        (json!({"type": "ping"}), json!({"type": "pong"})),
        (
            json!({"type": "ping", "payload": null}),
            json!({"type": "pong"}),
        ),
        (
            json!({"type": "ping", "payload": {"a": ["ä", 1.5, null]}}),
            json!({"type": "pong", "payload": {"a": ["ä", 1.5, null]}}),
        ),
    ] {
        live.send(ping).await?;
        assert_eq!(live.said().await?, Said::Message(pong));
    }
    // A pong may come unasked, and asks for nothing.
    live.send(json!({"type": "pong", "payload": {"a": 1}}))
        .await?;
    live.send(json!({"type": "pong"})).await?;
    assert_eq!(live.barrier().await?, Vec::<Value>::new());
    Ok(())
}

async fn queries_and_mutations_are_answered_once(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    report(&server, 0..2).await?;
    let mut live = server.live().await?;
    let query = "query($first: Int) { incidents(first: $first) { nodes { name } } }";
    let over_http = server.graphql(query, json!({"first": 2})).await?;
    live.subscribe("q", query, json!({"first": 2})).await?;
    assert_eq!(
        live.about("q").await?,
        json!({"id": "q", "type": "next", "payload": {"data": over_http}})
    );
    assert_eq!(
        live.about("q").await?,
        json!({"id": "q", "type": "complete"})
    );
    let mutation =
        "mutation($places: [PlaceKey!]!) { linkPlaces(places: $places, name: \"House\") { name } }";
    let places = json!([{"source": "MATRIX", "code": "b"}]);
    live.subscribe("m", mutation, json!({ "places": places }))
        .await?;
    let told = live.about("m").await?;
    let both = (&told["type"], told["payload"].get("data").is_some());
    assert_eq!(both, (&json!("next"), true), "{told}");
    assert_eq!(
        live.about("m").await?,
        json!({"id": "m", "type": "complete"})
    );
    assert_eq!(live.barrier().await?, Vec::<Value>::new());
    server.stop().await
}

async fn what_is_not_run_is_an_error_and_nothing_follows(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut live = server.live().await?;
    for (query, code) in [
        ("{", "BAD_INPUT"),
        ("{ nothing }", "BAD_INPUT"),
        ("subscription { nothing }", "BAD_INPUT"),
        (
            "subscription($after: Int!) { activity(after: $after) { cursor } }",
            "BAD_INPUT",
        ),
        ("query A { __typename } query B { __typename }", "BAD_INPUT"),
        (
            "{ incidents(first: 1000) { nodes { id } } }",
            "LIMIT_EXCEEDED",
        ),
    ] {
        live.subscribe("id", query, Value::Null).await?;
        let told = live.about("id").await?;
        assert_eq!(told["type"], "error", "{query}: {told}");
        let errors = told["payload"].as_array().unwrap();
        assert_eq!(errors[0]["extensions"]["code"], code, "{told}");
        assert!(errors[0]["extensions"]["requestId"].is_string(), "{told}");
        assert_eq!(live.barrier().await?, Vec::<Value>::new(), "{query}");
    }
    server.stop().await
}

async fn what_fails_at_its_start_is_told_and_completed(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut live = server.live().await?;
    live.subscribe("id", RESUME, json!({"after": "nowhere"}))
        .await?;
    let told = live.about("id").await?;
    assert_eq!(told["type"], "next");
    assert_eq!(told["payload"]["data"], Value::Null);
    let error = &told["payload"]["errors"][0];
    assert_eq!(error["extensions"]["code"], "CURSOR_INVALID");
    assert_eq!(error["path"], json!(["activity"]));
    assert_eq!(live.about("id").await?["type"], "complete");
    assert_eq!(live.barrier().await?, Vec::<Value>::new());
    server.stop().await
}

async fn of_a_completed_operation_nothing_comes(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mut live = server.live().await?;
    // What does not run, or no longer, may be completed: both sides may say it at once.
    live.complete("unknown").await?;
    live.subscribe("q", "{ __typename }", Value::Null).await?;
    live.about("q").await?;
    live.about("q").await?;
    live.complete("q").await?;
    for id in ["a", "b"] {
        live.subscribe(id, FOLLOW, Value::Null).await?;
        live.about(id).await?;
    }
    report(&server, 0..5).await?;
    live.complete("a").await?;
    live.barrier().await?;
    report(&server, 5..10).await?;
    for _ in 0..5 {
        let told = live.about("b").await?;
        assert_eq!(told["type"], "next", "{told}");
    }
    // Not even that it is complete.
    assert!(live.barrier().await?.iter().all(|told| told["id"] == "b"));
    server.stop().await
}

async fn one_operation_too_many_is_refused_by_itself(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| config.live.max_operations = 2).await?;
    let mut live = server.live().await?;
    for id in ["a", "b"] {
        live.subscribe(id, FOLLOW, Value::Null).await?;
        live.about(id).await?;
    }
    live.subscribe("c", "{ __typename }", Value::Null).await?;
    let told = live.about("c").await?;
    assert_eq!(told["type"], "error", "{told}");
    let error = &told["payload"][0];
    assert_eq!(
        error["message"],
        "a socket runs at most 2 operations at once (here: 3)"
    );
    let extensions = &error["extensions"];
    assert_eq!(extensions["code"], "LIMIT_EXCEEDED");
    assert_eq!(
        (&extensions["limit"], &extensions["most"]),
        (&json!("max_operations"), &json!(2))
    );
    report(&server, 0..1).await?;
    let mut told = [live.said().await?, live.said().await?];
    told.sort_by_key(|said| match said {
        Said::Message(message) => message["id"].to_string(),
        closed => panic!("{closed:?}"),
    });
    assert!(matches!(&told[0], Said::Message(told) if told["id"] == "a"));
    live.complete("a").await?;
    live.subscribe("c", "{ __typename }", Value::Null).await?;
    assert_eq!(live.about("c").await?["type"], "next");
    server.stop().await
}

/// A server for tokens on which one reader holds so many connections.
async fn of_readers(
    database: &TestDatabase,
    most: usize,
    change: impl FnOnce(&mut Config),
) -> anyhow::Result<TestServer> {
    TestServer::start_with(database, |config| {
        quick(config);
        config.readers.keys = vec![by_secret("own", SECRET)];
        config.live.max_per_viewer = most;
        change(config);
    })
    .await
}

/// Somebody else's subscription, whose heartbeats are what a case waits by.
async fn somebody_else(server: &TestServer) -> anyhow::Result<Live> {
    let mut claims = own_claims(Utc::now(), json!({"all": true}));
    claims["sub"] = json!("somebody else");
    let token = by_hs256(SECRET.as_bytes(), &claims);
    let mut live = Live::connect_with(&server.base, json!({ "token": token })).await?;
    live.subscribe("s", FOLLOW, Value::Null).await?;
    live.next().await?;
    Ok(live)
}

/// Comes back until there is room.
async fn until_there_is_room(server: &TestServer, token: &Value) -> anyhow::Result<Live> {
    let mut clock = somebody_else(server).await?;
    loop {
        let mut live = Live::open(&server.base).await?;
        live.init(token.clone()).await?;
        match live.said().await? {
            Said::Message(ack) => {
                assert_eq!(ack["type"], "connection_ack");
                return Ok(live);
            }
            Said::Closed(code, _) => assert_eq!(code, 1013),
        }
        clock.next().await?;
    }
}

async fn one_connection_too_many_of_a_reader_is_told_to_come_back(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = of_readers(&database, 2, |_| ()).await?;
    let token = json!({ "token": all(Utc::now()) });
    let first = Live::connect_with(&server.base, token.clone()).await?;
    let _second = Live::connect_with(&server.base, token.clone()).await?;
    let mut third = Live::open(&server.base).await?;
    third.init(token.clone()).await?;
    // 4429 and the like end clients for good; this one is to come back when there is room.
    let full = "a reader holds at most 2 live connections at once (here: 3)".to_owned();
    assert_eq!(third.closed().await?, (1013, full));
    somebody_else(&server).await?;
    drop(first);
    until_there_is_room(&server, &token).await?;
    server.stop().await
}

async fn a_busy_operation_keeps_no_other_waiting(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let start = {
        let mut live = server.live().await?;
        live.subscribe("s", RESUME, Value::Null).await?;
        live.next().await?["activity"]["cursor"].take()
    };
    for batch in 0..4 {
        report(&server, batch * 250..batch * 250 + 250).await?;
    }
    let mut live = server.live().await?;
    let mut messages = vec![json!({"id": "busy", "type": "subscribe", "payload": {
        "query": RESUME, "variables": { "after": start },
    }})];
    messages.extend((0..5).map(|id| {
        subscribe(
            &format!("q{id}"),
            "{ incidents(first: 1) { nodes { id } } }",
        )
    }));
    messages.push(json!({"type": "ping"}));
    live.send_together(&messages).await?;
    let (mut busy, mut others) = (0, 0);
    while others < 11 {
        let Said::Message(message) = live.said().await? else {
            panic!("closed");
        };
        match message["id"] == "busy" {
            true => busy += 1,
            false => others += 1,
        }
    }
    assert!(busy < 1_000, "everything else waited for the backlog");
    while busy < 1_000 {
        busy += usize::from(!live.next().await?["activity"]["activity"].is_null());
    }
    server.stop().await
}

async fn busy_operations_take_turns(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let start = {
        let mut live = server.live().await?;
        live.subscribe("s", RESUME, Value::Null).await?;
        live.next().await?["activity"]["cursor"].take()
    };
    for batch in 0..4 {
        report(&server, batch * 250..batch * 250 + 250).await?;
    }
    let mut live = server.live().await?;
    let follow = |id: usize| {
        let variables = json!({ "after": start });
        json!({"id": id.to_string(), "type": "subscribe", "payload": {"query": RESUME, "variables": variables}})
    };
    live.send_together(&[follow(0), follow(1), follow(2)])
        .await?;
    let mut counts = [0; 3];
    let mut least = usize::MAX;
    while counts.iter().any(|count| *count < 1_000) {
        let Said::Message(message) = live.said().await? else {
            panic!("closed");
        };
        let id: usize = message["id"].as_str().unwrap().parse()?;
        counts[id] += 1;
        if counts[id] == 1_000 {
            least = least.min(*counts.iter().min().unwrap());
        }
    }
    // They read their backlog in pages, so they need not go step by step.
    assert!(least > 0, "one waited until another was done");
    server.stop().await
}

async fn a_client_that_takes_nothing_is_dropped(database: TestDatabase) -> anyhow::Result<()> {
    let server = of_readers(&database, 1, |config| config.live.patience_seconds = 1).await?;
    let token = json!({ "token": all(Utc::now()) });
    let mut stalled = Live::connect_with(&server.base, token.clone()).await?;
    // More than the two ends of the connection hold.
    let schema = "{ __schema { types { name description fields { name description args { name description } } } } }";
    for id in 0..100 {
        stalled.send(subscribe(&id.to_string(), schema)).await?;
    }
    until_there_is_room(&server, &token).await?;
    server.stop().await
}

async fn a_client_that_answers_no_ping_is_given_up(database: TestDatabase) -> anyhow::Result<()> {
    let server = of_readers(&database, 1, |config| config.live.ping_seconds = 1).await?;
    let token = json!({ "token": all(Utc::now()) });
    // It answers as long as it is asked for what it hears: from here on it is not.
    let _silent = Live::connect_with(&server.base, token.clone()).await?;
    until_there_is_room(&server, &token).await?;
    server.stop().await
}

async fn a_server_that_stops_closes_sockets_that_nobody_sits_at(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = Process::start(&database).await?;
    let mut live = Live::open(&server.base).await?;
    live.barrier().await?;
    let (status, closed) = tokio::join!(server.terminate(), live.closed());
    assert!(status?.success());
    assert_eq!(closed?, (1012, "Service restart".to_owned()));
    Ok(())
}
