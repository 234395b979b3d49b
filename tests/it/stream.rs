//! GraphQL over server-sent events at `/graphql/stream`, and subscriptions in parts at `/graphql`.

use caretaker::config::Config;
use chrono::Utc;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Answer;
use crate::support::event::incident;
use crate::support::events::Pieces;
use crate::support::feed::stored;
use crate::support::oauth::word;
use crate::support::process::run;
use crate::support::reader::{SECRET, all, by_hs256, by_secret, own_claims};
use crate::support::{Case, Process, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_stream_tells_what_the_query_gives_and_goes_on_after_the_last_event,
        a_subscription_can_be_asked_for_by_get,
        a_subscription_comes_in_events_where_queries_are_asked,
        a_query_is_one_event_and_its_end,
        get_changes_nothing,
        what_is_no_request_for_a_stream_is_refused_over_http,
        what_is_not_run_is_told_in_the_stream,
        a_subscription_of_several_fields_is_refused,
        a_quiet_stream_shows_that_it_lives,
        a_stream_ends_with_its_token_and_is_not_complete,
        a_screen_goes_on_where_its_key_lets_it,
        one_stream_too_many_of_a_reader_is_refused,
        who_takes_nothing_of_a_stream_keeps_its_place_until_it_is_cut_off,
        a_server_that_stops_sends_its_streams_away_to_come_back,
        a_subscription_comes_in_parts_to_those_who_take_them,
        parts_end_with_the_token,
        parts_end_with_a_word_when_the_server_stops,
    ]
}

const FOLLOW: &str =
    "subscription($after: String) { activity(after: $after) { cursor activity { id cursor } } }";
const EVENTS: &str = "text/event-stream";
const PARTS: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json";

fn quick(config: &mut Config) {
    config.feed.heartbeat_milliseconds = 50;
}

fn post(base: &str, query: &str, variables: Value) -> reqwest::RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({"query": query, "variables": variables});
    let request = client.post(format!("{base}/graphql/stream"));
    request.header("accept", EVENTS).json(&body)
}

async fn report(server: &TestServer, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let batch: Vec<Value> = numbers.map(|n| incident("b", n, n)).collect();
    assert_eq!(server.matrix(json!(batch)).await?.status, 200);
    Ok(())
}

async fn a_stream_tells_what_the_query_gives_and_goes_on_after_the_last_event(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let mut stream = Pieces::of(post(&server.base, FOLLOW, json!({}))).await?;
    assert!(stream.header("content-type").starts_with(EVENTS));
    assert_eq!(stream.header("cache-control"), "no-store");
    // From now, and where that is.
    let first = stream.event().await?;
    let start = first.json()?["data"]["activity"]["cursor"].take();
    assert_eq!(first.id.as_deref(), start.as_str());
    report(&server, 0..5).await?;
    let mut rows = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        let (id, told) = stream.news().await?;
        assert_eq!(id.as_deref(), told["cursor"].as_str());
        rows.push(told["activity"]["id"].clone());
        last = id;
    }
    drop(stream);
    report(&server, 5..8).await?;
    // What the variables say of `after` is older than what the client has seen since.
    let variables = json!({ "after": start });
    let again = post(&server.base, FOLLOW, variables).header("last-event-id", last.unwrap());
    let mut stream = Pieces::of(again).await?;
    for _ in 0..5 {
        rows.push(stream.news().await?.1["activity"]["id"].clone());
    }
    let stored = stored(&server.base, start.as_str()).await?;
    let ids: Vec<Value> = stored.into_iter().map(|(_, id)| json!(id)).collect();
    assert_eq!(rows, ids);
    // An id that is none is told, not passed over.
    let odd = post(&server.base, FOLLOW, json!({})).header("last-event-id", "nowhere");
    let mut stream = Pieces::of(odd).await?;
    let told = stream.event().await?.json()?;
    assert_eq!(told["errors"][0]["extensions"]["code"], "CURSOR_INVALID");
    assert_eq!(stream.event().await?.name, "complete");
    server.stop().await
}

