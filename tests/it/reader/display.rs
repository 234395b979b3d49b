//! Display keys: made and revoked as operators do it, used as a screen does.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::case::on_each_engine;
use crate::support::client::Answer;
use crate::support::event::incident;
use crate::support::live::{Live, Said};
use crate::support::oauth::word;
use crate::support::process::run;
use crate::support::reader::{SECRET, ask_as, by_secret, code};
use crate::support::rows::texts;
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_screen_runs_what_is_stored_and_nothing_else,
        a_screen_may_set_the_variables_that_are_free,
        a_revoked_key_ends_its_streams_on_every_node,
        only_the_hash_of_a_key_is_kept,
        what_is_no_operation_for_a_screen_is_refused,
        a_screen_that_would_show_nothing_is_noted,
        a_screen_asks_as_often_as_other_readers,
    ]
}

const BOARD: &str =
    "query Board($kind: String) { incidents(filter: {kind: {eq: $kind}}) { nodes { name } } }";
const FOLLOW: &str =
    "subscription Follow($after: String) { activity(after: $after) { cursor activity { kind } } }";

async fn serve(database: &TestDatabase) -> anyhow::Result<TestServer> {
    TestServer::start_with(database, |config| {
        config.readers.keys = vec![by_secret("own", SECRET)];
        config.readers.requests_per_minute = 20.try_into().unwrap();
        config.feed.heartbeat_milliseconds = 50;
        config.feed.poll_milliseconds = 100;
    })
    .await
}

/// `caretaker display-key add`; the key.
async fn add(
    database: &TestDatabase,
    name: &str,
    operation: &str,
    more: &[&str],
) -> anyhow::Result<String> {
    let (status, printed, said) = try_add(database, name, operation, more).await?;
    assert_eq!(status, Some(0), "{said}");
    word(&printed, "key")
}

async fn try_add(
    database: &TestDatabase,
    name: &str,
    operation: &str,
    more: &[&str],
) -> anyhow::Result<(Option<i32>, String, String)> {
    let file = database.folder().join("operation.graphql");
    std::fs::write(&file, operation)?;
    let file = file.display().to_string();
    let arguments = ["display-key", "add", name, "--operation", &file];
    run(database, &[&arguments[..], more].concat()).await
}

async fn a_screen_runs_what_is_stored_and_nothing_else(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = serve(&database).await?;
    server.matrix(json!([incident("b", 1, 1)])).await?;
    let named = r#"{"kind": "AQ Lite"}"#;
    let key = add(&database, "lobby", BOARD, &["--all", "--variables", named]).await?;
    let board = json!({"incidents": {"nodes": [{"name": "Bad smell in washroom"}]}});
    for body in [
        json!({}),
        json!({"query": BOARD}),
        json!({"query": BOARD, "variables": {"kind": "AQ Lite"}}),
        json!({"operationName": "Other"}),
    ] {
        let answer = ask_as(&server, &key, &body).await?;
        assert_eq!(answer.json()?["data"], board, "{answer}");
    }
    let get = server.request(Method::GET, "/graphql").bearer_auth(&key);
    let answer = Answer::of(get.send().await?).await?;
    assert_eq!(answer.json()?["data"], board, "{answer}");
    let mutation =
        "mutation { unlinkPlaces(places: [{source: MATRIX, code: \"b\"}]) { __typename } }";
    for body in [
        json!({"query": "{ buildings { nodes { name } } }"}),
        json!({"query": mutation}),
        json!({"query": format!("{BOARD} {{ __schema {{ types {{ name }} }} }}")}),
        json!({"query": BOARD, "variables": {"kind": "Another"}}),
        json!({"variables": {"kind": null}}),
        json!({"variables": {"first": 100}}),
    ] {
        let answer = ask_as(&server, &key, &body).await?;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (403, "FORBIDDEN"),
            "{body}"
        );
    }
    let mut live = Live::connect_with(&server.base, json!({ "token": key })).await?;
    live.subscribe("stored", "", json!({})).await?;
    assert_eq!(live.next().await?, board);
    assert!(matches!(live.said().await?, Said::Message(done) if done["type"] == "complete"));
    live.subscribe("other", "{ __typename }", json!({})).await?;
    let Said::Message(told) = live.said().await? else {
        anyhow::bail!("closed");
    };
    assert_eq!(told["type"], "error");
    assert_eq!(told["payload"][0]["extensions"]["code"], "FORBIDDEN");
    server.stop().await
}

