//! How calls are refused: status, headers, and bodies that read well to the person to whom Urgent mails them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{SecondsFormat, TimeDelta, Utc};
use reqwest::Method;
use serde_json::json;

use crate::support::case::{on_each_engine, snapshot};
use crate::support::client::{Answer, Call, Client, digest};
use crate::support::look::acknowledged;
use crate::support::payload::{description, incident, note, status, with, without};
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_body_that_is_not_json_is_answered_400,
        a_body_of_another_shape_is_answered_422_with_path_and_expectation,
        each_call_names_the_member_it_misses,
        a_batch_that_is_no_batch_is_answered_422,
        a_call_without_proof_is_answered_401_and_told_how,
        an_unknown_name_and_a_wrong_secret_get_the_same_answer,
        a_signature_of_another_path_or_method_or_time_proves_nothing,
        a_stale_timestamp_proves_nothing_on_either_side,
        duplicate_headers_prove_nothing,
        two_credentials_are_valid_at_once_and_a_withdrawn_one_is_not,
        another_method_is_answered_405_with_the_right_one,
        a_body_over_the_limit_is_answered_413_and_one_at_the_limit_is_read,
        an_address_that_does_not_exist_is_answered_404,
        a_server_with_an_open_door_takes_calls_without_proof,
    ]
}

const AT: &str = "2020-05-29T10:47:34Z";

/// For snapshots: without the id by which the log is searched.
fn nameless(answer: &Answer) -> anyhow::Result<String> {
    let mut body = answer.json()?;
    let id = body["requestId"].take();
    assert!(id.as_str().is_some_and(|id| id.len() == 36), "{id}");
    body.as_object_mut().unwrap().remove("requestId");
    Ok(format!(
        "{} {}\n{body:#}",
        answer.status,
        answer.header("content-type")
    ))
}