async fn a_subscription_can_be_asked_for_by_get(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let parameters = [
        ("query", FOLLOW),
        ("variables", "{}"),
        ("operationName", ""),
    ];
    let url = Url::parse_with_params(&server.url("/graphql/stream"), parameters)?;
    let get = |last: &str| {
        let request = server.http.get(url.clone()).header("accept", EVENTS);
        request.header("last-event-id", last)
    };
    // A browser that has no id yet sends an empty one, or none.
    let mut stream = Pieces::of(get("")).await?;
    let start = stream.event().await?.id.unwrap();
    report(&server, 0..3).await?;
    let told = stream.news().await?;
    let mut stream = Pieces::of(get(&start)).await?;
    assert_eq!(stream.news().await?, told);
    server.stop().await
}

async fn a_subscription_comes_in_events_where_queries_are_asked(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let asked = |accept: &str, query: &str| {
        let request = server.request(Method::POST, "/graphql");
        request
            .header("accept", accept)
            .json(&json!({"query": query}))
    };
    // As urql asks.
    let live = "text/event-stream, multipart/mixed";
    let mut stream = Pieces::of(asked(live, FOLLOW)).await?;
    assert!(stream.header("content-type").starts_with(EVENTS));
    let start = stream.event().await?.id.unwrap();
    report(&server, 0..3).await?;
    let (_, told) = stream.news().await?;
    let stored = stored(&server.base, Some(&start)).await?;
    assert_eq!(told["activity"]["id"], json!(stored[0].1));
    // What is not run is told in the form that was asked for.
    for wrong in ["subscription {", "subscription { nothing }"] {
        let mut stream = Pieces::of(asked(live, wrong)).await?;
        let told = stream.event().await?.json()?;
        assert!(told["errors"][0]["message"].is_string(), "{told}");
        assert_eq!(stream.event().await?.name, "complete");
    }
    // A query stays as it is where JSON is taken.
    let either = "application/graphql-response+json, text/event-stream";
    let answer = Answer::of(asked(either, "{ __typename }").send().await?).await?;
    let kind = answer.header("content-type");
    assert!(
        kind.starts_with("application/graphql-response+json"),
        "{answer}"
    );
    server.stop().await
}

async fn a_query_is_one_event_and_its_end(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let query = post(&server.base, "{ __typename }", json!({}));
    let said = Pieces::of(query).await?.rest().await?;
    let told =
        "event: next\ndata: {\"data\":{\"__typename\":\"Query\"}}\n\nevent: complete\ndata:\n\n";
    assert_eq!(said, format!(":\n\n{told}"));
    let get = server.request(Method::GET, "/graphql/stream?query=%7B__typename%7D");
    let said = Pieces::of(get.header("accept", EVENTS))
        .await?
        .rest()
        .await?;
    assert_eq!(said, format!(":\n\n{told}"));
    let mutation =
        "mutation { linkPlaces(places: [{source: MATRIX, code: \"b\"}], name: \"x\") { name } }";
    let mut stream = Pieces::of(post(&server.base, mutation, json!({}))).await?;
    assert_eq!(stream.event().await?.name, "next");
    assert_eq!(stream.event().await?.name, "complete");
    server.stop().await
}

async fn get_changes_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let mutation = "mutation{unlinkPlaces(places:[{source:MATRIX,code:\"b\"}]){name}}";
    let url = Url::parse_with_params(&server.url("/graphql/stream"), [("query", mutation)])?;
    let get = server.http.get(url).header("accept", EVENTS);
    let answer = Answer::of(get.send().await?).await?;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, "POST"),
        "{answer}"
    );
    server.stop().await
}

async fn what_is_no_request_for_a_stream_is_refused_over_http(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let status = async |request: reqwest::RequestBuilder| {
        anyhow::Ok(request.send().await?.status().as_u16())
    };
    let at = |method: Method| server.request(method, "/graphql/stream");
    let body = json!({"query": "{ __typename }"});
    for accept in ["application/json", "*/*", "text/*", "text/event-stream;q=0"] {
        let request = at(Method::POST).header("accept", accept).json(&body);
        assert_eq!(status(request).await?, 406, "{accept}");
    }
    let accepting =
        |method: Method| at(method).header("accept", "text/html;q=0.1, Text/Event-Stream");
    assert_eq!(status(accepting(Method::POST).json(&body)).await?, 200);
    assert_eq!(
        status(accepting(Method::POST).body(body.to_string())).await?,
        415
    );
    assert_eq!(
        status(accepting(Method::POST).json(&json!([body]))).await?,
        400
    );
    assert_eq!(status(accepting(Method::POST).json(&json!({}))).await?, 400);
    assert_eq!(status(accepting(Method::GET)).await?, 400);
    assert_eq!(status(accepting(Method::PUT).json(&body)).await?, 405);
    let long = json!({"query": "{ __typename }", "variables": {"a": "x".repeat(300_000)}});
    assert_eq!(status(accepting(Method::POST).json(&long)).await?, 413);
    server.stop().await
}

