//! HTTP Basic with passwords of any kind, known in the open or by their hash only.

use std::process::Stdio;
use std::time::Instant;

use caretaker::config::{MatrixCredential, Password, Secret};
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::refused;
use crate::support::client::{Answer, Call, Client};
use crate::support::look::acknowledged;
use crate::support::payload::{description, note};
use crate::support::process::command;
use crate::support::{Case, TestDatabase, TestServer, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_password_may_hold_colons_and_any_characters,
        a_password_known_by_its_hash_is_taken_and_remembered,
        many_first_calls_at_once_are_all_taken,
        a_changed_password_is_not_remembered,
        secrets_come_from_files_too,
        urgent_may_sign_or_come_with_a_password,
    ]
}

const CHALLENGE: &str = "Basic realm=\"caretaker\", charset=\"UTF-8\"";

fn credential(name: &str, username: &str, password: Password) -> MatrixCredential {
    MatrixCredential {
        name: name.to_owned(),
        username: username.to_owned(),
        password,
    }
}

fn plain(password: &str) -> Password {
    Secret::Here(password.to_owned().into()).into()
}

/// What `caretaker hash-password` says.
async fn hash(database: &TestDatabase, password: &str) -> anyhow::Result<String> {
    let mut child = command(database.folder())
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().unwrap();
    input.write_all(password.as_bytes()).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    assert!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

async fn send(client: &Client, username: &str, password: &str) -> anyhow::Result<Answer> {
    let mut client = client.clone();
    client.matrix.name = username.to_owned();
    client.matrix.secret = password.to_owned();
    client.matrix("[]").await
}

async fn a_password_may_hold_colons_and_any_characters(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let password = "a:b::c \"ü漢🔑\" ";
    let server = TestServer::start_with(&database, |config| {
        config.matrix.credentials = vec![credential("bus", "mätrix", plain(password))];
    })
    .await?;
    acknowledged(&send(&server, "mätrix", password).await?)?;
    for (username, password) in [
        ("mätrix", password.trim()),
        ("mätrix", "a"),
        ("mätrix", &password[1..]),
        ("matrix", password),
    ] {
        refused(&send(&server, username, password).await?, CHALLENGE);
    }
    assert_eq!(
        server.deliveries("credential").await?,
        [json!({"credential": "bus"})]
    );
    server.stop().await
}

async fn a_password_known_by_its_hash_is_taken_and_remembered(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let made = hash(&database, "pass:wörd\n").await?;
    assert!(
        made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{made}"
    );
    let server = TestServer::start_with(&database, |config| {
        config.matrix.credentials = vec![
            credential("hashed", "matrix", Password::Hash(made.as_str().into())),
            credential("open", "matrix", plain("another")),
        ];
    })
    .await?;
    let started = Instant::now();
    refused(&send(&server, "matrix", "wrong").await?, CHALLENGE);
    let computed = started.elapsed();
    acknowledged(&send(&server, "matrix", "pass:wörd").await?)?;
    acknowledged(&send(&server, "matrix", "another").await?)?;
    let calls = 200;
    let started = Instant::now();
    for _ in 0..calls {
        acknowledged(&send(&server, "matrix", "pass:wörd").await?)?;
    }
    assert!(
        started.elapsed() < computed * calls / 2,
        "{calls} calls took {:?}, one computation {computed:?}",
        started.elapsed()
    );
    refused(&send(&server, "matrix", &made).await?, CHALLENGE);
    refused(&send(&server, "nobody", "pass:wörd").await?, CHALLENGE);
    server.stop().await
}

async fn many_first_calls_at_once_are_all_taken(database: TestDatabase) -> anyhow::Result<()> {
    let made = hash(&database, "password").await?;
    let server = TestServer::start_with(&database, |config| {
        config.matrix.credentials =
            vec![credential("hashed", "matrix", Password::Hash(made.into()))];
    })
    .await?;
    let calls = (0..64).map(|_| send(&server, "matrix", "password"));
    for answer in futures_util::future::try_join_all(calls).await? {
        acknowledged(&answer)?;
    }
    server.stop().await
}

async fn a_changed_password_is_not_remembered(database: TestDatabase) -> anyhow::Result<()> {
    let (old, new) = (hash(&database, "old").await?, hash(&database, "new").await?);
    let start = async |hashes: Vec<&String>| {
        TestServer::start_with(&database, |config| {
            let hashes = hashes.into_iter().enumerate();
            let credentials = hashes.map(|(at, hash)| {
                credential(
                    &at.to_string(),
                    "matrix",
                    Password::Hash(hash.as_str().into()),
                )
            });
            config.matrix.credentials = credentials.collect();
        })
        .await
    };
    let server = start(vec![&old]).await?;
    acknowledged(&send(&server, "matrix", "old").await?)?;
    refused(&send(&server, "matrix", "new").await?, CHALLENGE);
    server.stop().await?;
    // While it is changed, both are good.
    let server = start(vec![&new, &old]).await?;
    acknowledged(&send(&server, "matrix", "old").await?)?;
    acknowledged(&send(&server, "matrix", "new").await?)?;
    server.stop().await?;
    let server = start(vec![&new]).await?;
    refused(&send(&server, "matrix", "old").await?, CHALLENGE);
    acknowledged(&send(&server, "matrix", "new").await?)?;
    server.stop().await
}

async fn secrets_come_from_files_too(database: TestDatabase) -> anyhow::Result<()> {
    let path = database.folder().join("password");
    std::fs::write(&path, "from a file\n")?;
    let server = TestServer::start_with(&database, |config| {
        let secret = Secret::File(path.clone());
        config.matrix.credentials = vec![credential("bus", "matrix", secret.into())];
    })
    .await?;
    acknowledged(&send(&server, "matrix", "from a file").await?)?;
    refused(&send(&server, "matrix", "from a file\n").await?, CHALLENGE);
    server.stop().await
}

async fn urgent_may_sign_or_come_with_a_password(database: TestDatabase) -> anyhow::Result<()> {
    let server = TestServer::start_with(&database, |config| {
        config.urgent.basic = vec![credential("customer", "urgent", plain("password"))];
    })
    .await?;
    let send = async |password: &str, at: Option<&str>| -> anyhow::Result<Answer> {
        let mut request = server
            .request(Method::POST, Call::TaskCreated.path())
            .basic_auth("urgent", Some(password))
            .body(description().to_string());
        if let Some(at) = at {
            request = request.header("x-timestamp", at);
        }
        Answer::of(request.send().await?).await
    };
    refused(&send("wrong", None).await?, CHALLENGE);
    acknowledged(&send("password", None).await?)?;
    let at = "2020-05-29T10:47:34Z";
    acknowledged(&send("password", Some(at)).await?)?;
    acknowledged(&server.urgent(Call::NoteAdded, note(1, at)).await?)?;
    let bare = server.request(Method::POST, Call::TaskCreated.path());
    let bare = Answer::of(bare.send().await?).await?;
    refused(
        &bare,
        &format!("TCN realm=\"caretaker\", {CHALLENGE}, Bearer realm=\"caretaker\""),
    );
    let deliveries = server.deliveries("credential").await?;
    let expected = ["customer", "customer", "urgent"].map(|name| json!({"credential": name}));
    assert_eq!(deliveries, expected);
    let signed = server.deliveries("signedAt").await?;
    assert_eq!(
        signed[..2],
        [json!({"signedAt": null}), json!({"signedAt": at})]
    );
    server.stop().await
}