async fn a_body_that_is_not_json_is_answered_400(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let answer = server.urgent(Call::NoteAdded, "{\"Tenant\": Test}").await?;
    snapshot!(nameless(&answer)?, @r#"
    400 application/problem+json
    {
      "detail": "The body is not JSON: expected value at line 1 column 12.",
      "path": "$",
      "status": 400,
      "title": "The body is not JSON",
      "type": "urn:caretaker:problem:not-json"
    }
    "#);
    for body in ["", " ", "[1,", "\u{feff}"] {
        assert_eq!(server.matrix(body).await?.status, 400, "{body:?}");
        assert_eq!(
            server.urgent(Call::TaskChased, body).await?.status,
            400,
            "{body:?}"
        );
    }
    server.stop().await
}

async fn a_body_of_another_shape_is_answered_422_with_path_and_expectation(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let told = with(status(1, AT, "Attended"), json!({"Tenant": ["a", "b"]}));
    let answer = server.urgent(Call::StatusChanged, told).await?;
    snapshot!(nameless(&answer)?, @r#"
    422 application/problem+json
    {
      "detail": "At $.Tenant: Expected the tenant, a text; found an array.",
      "path": "$.Tenant",
      "status": 422,
      "title": "The body does not have the expected shape",
      "type": "urn:caretaker:problem:wrong-shape"
    }
    "#);
    server.stop().await
}

/// Only what says of which task it speaks cannot be done without.
async fn each_call_names_the_member_it_misses(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let calls = [
        (Call::TaskCreated, description()),
        (Call::TaskChanged, description()),
        (Call::StatusChanged, status(1, AT, "Attended")),
        (Call::NoteAdded, note(1, AT)),
        (Call::TaskChased, crate::support::payload::chase(1, AT)),
    ];
    for (call, body) in calls {
        let untold = without(body.clone(), "", "Tenant");
        let answer = server.urgent(call, untold).await?;
        assert_eq!(answer.status, 422, "{call:?}");
        assert_eq!(answer.json()?["path"], "$.Tenant", "{call:?}");
        let nameless = without(body.clone(), "", "TaskIdentifier");
        let nameless = without(nameless, "", "TaskReference");
        let answer = server.urgent(call, nameless).await?;
        assert_eq!(answer.status, 422, "{call:?}");
        assert_eq!(answer.json()?["path"], "$.TaskIdentifier", "{call:?}");
        acknowledged(&server.urgent(call, body).await?)?;
    }
    server.stop().await
}

async fn a_batch_that_is_no_batch_is_answered_422(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let answer = server.matrix("\"five\"").await?;
    snapshot!(nameless(&answer)?, @r#"
    422 application/problem+json
    {
      "detail": "At $: Expected an array of event objects, or one such object; found \"five\".",
      "path": "$",
      "status": 422,
      "title": "The body does not have the expected shape",
      "type": "urn:caretaker:problem:wrong-shape"
    }
    "#);
    server.stop().await
}

async fn a_call_without_proof_is_answered_401_and_told_how(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let request = server.request(Method::POST, "/webhooks/matrix").body("[]");
    let answer = Answer::of(request.send().await?).await?;
    assert!(
        answer
            .header("www-authenticate")
            .starts_with("Basic realm=")
    );
    snapshot!(nameless(&answer)?, @r#"
    401 application/problem+json
    {
      "detail": "A header that proves who sent the call is missing.",
      "status": 401,
      "title": "The sender is not known",
      "type": "urn:caretaker:problem:unauthenticated"
    }
    "#);
    for call in [
        Call::TaskCreated,
        Call::TaskChanged,
        Call::StatusChanged,
        Call::NoteAdded,
        Call::TaskChased,
    ] {
        let request = server.request(call.method(), call.path()).body("{}");
        let answer = Answer::of(request.send().await?).await?;
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, "TCN realm=\"caretaker\", Bearer realm=\"caretaker\"")
        );
    }
    server.stop().await
}

async fn an_unknown_name_and_a_wrong_secret_get_the_same_answer(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let (mut unknown, mut wrong) = ((*server).clone(), (*server).clone());
    for (pair, wrong) in [
        (&mut unknown.matrix, &mut wrong.matrix),
        (&mut unknown.urgent, &mut wrong.urgent),
    ] {
        pair.name = "nobody".to_owned();
        wrong.secret = "guessed".to_owned();
    }
    let batch = json!([incident("INCIDENT_CREATED_OPEN", 0)]);
    let answers = [unknown.matrix(&batch).await?, wrong.matrix(&batch).await?];
    assert_eq!(nameless(&answers[0])?, nameless(&answers[1])?);
    let told = description();
    let answers = [
        unknown.urgent(Call::TaskCreated, &told).await?,
        wrong.urgent(Call::TaskCreated, &told).await?,
    ];
    assert_eq!(nameless(&answers[0])?, nameless(&answers[1])?);
    snapshot!(nameless(&answers[0])?, @r#"
    401 application/problem+json
    {
      "detail": "The name or the secret is not one of those that are valid here.",
      "status": 401,
      "title": "The sender is not known",
      "type": "urn:caretaker:problem:unauthenticated"
    }
    "#);
    server.stop().await
}

/// Sends a note with headers of the case's own making.
async fn signed(server: &Client, headers: &[(&str, String)]) -> anyhow::Result<Answer> {
    let call = Call::NoteAdded;
    let mut request = server
        .request(call.method(), call.path())
        .body(note(1, AT).to_string());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    Answer::of(request.send().await?).await
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn authorization(client: &Client, method: &str, path: &str, at: &str) -> String {
    let digest = digest(&client.urgent.secret, method, path, at);
    format!("TCN {}:{digest}", client.urgent.name)
}

async fn a_signature_of_another_path_or_method_or_time_proves_nothing(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let (at, path) = (now(), Call::NoteAdded.path());
    let other = (Utc::now() + TimeDelta::seconds(1)).to_rfc3339_opts(SecondsFormat::Secs, true);
    for (method, path, signed_at) in [
        ("PUT", path, &at),
        ("POST", "/webhooks/urgent/task-created", &at),
        ("POST", path, &other),
    ] {
        let proof = authorization(&server, method, path, signed_at);
        let headers = [("authorization", proof), ("x-timestamp", at.clone())];
        assert_eq!(
            signed(&server, &headers).await?.status,
            401,
            "{method} {path} {signed_at}"
        );
    }
    let proof = authorization(&server, "POST", path, &at);
    let headers = [("authorization", proof), ("x-timestamp", at)];
    acknowledged(&signed(&server, &headers).await?)?;
    server.stop().await
}

async fn a_stale_timestamp_proves_nothing_on_either_side(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for minutes in [-6, 6] {
        let at =
            (Utc::now() + TimeDelta::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Micros, true);
        let answer = server.urgent_at(Call::NoteAdded, &at, note(1, AT)).await?;
        assert_eq!(answer.status, 401);
        assert_eq!(
            answer.json()?["detail"],
            "The signed time lies too far from the server's clock; check both clocks."
        );
    }
    for minutes in [-4, 4] {
        let at =
            (Utc::now() + TimeDelta::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Secs, true);
        acknowledged(&server.urgent_at(Call::NoteAdded, &at, note(1, AT)).await?)?;
    }
    server.stop().await
}

async fn duplicate_headers_prove_nothing(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    let at = now();
    let proof = authorization(&server, "POST", Call::NoteAdded.path(), &at);
    for headers in [
        vec![
            ("authorization", proof.clone()),
            ("authorization", proof.clone()),
            ("x-timestamp", at.clone()),
        ],
        vec![
            ("authorization", proof.clone()),
            ("x-timestamp", at.clone()),
            ("x-timestamp", at.clone()),
        ],
        vec![("authorization", proof.clone())],
        vec![
            ("authorization", proof.replace("TCN", "Bearer")),
            ("x-timestamp", at.clone()),
        ],
    ] {
        assert_eq!(signed(&server, &headers).await?.status, 401);
    }
    let pair = format!("{}:{}", server.matrix.name, server.matrix.secret);
    let basic = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let request = || server.request(Method::POST, "/webhooks/matrix").body("[]");
    let once = request().header("authorization", &basic);
    assert_eq!(once.send().await?.status(), 200);
    let twice = request()
        .header("authorization", &basic)
        .header("authorization", &basic);
    assert_eq!(twice.send().await?.status(), 401);
    server.stop().await
}

async fn two_credentials_are_valid_at_once_and_a_withdrawn_one_is_not(
    database: TestDatabase,
) -> anyhow::Result<()> {
    use crate::support::client::Pair;
    use crate::support::server::{matrix_credential, urgent_credential};
    let (old, new) = (
        Pair::new("old", "old secret"),
        Pair::new("new", "new secret"),
    );
    let both = TestServer::start_with(&database, |config| {
        config.matrix.credentials = vec![
            matrix_credential("new", &new),
            matrix_credential("old", &old),
        ];
        config.urgent.credentials = vec![
            urgent_credential("new", &new),
            urgent_credential("old", &old),
        ];
    })
    .await?;
    for pair in [&old, &new] {
        let client = Client::new(both.base.clone(), pair.clone(), pair.clone())?;
        acknowledged(&client.matrix("[]").await?)?;
        acknowledged(&client.urgent(Call::NoteAdded, note(1, AT)).await?)?;
    }
    both.stop().await?;
    let one = TestServer::start_with(&database, |config| {
        config.matrix.credentials = vec![matrix_credential("new", &new)];
        config.urgent.credentials = vec![urgent_credential("new", &new)];
    })
    .await?;
    let client = Client::new(one.base.clone(), old.clone(), old)?;
    assert_eq!(client.matrix("[]").await?.status, 401);
    assert_eq!(
        client.urgent(Call::NoteAdded, note(1, AT)).await?.status,
        401
    );
    one.stop().await
}

async fn another_method_is_answered_405_with_the_right_one(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for (method, path, allowed) in [
        (Method::GET, "/webhooks/matrix", "POST"),
        (Method::PUT, "/webhooks/matrix", "POST"),
        (Method::PUT, "/webhooks/urgent/task-created", "POST"),
        (Method::PATCH, "/webhooks/urgent/task-changed", "POST"),
        (Method::POST, "/webhooks/urgent/status-changed", "PUT"),
        (Method::HEAD, "/webhooks/urgent/note-added", "POST"),
        (Method::DELETE, "/webhooks/urgent/task-chased", "PUT"),
    ] {
        let answer = Answer::of(server.request(method, path).send().await?).await?;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, allowed),
            "{path}"
        );
    }
    let answer = server.get("/webhooks/urgent/task-chased").await?;
    snapshot!(nameless(&answer)?, @r#"
    405 application/problem+json
    {
      "detail": "This address takes PUT only.",
      "status": 405,
      "title": "Wrong method",
      "type": "urn:caretaker:problem:method-not-allowed"
    }
    "#);
    server.stop().await
}

async fn a_body_over_the_limit_is_answered_413_and_one_at_the_limit_is_read(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.matrix.max_body_bytes = 4096;
        config.urgent.max_body_bytes = 2048;
    })
    .await?;
    let answer = server.urgent(Call::NoteAdded, " ".repeat(2049)).await?;
    snapshot!(nameless(&answer)?, @r#"
    413 application/problem+json
    {
      "detail": "The body is longer than 2048 bytes, which is the most taken here.",
      "status": 413,
      "title": "The body is too large",
      "type": "urn:caretaker:problem:too-large"
    }
    "#);
    assert_eq!(server.matrix(" ".repeat(4097)).await?.status, 413);
    let whole = format!(
        "{:4096}",
        json!([incident("INCIDENT_CREATED_OPEN", 0)]).to_string()
    );
    acknowledged(&server.matrix(whole).await?)?;
    assert_eq!(server.deliveries("size").await?, [json!({"size": 4096})]);
    server.stop().await
}

async fn an_address_that_does_not_exist_is_answered_404(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start(&database).await?;
    for path in [
        "/webhooks",
        "/webhooks/urgent",
        "/webhooks/urgent/task-closed",
        "/nothing",
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = Answer::of(server.request(method, path).send().await?).await?;
            snapshot!(nameless(&answer)?, @r#"
            404 application/problem+json
            {
              "detail": "Nothing is served at this address: look for a slip in its path.",
              "status": 404,
              "title": "No such address",
              "type": "urn:caretaker:problem:not-found"
            }
            "#);
        }
    }
    server.stop().await
}

async fn a_server_with_an_open_door_takes_calls_without_proof(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.matrix.credentials.clear();
        config.matrix.allow_unauthenticated = true;
    })
    .await?;
    let request = server.request(Method::POST, "/webhooks/matrix").body("[]");
    assert_eq!(request.send().await?.status(), 200);
    let deliveries = server.deliveries("credential").await?;
    assert_eq!(deliveries, [json!({"credential": "unauthenticated"})]);
    server.stop().await
}
