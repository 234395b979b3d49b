//! `caretaker simulate` as it is typed: what it says before it sends. What it sends is shown by `durability`.

use std::convert::Infallible;
use std::process::Output;

use axum::body::Body;
use axum::routing::{get, post};
use axum::{Json, Router};
use caretaker::domain::database::Database;
use caretaker::domain::migrate;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use crate::support::case::{on_each_engine, once};
use crate::support::process::command;
use crate::support::{Case, Process, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    let mut tests = once![
        nothing_is_written_when_nobody_answers,
        what_is_no_caretaker_is_told_nothing,
        a_feed_that_leaves_out_repeats_or_swaps_something_is_found_out,
    ];
    tests.extend(on_each_engine![
        a_server_that_is_not_ready_is_told_nothing,
        names_of_another_seed_are_replaced_and_that_is_said,
        subscribers_over_all_transports_are_held_against_the_feed,
    ]);
    tests
}

const BY_HAND: [&str; 8] = [
    "--matrix-username",
    "matrix",
    "--matrix-password",
    "hidden",
    "--urgent-token",
    "urgent",
    "--urgent-secret",
    "hidden",
];

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn nothing_is_written_when_nobody_answers() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("data"))?;
    std::fs::write(
        folder.path().join("data/credentials.toml"),
        "[matrix]\nusername = 'matrix'\npassword = 'hidden'\n\n[urgent]\ntoken = 'urgent'\nsecret = 'hidden'\n",
    )?;
    // Nobody listens here any more.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let against = format!("http://{}", closed.local_addr()?);
    drop(closed);
    let output = command(folder.path())
        .args(["simulate", "--against", &against])
        .output()
        .await?;
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    let mut lines = said.lines();
    assert_eq!(
        lines.next(),
        Some(&*format!(
            "Sending to {against} with the credentials in ./data/credentials.toml"
        ))
    );
    let why = lines.next().unwrap_or_default();
    assert!(
        why.starts_with(&format!(
            "caretaker: nobody answers at {against} (Connection refused"
        )),
        "{said}"
    );
    assert_eq!(lines.next(), None);
    assert!(!folder.path().join("data/places.toml").exists());
    Ok(())
}

async fn what_is_no_caretaker_is_told_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let other = axum::Router::new().fallback(async || "welcome");
    tokio::spawn(async move { axum::serve(listener, other).await });
    let output = command(folder.path())
        .args(["simulate", "--against"])
        .arg(format!("http://proxy:hidden@{address}/"))
        .args(BY_HAND)
        .output()
        .await?;
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "Sending to http://{address} with the credentials given by hand\n\
         caretaker: what answers at http://{address} is no caretaker: /readyz is answered 200 OK\n"
    );
    assert_eq!(said(&output), expected);
    Ok(())
}

async fn a_server_that_is_not_ready_is_told_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let beside = Database::open(database.url(), 1).await?;
    migrate::down(&beside, 1).await?;
    beside.close().await;
    let output = command(database.folder())
        .args(["simulate", "--against", &server.base])
        .args(BY_HAND)
        .output()
        .await?;
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    let why = format!(
        "caretaker: the server at {} is not ready: migrations pending\n",
        server.base
    );
    assert!(said.ends_with(&why), "{said}");
    server.stop().await
}

async fn names_of_another_seed_are_replaced_and_that_is_said(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = Process::start(&database).await?;
    for (seed, is_said) in [("1", false), ("1", false), ("2", true)] {
        let output = command(database.folder())
            .args(["simulate", "--json", "--events", "30", "--seed", seed])
            .args(["--against", &server.base])
            .output()
            .await?;
        assert!(output.status.success(), "{output:?}");
        let summary: Value = serde_json::from_slice(&output.stdout)?;
        assert_eq!(summary["unexplained"], 0, "{summary}");
        let said = said(&output);
        let note = "data/places.toml held the names of another estate";
        assert_eq!(said.contains(note), is_said, "{said}");
    }
    server.kill().await
}