async fn what_is_not_run_is_told_in_the_stream(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for (query, code) in [
        ("{", "BAD_INPUT"),
        ("{ nothing }", "BAD_INPUT"),
        (
            "{ incidents(first: 1000) { nodes { id } } }",
            "LIMIT_EXCEEDED",
        ),
    ] {
        let mut stream = Pieces::of(post(&server.base, query, json!({}))).await?;
        let told = stream.event().await?;
        assert_eq!(told.name, "next");
        let told = told.json()?;
        assert_eq!(told["errors"][0]["extensions"]["code"], code, "{told}");
        assert!(told.get("data").is_none(), "{told}");
        let complete = stream.event().await?;
        assert_eq!(
            (complete.name.as_str(), complete.data.as_str()),
            ("complete", "")
        );
        assert_eq!(stream.any_event().await?, None);
    }
    server.stop().await
}

async fn a_subscription_of_several_fields_is_refused(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    // Each would go its own way, and there would be no one cursor to come back to.
    let both = "subscription { a: activity { cursor } b: activity { cursor } }";
    let mut stream = Pieces::of(post(&server.base, both, json!({}))).await?;
    let told = stream.event().await?.json()?;
    assert_eq!(told["errors"][0]["extensions"]["code"], "BAD_INPUT");
    assert_eq!(stream.event().await?.name, "complete");
    server.stop().await
}

async fn a_quiet_stream_shows_that_it_lives(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| config.live.ping_seconds = 1).await?;
    let mut stream = Pieces::of(post(&server.base, FOLLOW, json!({}))).await?;
    assert_eq!(
        stream.any_event().await?.unwrap().comment.as_deref(),
        Some("")
    );
    assert_eq!(stream.any_event().await?.unwrap().name, "next");
    for _ in 0..2 {
        let sign = stream.any_event().await?.unwrap();
        assert_eq!(
            (sign.name.as_str(), sign.comment.as_deref()),
            ("", Some(""))
        );
    }
    let mut parts = Pieces::of(in_parts(&server.base, FOLLOW)).await?;
    assert_eq!(part(&mut parts).await?, None);
    assert!(part(&mut parts).await?.unwrap()["payload"]["data"].is_object());
    assert_eq!(part(&mut parts).await?, Some(json!({})));
    server.stop().await
}

async fn of_readers(database: &TestDatabase) -> anyhow::Result<TestServer> {
    of_readers_with(database, |_| ()).await
}

async fn of_readers_with(
    database: &TestDatabase,
    more: impl FnOnce(&mut Config),
) -> anyhow::Result<TestServer> {
    TestServer::start_with(database, |config| {
        quick(config);
        more(config);
        config.readers.keys = vec![by_secret("own", SECRET)];
        config.readers.leeway_seconds = 0;
        config.live.max_per_viewer = 1;
    })
    .await
}

/// A token that is over in three seconds.
fn short() -> String {
    let mut claims = own_claims(Utc::now(), json!({"all": true}));
    claims["exp"] = json!(Utc::now().timestamp() + 3);
    by_hs256(SECRET.as_bytes(), &claims)
}

async fn a_stream_ends_with_its_token_and_is_not_complete(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = of_readers(&database).await?;
    let token = short();
    let request = || post(&server.base, FOLLOW, json!({})).bearer_auth(&token);
    let mut stream = Pieces::of(request()).await?;
    let last = stream.ended().await?;
    // `complete` would tell the client that there is nothing to come back for.
    assert_eq!(
        (last.name.as_str(), last.comment.as_deref()),
        ("", Some("The token has expired"))
    );
    assert_eq!(request().send().await?.status(), 401);
    server.stop().await
}

