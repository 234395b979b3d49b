//! Tests of sending, against the server of `stub`.

use super::{
    SimulateArgs,
    call::Call,
    record::{self, Record},
    report::Report,
    run,
    send::{self, Pace, Server},
    stub::{credentials, stub},
    tell,
};
use axum::{http::StatusCode, response::IntoResponse};
use chrono::DateTime;
use clap::Parser;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: SimulateArgs,
}

/// Arguments as typed, with a data folder of their own.
fn typed(folder: &tempfile::TempDir, more: &[&str]) -> SimulateArgs {
    let text = "[matrix]\nusername = \"matrix\"\npassword = \"pass:word\"\n[urgent]\ntoken = \"token\"\nsecret = \"secret\"\n";
    std::fs::write(folder.path().join("credentials.toml"), text).unwrap();
    let common = ["simulate", "--data-dir", folder.path().to_str().unwrap()];
    Command::parse_from(common.iter().chain(more)).args
}

/// The calls of `more`, told at a fixed moment.
fn calls(more: &[&str]) -> Vec<Call> {
    let folder = tempfile::tempdir().unwrap();
    tell(
        &typed(&folder, more),
        DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
    )
    .unwrap()
}

async fn send(address: &str, calls: Vec<Call>, record: Option<Record>) -> Report {
    let server = Server::at(address, credentials(), 8).unwrap();
    send::all(
        server,
        calls,
        Pace {
            concurrency: 8,
            rate: None,
        },
        record,
        indicatif::ProgressBar::hidden(),
    )
    .await
}

#[test]
fn same_seed_and_moment_make_the_same_calls() {
    let mischief = [
        "--events",
        "800",
        "--duplicate",
        "0.1",
        "--shuffle",
        "0.2",
        "--bad",
        "0.1",
    ];
    let told = |more: &[&str]| -> Vec<(String, u16, bool)> {
        calls(&[&mischief[..], more].concat())
            .into_iter()
            .map(|call| (call.body, call.expected, call.repeat))
            .collect()
    };
    assert!(told(&[]) == told(&["--seed", "1"]));
    assert!(told(&[]) != told(&["--seed", "2"]));
}

#[tokio::test]
async fn a_run_with_every_mischief_is_signed_and_has_no_unexplained_answer() {
    let (address, stub) = stub(vec![]).await;
    let calls = calls(&[
        "--events",
        "3000",
        "--duplicate",
        "0.1",
        "--shuffle",
        "0.2",
        "--bad",
        "0.02",
    ]);
    let total = calls.len();
    let report = send(&address, calls, None).await;
    assert!(report.is_clean(), "{report}");
    assert!(
        report.repeats > 50
            && report.moved > 100
            && report.expected_rejections > 5
            && report.broken_elements > 20,
        "{report}"
    );
    assert_eq!(stub.lock().unwrap().bodies.len(), total);
    assert_eq!(report.answers.values().sum::<usize>(), total);
    assert_eq!(report.answers[&200], report.acknowledged.calls);
    assert_eq!(report.sent.len(), 6, "all six routes are called");
    // Repeats of Urgent calls carry the first call's time.
    assert!(
        stub.lock()
            .unwrap()
            .timestamps
            .values()
            .all(|times| times.len() == 1)
    );
}

