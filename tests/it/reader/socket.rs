//! Tokens over sockets: who is acknowledged, and how a socket ends when its token does.

use chrono::Utc;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::event::incident;
use crate::support::live::{Live, Said};
use crate::support::reader::{SECRET, all, by_hs256, by_secret, own_claims};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_socket_takes_its_token_from_the_payload_or_the_header,
        a_socket_that_asks_before_it_is_acknowledged_is_closed,
        a_socket_that_says_nothing_is_closed,
        a_socket_ends_with_its_token,
        a_token_that_ends_ends_its_own_stream_and_none_that_asks_the_same,
        a_reader_that_asks_too_often_on_a_socket_is_told_so,
        without_readers_a_payload_is_the_clients_own_affair,
    ]
}

const FOLLOW: &str = "subscription { activity { cursor } }";

async fn serve(database: &TestDatabase) -> anyhow::Result<TestServer> {
    TestServer::start_with(database, |config| {
        config.readers.keys = vec![by_secret("own", SECRET)];
        config.readers.leeway_seconds = 0;
        config.readers.requests_per_minute = 5.try_into().unwrap();
        config.feed.heartbeat_milliseconds = 50;
        config.live.init_seconds = 2;
    })
    .await
}

async fn a_socket_takes_its_token_from_the_payload_or_the_header(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = serve(&database).await?;
    let token = all(Utc::now());
    for payload in [
        json!({ "Authorization": format!("Bearer {token}") }),
        json!({ "authorization": format!("bearer {token}") }),
        json!({ "token": token }),
    ] {
        let mut live = Live::connect_with(&server.base, payload).await?;
        live.subscribe("q", "{ __typename }", json!({})).await?;
        assert_eq!(live.next().await?, json!({"__typename": "Query"}));
    }
    let header = format!("Bearer {token}");
    let mut live = Live::open_with(&server.base, Some(&header)).await?;
    live.init(Value::Null).await?;
    live.acknowledged().await?;
    live.subscribe("s", FOLLOW, json!({})).await?;
    assert!(live.next().await?["activity"]["cursor"].is_string());
    server.stop().await
}

async fn a_socket_that_asks_before_it_is_acknowledged_is_closed(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = serve(&database).await?;
    let mut live = Live::open(&server.base).await?;
    live.subscribe("q", "{ __typename }", json!({})).await?;
    assert_eq!(live.closed().await?, (4401, "Unauthorized".to_owned()));
    server.stop().await
}

async fn a_socket_that_says_nothing_is_closed(database: TestDatabase) -> anyhow::Result<()> {
    let server = serve(&database).await?;
    let mut live = Live::open(&server.base).await?;
    let timeout = "Connection initialisation timeout".to_owned();
    assert_eq!(live.closed().await?, (4408, timeout));
    server.stop().await
}

async fn a_socket_ends_with_its_token(database: TestDatabase) -> anyhow::Result<()> {
    let server = serve(&database).await?;
    let mut claims = own_claims(Utc::now(), json!({"all": true}));
    claims["exp"] = json!(Utc::now().timestamp() + 3);
    let token = by_hs256(SECRET.as_bytes(), &claims);
    let mut live = Live::connect_with(&server.base, json!({ "token": token })).await?;
    live.subscribe("s", FOLLOW, json!({})).await?;
    live.next().await?;
    let (code, reason) = live.closed().await?;
    assert_eq!((code, reason.as_str()), (4403, "The token has expired"));
    assert!(Utc::now().timestamp() >= claims["exp"].as_i64().unwrap());
    // Coming back with it is refused as well.
    let mut live = Live::open(&server.base).await?;
    live.init(json!({ "token": token })).await?;
    assert_eq!(live.closed().await?.0, 4403);
    server.stop().await
}

async fn a_token_that_ends_ends_its_own_stream_and_none_that_asks_the_same(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = serve(&database).await?;
    let expires_at = Utc::now().timestamp() + 5;
    // Whoever asks first runs by itself, the second brings about what is run for all, the third joins: each may end.
    let (mut ending, mut staying) = (Vec::new(), Vec::new());
    for short in 0..3 {
        let question =
            format!("subscription {{ activity {{ a{short}: cursor activity {{ id }} }} }}");
        for place in 0..3 {
            let mut claims = own_claims(Utc::now(), json!({"all": true}));
            claims["sub"] = json!(format!("{short} {place}"));
            if place == short {
                claims["exp"] = json!(expires_at);
            }
            let token = by_hs256(SECRET.as_bytes(), &claims);
            let mut live = Live::connect_with(&server.base, json!({ "token": token })).await?;
            live.subscribe("s", &question, json!({})).await?;
            live.next().await?;
            let sockets = if place == short {
                &mut ending
            } else {
                &mut staying
            };
            sockets.push(live);
        }
    }
    assert!(Utc::now().timestamp() < expires_at, "opened too slowly");
    for mut live in ending {
        assert_eq!(live.closed().await?.0, 4403);
    }
    let answer = server.matrix(json!([incident("b", 1, 1)])).await?;
    assert_eq!(answer.status, 200, "{answer}");
    for live in &mut staying {
        live.next_where(|event| !event["activity"]["activity"].is_null())
            .await?;
    }
    server.stop().await
}

async fn a_reader_that_asks_too_often_on_a_socket_is_told_so(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = serve(&database).await?;
    let token = json!({ "token": all(Utc::now()) });
    let mut live = Live::connect_with(&server.base, token).await?;
    for number in 0..5 {
        let id = number.to_string();
        live.subscribe(&id, "{ __typename }", json!({})).await?;
        live.next().await?;
        live.said().await?;
    }
    live.subscribe("6", "{ __typename }", json!({})).await?;
    let Said::Message(told) = live.said().await? else {
        anyhow::bail!("closed");
    };
    assert_eq!(told["id"], "6");
    assert_eq!(told["type"], "error");
    let extensions = &told["payload"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{told}");
    assert!(extensions["retryAfterSeconds"].is_string(), "{told}");
    server.stop().await
}

async fn without_readers_a_payload_is_the_clients_own_affair(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for payload in [
        json!({"token": 7, "Authorization": "Bearer"}),
        json!({"token": "anything"}),
        json!({"Authorization": "Basic dTpw"}),
    ] {
        let mut live = Live::connect_with(&server.base, payload).await?;
        live.subscribe("q", "{ __typename }", json!({})).await?;
        live.next().await?;
    }
    server.stop().await
}