async fn subscribers_over_all_transports_are_held_against_the_feed(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = Process::start(&database).await?;
    let simulate = async |more: &[&str]| {
        let output = command(database.folder())
            .args([
                "simulate",
                "--json",
                "--batch",
                "3",
                "--against",
                &server.base,
            ])
            .args(more)
            .output()
            .await?;
        assert!(output.status.success(), "{output:?}");
        anyhow::Ok(serde_json::from_slice::<Value>(&output.stdout)?)
    };
    let pid = std::process::id().to_string();
    let several = [
        "--events",
        "40",
        "--subscribers",
        "9",
        "--verify",
        "--server-pid",
        &pid,
    ];
    let heard = simulate(&several).await?["heard"].take();
    assert_eq!(
        heard["subscribed"],
        serde_json::json!({"ws": 3, "sse": 3, "multipart": 3})
    );
    assert!(heard["idleBytes"].is_number(), "{heard}");
    let found = &heard["verified"];
    let expected = found["expected"].as_u64().unwrap();
    // Deadlines that pass meanwhile are told as well.
    let frames = heard["frames"].as_u64().unwrap();
    assert!(expected >= 9 * 30 && frames >= expected, "{heard}");
    for fault in ["missing", "repeated", "disordered", "unknown"] {
        assert_eq!(found[fault], 0, "{heard}");
    }
    assert!(found["timed"].as_u64().unwrap() > expected / 2, "{heard}");
    assert!(found["p99Milliseconds"].as_f64().unwrap() > 0.0, "{heard}");
    // A duration is so many events at the rate.
    let paced = [
        "--rate",
        "40",
        "--duration",
        "1",
        "--seed",
        "2",
        "--subscribers",
        "1",
        "--transports",
        "sse",
    ];
    let summary = simulate(&paced).await?;
    let sent = summary["sent"].as_object().unwrap().values();
    assert_eq!(
        sent.map(|sent| sent["events"].as_u64().unwrap())
            .sum::<u64>(),
        40
    );
    let heard = &summary["heard"];
    assert_eq!(heard["subscribed"], serde_json::json!({"sse": 1}));
    assert!(
        heard["verified"].is_null() && heard["idleBytes"].is_null(),
        "{heard}"
    );
    server.kill().await
}

/// A server that takes all calls, whose feed holds five activities and whose streams tell these instead.
async fn spoiled(told: &'static [usize]) -> anyhow::Result<String> {
    let cursor = |number: usize| format!("c{number}");
    let page = json!({"data": {"activities": {
        "nodes": (1..=5).map(|number| json!({"cursor": cursor(number)})).collect::<Vec<_>>(),
        "pageInfo": {"hasNextPage": false, "endCursor": "c5"},
    }}});
    let stream = move || async move {
        let event = |cursor: String, activity: Value| {
            let data = json!({"data": {"told": {"cursor": cursor, "activity": activity}}});
            Ok::<_, Infallible>(format!("event: next\ndata: {data}\n\n"))
        };
        let start = event(cursor(0), Value::Null);
        let rows = told.iter().map(|number| event(cursor(*number), json!({})));
        let pieces: Vec<_> = std::iter::once(start).chain(rows).collect();
        Body::from_stream(stream::iter(pieces).chain(stream::pending()))
    };
    let server = Router::new()
        .route("/readyz", get(async || Json(json!({"ready": true}))))
        .route("/graphql", post(async || Json(page)))
        .route("/graphql/stream", post(stream))
        .fallback(async || "");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, server).await });
    Ok(format!("http://{address}"))
}

async fn a_feed_that_leaves_out_repeats_or_swaps_something_is_found_out() -> anyhow::Result<()> {
    // As many as there should be each time, so that nothing has to be waited for: missing, repeated, disordered, unknown.
    for (told, found) in [
        (&[1, 2, 3, 4, 5], [0, 0, 0, 0]),
        (&[1, 2, 2, 4, 5], [1, 1, 0, 0]),
        (&[1, 3, 2, 4, 5], [0, 0, 1, 0]),
        (&[1, 2, 3, 4, 9], [1, 0, 0, 1]),
    ] {
        let folder = tempfile::tempdir()?;
        let against = spoiled(told).await?;
        let output = command(folder.path())
            .args(["simulate", "--json", "--events", "5", "--against", &against])
            .args(["--subscribers", "2", "--transports", "sse", "--verify"])
            .args(BY_HAND)
            .output()
            .await?;
        let code = i32::from(found != [0; 4]);
        assert_eq!(output.status.code(), Some(code), "{told:?}: {output:?}");
        let summary: Value = serde_json::from_slice(&output.stdout)?;
        let verified = &summary["heard"]["verified"];
        let faults = ["missing", "repeated", "disordered", "unknown"].map(|name| &verified[name]);
        // Two subscribers were told so.
        assert_eq!(faults, found.map(|count| 2 * count), "{told:?}: {summary}");
        assert_eq!(summary["failed"], 0, "{summary}");
        assert_eq!(summary["unexplained"], 0, "{summary}");
    }
    Ok(())
}