#[tokio::test]
async fn a_story_arrives_in_its_order() {
    let (address, stub) = stub(vec![]).await;
    assert!(
        send(&address, calls(&["--events", "3000", "--batch", "3"]), None)
            .await
            .is_clean()
    );
    let mut last: HashMap<String, i64> = HashMap::new();
    let mut created = BTreeSet::new();
    let mut checked = 0;
    for (path, body) in &stub.lock().unwrap().bodies {
        let body: Value = serde_json::from_str(body).unwrap();
        if path == "/webhooks/matrix" {
            for element in body.as_array().into_iter().flatten() {
                let Some(task) = element["Meta"]["TaskId"].as_str() else {
                    continue;
                };
                let at = element["UnixTimeInt"].as_i64().unwrap();
                assert!(
                    last.insert(task.to_owned(), at)
                        .is_none_or(|before| before < at)
                );
                checked += 1;
            }
        } else if let Some(task) = body["TaskIdentifier"].as_str() {
            assert_eq!(
                created.insert(task.to_owned()),
                path.ends_with("task-created"),
                "{path} {task}"
            );
        }
    }
    assert!(checked > 1_000 && created.len() > 50);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_other_answers_are_unexplained() {
    let busy = || {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            [("retry-after", "0")],
            "busy",
        )
            .into_response()
    };
    let odd = (StatusCode::TOO_MANY_REQUESTS, "slow down").into_response();
    let (address, stub) = stub(vec![odd, busy(), busy()]).await;
    let calls = calls(&["--events", "40"]);
    let total = calls.len();
    let report = send(&address, calls, None).await;
    assert_eq!(
        (report.retries, report.unexplained, report.answers[&429]),
        (2, 1, 1)
    );
    assert_eq!(report.unexplained_answers[0].body, "slow down");
    assert!(!report.is_clean());
    assert_eq!(stub.lock().unwrap().bodies.len(), total - 1);
}

#[tokio::test]
async fn what_is_recorded_is_what_was_acknowledged_and_can_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.jsonl");
    let (address, first) = stub(vec![]).await;
    let report = send(
        &address,
        calls(&["--events", "400", "--bad", "0.1"]),
        Some(Record::open(&path).unwrap()),
    )
    .await;
    assert!(
        report.is_clean() && report.expected_rejections > 0,
        "{report}"
    );

    let (address, second) = stub(vec![]).await;
    let again = send(&address, record::read(&path, true).unwrap(), None).await;
    assert!(again.is_clean());
    assert_eq!(again.acknowledged, report.acknowledged);
    let (first, second) = (first.lock().unwrap(), second.lock().unwrap());
    for (body, times) in &second.timestamps {
        assert_eq!(times, &first.timestamps[body], "the recorded time is kept");
    }
    assert_eq!(
        second.bodies.len() + report.expected_rejections,
        first.bodies.len()
    );
}

#[tokio::test]
async fn a_server_that_is_gone_ends_the_run_without_trying_everything() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let report = send(&address, calls(&["--events", "2000"]), None).await;
    assert!(
        !report.is_clean() && report.not_sent > 100 && report.acknowledged.calls == 0,
        "{report}"
    );
    assert!(report.first_failure.is_some());
}

#[tokio::test]
async fn the_command_finds_credentials_writes_places_and_fails_on_bad_proof() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _stub) = stub(vec![]).await;
    let good = run(typed(&folder, &["--against", &address, "--events", "60"]))
        .await
        .unwrap();
    assert_eq!(
        format!("{good:?}"),
        format!("{:?}", std::process::ExitCode::SUCCESS)
    );
    assert!(folder.path().join("places.toml").exists());
    let wrong = typed(
        &folder,
        &[
            "--against",
            &address,
            "--events",
            "60",
            "--urgent-token",
            "token",
            "--urgent-secret",
            "x",
            "--json",
        ],
    );
    assert!(
        !format!("{wrong:?}").contains("\"x\""),
        "secrets stay out of debug output"
    );
    let bad = run(wrong).await.unwrap();
    assert_eq!(
        format!("{bad:?}"),
        format!("{:?}", std::process::ExitCode::FAILURE)
    );
}

#[tokio::test]
async fn a_rate_holds_the_run_back() {
    let (address, _stub) = stub(vec![]).await;
    let server = Server::at(&address, credentials(), 8).unwrap();
    let calls = calls(&["--events", "60", "--batch", "1"]);
    let report = send::all(
        server,
        calls,
        Pace {
            concurrency: 8,
            rate: Some(200.0),
        },
        None,
        indicatif::ProgressBar::hidden(),
    )
    .await;
    // 60 events at 200 a second: the last one is due 295 ms after the first.
    assert!(report.is_clean() && report.seconds >= 0.29, "{report}");
}