async fn a_screen_may_set_the_variables_that_are_free(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = serve(&database).await?;
    let key = add(&database, "lobby", FOLLOW, &["--all", "--free", "after"]).await?;
    let token = json!({ "Authorization": format!("Bearer {key}") });
    let mut live = Live::connect_with(&server.base, token.clone()).await?;
    live.subscribe("s", "", json!({})).await?;
    let began = live.next().await?["activity"]["cursor"].take();
    server.matrix(json!([incident("b", 1, 1)])).await?;
    let is_news = |event: &Value| !event["activity"]["activity"].is_null();
    let news = live.next_where(is_news).await?;
    let mut live = Live::connect_with(&server.base, token).await?;
    live.subscribe("s", "", json!({ "after": began })).await?;
    assert_eq!(live.next_where(is_news).await?, news);
    server.stop().await
}

async fn a_revoked_key_ends_its_streams_on_every_node(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let (one, other) = (serve(&database).await?, serve(&database).await?);
    let key = add(&database, "lobby", FOLLOW, &["--all"]).await?;
    let kept = add(&database, "hall", FOLLOW, &["--all"]).await?;
    let mut ending = Vec::new();
    for server in [&one, &other] {
        let mut live = Live::connect_with(&server.base, json!({ "token": key })).await?;
        live.subscribe("s", "", json!({})).await?;
        live.next().await?;
        ending.push(live);
    }
    let mut staying = Live::connect_with(&one.base, json!({ "token": kept })).await?;
    staying.subscribe("s", "", json!({})).await?;
    let (status, said, _) = run(&database, &["display-key", "revoke", "lobby"]).await?;
    assert_eq!(status, Some(0), "{said}");
    for mut live in ending {
        let closed = live.closed();
        let closed = tokio::time::timeout(std::time::Duration::from_secs(10), closed).await??;
        assert_eq!(closed, (4403, "The display key was revoked".to_owned()));
    }
    for server in [&one, &other] {
        let answer = ask_as(server, &key, &json!({})).await?;
        assert_eq!(answer.status, 401, "{answer}");
        let mut live = Live::open(&server.base).await?;
        live.init(json!({ "token": key })).await?;
        assert_eq!(live.closed().await?.0, 4403);
    }
    for _ in 0..3 {
        staying.next().await?;
    }
    // The name is free again, the old key stays revoked.
    let again = add(&database, "lobby", BOARD, &["--all"]).await?;
    assert_eq!(ask_as(&one, &again, &json!({})).await?.status, 200);
    assert_eq!(ask_as(&one, &key, &json!({})).await?.status, 401);
    one.stop().await?;
    other.stop().await
}

async fn only_the_hash_of_a_key_is_kept(database: TestDatabase) -> anyhow::Result<()> {
    let key = add(&database, "lobby", BOARD, &["--all"]).await?;
    let secret = key.rsplit_once('_').unwrap().1;
    let list = async || -> anyhow::Result<String> {
        let (status, printed, said) = run(&database, &["display-key", "list"]).await?;
        assert_eq!(status, Some(0), "{said}");
        Ok(printed)
    };
    let listed = list().await?;
    assert!(
        listed.contains("lobby") && listed.contains("query Board"),
        "{listed}"
    );
    assert!(listed.contains("used never"), "{listed}");
    assert!(!listed.contains(secret), "{listed}");
    let server = serve(&database).await?;
    assert_eq!(ask_as(&server, &key, &json!({})).await?.status, 200);
    // The use is noted beside the request.
    let noted = async {
        while list().await?.contains("used never") {}
        anyhow::Ok(())
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), noted).await??;
    server.stop().await?;
    let open = caretaker::domain::database::Database::open(database.url(), 1).await?;
    let kept = texts(
        &open,
        "SELECT secret_hash || operation || name || id FROM display_key",
    )
    .await?;
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].contains(secret), "{kept:?}");
    open.close().await;
    let (_, changed) = key.split_at(key.len() - 1);
    let wrong = format!(
        "{}{}",
        &key[..key.len() - 1],
        if changed == "A" { "E" } else { "A" }
    );
    let server = serve(&database).await?;
    assert_eq!(ask_as(&server, &wrong, &json!({})).await?.status, 401);
    server.stop().await
}