async fn a_screen_goes_on_where_its_key_lets_it(database: TestDatabase) -> anyhow::Result<()> {
    let server = of_readers(&database).await?;
    let file = database.folder().join("operation.graphql");
    std::fs::write(&file, FOLLOW)?;
    let file = file.display().to_string();
    let add = async |name: &str, more: &[&str]| {
        let arguments = ["display-key", "add", name, "--operation", &file, "--all"];
        let (_, printed, said) = run(&database, &[&arguments[..], more].concat()).await?;
        word(&printed, "key").map_err(|error| error.context(said))
    };
    let free = add("free", &["--free", "after"]).await?;
    let bound = add("bound", &[]).await?;
    let follow = |key: &str, last: Option<&str>| {
        let request = server.request(Method::GET, "/graphql/stream");
        let request = request.header("accept", EVENTS).bearer_auth(key);
        match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        }
    };
    let mut stream = Pieces::of(follow(&free, None)).await?;
    let start = stream.event().await?.id.unwrap();
    report(&server, 0..2).await?;
    let told = stream.news().await?;
    drop(stream);
    let again = until_there_is_room(|| follow(&free, Some(&start))).await?;
    assert_eq!({ again }.news().await?, told);
    // The other one always begins with now, and is not told where that is.
    let mut stream = Pieces::of(follow(&bound, Some(&start))).await?;
    let first = stream.event().await?;
    assert_eq!(
        (
            first.id.as_deref(),
            &first.json()?["data"]["activity"]["activity"]
        ),
        (None, &Value::Null)
    );
    let (status, said, _) = run(&database, &["display-key", "revoke", "bound"]).await?;
    assert_eq!(status, Some(0), "{said}");
    let last = stream.ended().await?;
    assert_eq!(last.comment.as_deref(), Some("The display key was revoked"));
    server.stop().await
}

/// Comes back until there is room: the server learns with the next thing it says that somebody has left.
async fn until_there_is_room(
    request: impl Fn() -> reqwest::RequestBuilder,
) -> anyhow::Result<Pieces> {
    loop {
        let response = request().send().await?;
        if response.status() != 429 {
            return Pieces::taken(response).await;
        }
    }
}

async fn one_stream_too_many_of_a_reader_is_refused(database: TestDatabase) -> anyhow::Result<()> {
    let server = of_readers(&database).await?;
    let token = all(Utc::now());
    let mut stream = Pieces::of(post(&server.base, FOLLOW, json!({})).bearer_auth(&token)).await?;
    stream.event().await?;
    for request in [
        post(&server.base, FOLLOW, json!({})),
        in_parts(&server.base, FOLLOW),
    ] {
        let answer = Answer::of(request.bearer_auth(&token).send().await?).await?;
        assert_eq!(answer.status, 429, "{answer}");
        let extensions = &answer.json()?["errors"][0]["extensions"];
        assert_eq!(extensions["limit"], "max_per_viewer", "{answer}");
    }
    stream.event().await?;
    server.stop().await
}

async fn who_takes_nothing_of_a_stream_keeps_its_place_until_it_is_cut_off(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = of_readers_with(&database, |config| {
        config.live.patience_seconds = 1;
        config.write_seconds = 1;
    })
    .await?;
    let token = all(Utc::now());
    let first = post(&server.base, FOLLOW, json!({})).bearer_auth(&token);
    let start = Pieces::of(first).await?.event().await?.id;
    for batch in 0..4 {
        report(&server, batch * 100..batch * 100 + 100).await?;
    }
    // More than the two ends of the connection hold.
    let wide =
        "incidents(first: 100) { nodes { id code state description reportedAt zone { id name } } }";
    let wide = format!(
        "subscription($after: String) {{ activity(after: $after) {{ activity {{ building {{
            a: {wide} b: {wide} c: {wide} }} }} }} }}"
    );
    let variables = json!({ "after": start });
    let stalled = || post(&server.base, &wide, variables.clone()).bearer_auth(&token);
    let stalled = until_there_is_room(stalled).await?;
    let next = || post(&server.base, FOLLOW, json!({})).bearer_auth(&token);
    until_there_is_room(next).await?.event().await?;
    drop(stalled);
    server.stop().await
}

async fn a_server_that_stops_sends_its_streams_away_to_come_back(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = Process::start(&database).await?;
    let mut stream = Pieces::of(post(&server.base, FOLLOW, json!({}))).await?;
    let first = stream.event().await?;
    assert_eq!(first.name, "next");
    let (status, last) = tokio::join!(server.terminate(), stream.ended());
    assert!(status?.success());
    let last = last?;
    assert_eq!(
        (last.name.as_str(), last.retry.as_deref()),
        ("", Some("1000"))
    );
    Ok(())
}