async fn what_is_no_operation_for_a_screen_is_refused(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let refused = async |operation: &str, more: &[&str], words: &str| -> anyhow::Result<()> {
        let (status, printed, said) = try_add(&database, "x", operation, more).await?;
        assert_eq!(status, Some(1), "{printed}");
        assert!(said.contains(words), "{said}");
        Ok(())
    };
    let mutation =
        "mutation { unlinkPlaces(places: [{source: MATRIX, code: \"b\"}]) { __typename } }";
    refused(mutation, &["--all"], "no mutations").await?;
    refused("{ nothing }", &["--all"], "nothing").await?;
    refused("subscription { nothing }", &["--all"], "nothing").await?;
    refused(
        "query A { __typename } query B { __typename }",
        &["--all"],
        "exactly one",
    )
    .await?;
    refused("{", &["--all"], "well-formed").await?;
    refused(BOARD, &[], "say what it may see").await?;
    refused(BOARD, &["--building", "x"], "`buildings`").await?;
    refused(BOARD, &["--all", "--variables", "[]"], "not a JSON object").await?;
    refused(
        BOARD,
        &["--all", "--variables", "{\"x\": 1}"],
        "no variable `x`",
    )
    .await?;
    refused(BOARD, &["--all", "--free", "x"], "no variable `x`").await?;
    add(&database, "x", BOARD, &["--all"]).await?;
    refused(BOARD, &["--all"], "already").await?;
    add(&database, "y", FOLLOW, &["--tenant", "t"]).await?;
    Ok(())
}

async fn a_screen_that_would_show_nothing_is_noted(database: TestDatabase) -> anyhow::Result<()> {
    let server = serve(&database).await?;
    server.push(json!([incident("b", 0, 0)])).await?;
    server.stop().await?;
    let operation = "query Board($code: String!) { building(by: {place: {source: MATRIX, code: $code}}) { name } buildings { totalCount } }";
    let note = "note `building` is null now";
    for (name, code, claims, is_noted) in [
        ("known", "b", ["--all", "--free", "code"], false),
        ("unknown", "c", ["--all", "--free", "code"], true),
        ("outside", "b", ["--tenant", "t", "--free=code"], true),
    ] {
        let variables = json!({ "code": code }).to_string();
        let more = [&["--variables", &variables][..], &claims].concat();
        let (status, printed, said) = try_add(&database, name, operation, &more).await?;
        assert_eq!(status, Some(0), "{said}");
        assert_eq!(printed.contains(note), is_noted, "{name}: {printed}");
        assert!(word(&printed, "key")?.starts_with("ckd_"), "{printed}");
    }
    Ok(())
}

async fn a_screen_asks_as_often_as_other_readers(database: TestDatabase) -> anyhow::Result<()> {
    let server = serve(&database).await?;
    let key = add(&database, "lobby", BOARD, &["--all"]).await?;
    // A slow machine gets one more every three seconds.
    for asked in 0.. {
        match ask_as(&server, &key, &json!({})).await?.status {
            200 if asked < 100 => {}
            429 if asked >= 20 => break,
            status => anyhow::bail!("{status} after {asked}"),
        }
    }
    server.stop().await
}