/// A subscription as Apollo's client asks for it.
fn in_parts(base: &str, query: &str) -> reqwest::RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{base}/graphql"));
    request
        .header("accept", PARTS)
        .json(&json!({ "query": query }))
}

/// The next part; nothing before the first one. It is whole once the line after it is there.
async fn part(parts: &mut Pieces) -> anyhow::Result<Option<Value>> {
    let part = parts.until("\r\n--graphql").await?.unwrap();
    match part.strip_prefix("\r\nContent-Type: application/json\r\n\r\n") {
        Some(body) => Ok(Some(serde_json::from_str(body)?)),
        None => {
            assert_eq!(part, "");
            Ok(None)
        }
    }
}

async fn a_subscription_comes_in_parts_to_those_who_take_them(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, quick).await?;
    let mut parts = Pieces::of(in_parts(&server.base, FOLLOW)).await?;
    assert_eq!(
        parts.header("content-type"),
        "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0"
    );
    assert_eq!(part(&mut parts).await?, None);
    let first = part(&mut parts).await?.unwrap();
    let start = first["payload"]["data"]["activity"]["cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    report(&server, 0..3).await?;
    let mut ids = Vec::new();
    while ids.len() < 3 {
        let told =
            part(&mut parts).await?.unwrap()["payload"]["data"]["activity"]["activity"].take();
        if !told.is_null() {
            ids.push(told["id"].as_str().unwrap().to_owned());
        }
    }
    let stored = stored(&server.base, Some(&start)).await?;
    assert_eq!(
        ids,
        stored.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    );
    // What ends by itself says so.
    let odd = "subscription { activity(after: \"nowhere\") { cursor } }";
    let mut parts = Pieces::of(in_parts(&server.base, odd)).await?;
    part(&mut parts).await?;
    let told = part(&mut parts).await?.unwrap();
    assert_eq!(
        told["payload"]["errors"][0]["extensions"]["code"],
        "CURSOR_INVALID"
    );
    assert_eq!(parts.rest().await?, "--\r\n");
    // Anything else is answered as ever.
    let answer = Answer::of(in_parts(&server.base, "{ __typename }").send().await?).await?;
    assert!(
        answer
            .header("content-type")
            .starts_with("application/json"),
        "{answer}"
    );
    assert_eq!(answer.json()?, json!({"data": {"__typename": "Query"}}));
    let other = server
        .request(Method::POST, "/graphql")
        .header("accept", "multipart/mixed, application/json");
    let answer = Answer::of(other.json(&json!({ "query": FOLLOW })).send().await?).await?;
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    // What is not run is told, also to who takes nothing but parts.
    let only = server
        .request(Method::POST, "/graphql")
        .header("accept", "multipart/mixed;subscriptionSpec=1.0");
    let answer = Answer::of(
        only.json(&json!({"query": "subscription {"}))
            .send()
            .await?,
    )
    .await?;
    assert_eq!(answer.status, 400, "{answer}");
    assert_eq!(
        answer.json()?["errors"][0]["extensions"]["code"],
        "BAD_INPUT"
    );
    server.stop().await
}

async fn parts_end_with_the_token(database: TestDatabase) -> anyhow::Result<()> {
    let server = of_readers(&database).await?;
    let mut parts = Pieces::of(in_parts(&server.base, FOLLOW).bearer_auth(short())).await?;
    part(&mut parts).await?;
    loop {
        let told = part(&mut parts).await?.unwrap();
        if told["payload"].is_null() {
            let error = json!({"message": "The token has expired", "extensions": {"code": "UNAUTHENTICATED"}});
            assert_eq!(told, json!({"payload": null, "errors": [error]}));
            break;
        }
    }
    assert_eq!(parts.rest().await?, "--\r\n");
    server.stop().await
}

async fn parts_end_with_a_word_when_the_server_stops(database: TestDatabase) -> anyhow::Result<()> {
    let server = Process::start(&database).await?;
    let mut parts = Pieces::of(in_parts(&server.base, FOLLOW)).await?;
    part(&mut parts).await?;
    part(&mut parts).await?;
    let (status, rest) = tokio::join!(server.terminate(), parts.rest());
    assert!(status?.success());
    let told =
        "{\"errors\":[{\"message\":\"Service restart\"}],\"payload\":null}\r\n--graphql--\r\n";
    let rest = rest?;
    assert!(rest.ends_with(told), "{rest}");
    Ok(())
}
