//! TLS: a client that checks the chain gets in, the certificate can be changed while the server runs, and an address
//! that other machines reach has nothing to read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use caretaker::config::Tls;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, StatusCode};
use serde_json::json;

use crate::support::case::on_each_engine;
use crate::support::event::incident;
use crate::support::{Case, Process, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_client_that_checks_the_chain_gets_in_and_no_other,
        a_certificate_for_another_host_is_refused_by_the_client,
        a_new_certificate_is_taken_over_while_the_server_runs,
        files_out_of_step_leave_the_last_pair_until_they_fit,
        who_never_shakes_hands_does_not_hold_up_the_end,
        the_webhooks_have_an_address_of_their_own_where_nothing_can_be_read,
        a_certificate_that_cannot_be_used_stops_the_start,
    ]
}

/// Somebody who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(
            params,
            KeyPair::generate()?,
        )?))
    }

    /// Writes a certificate for 127.0.0.1 and its key into `folder`.
    fn issue(&self, folder: &Path) -> anyhow::Result<Tls> {
        self.issue_for("127.0.0.1", folder)
    }

    fn issue_for(&self, host: &str, folder: &Path) -> anyhow::Result<Tls> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec![host.to_owned()])?;
        let cert = params.signed_by(&key, &self.0)?;
        let files = files(folder);
        std::fs::write(&files.cert, cert.pem())?;
        std::fs::write(&files.key, key.serialize_pem())?;
        Ok(files)
    }

    /// A client that trusts this authority and nobody else.
    fn client(&self) -> anyhow::Result<Client> {
        let root = Certificate::from_pem(self.0.pem().as_bytes())?;
        Ok(Client::builder()
            .no_proxy()
            .tls_certs_only([root])
            .timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(0)
            .build()?)
    }
}

fn files(folder: &Path) -> Tls {
    let file = |name: &str| -> PathBuf { folder.join(name) };
    Tls {
        cert: file("cert.pem"),
        key: file("key.pem"),
    }
}

async fn status(client: &Client, url: &str) -> Option<StatusCode> {
    Some(client.get(url).send().await.ok()?.status())
}

async fn a_client_that_checks_the_chain_gets_in_and_no_other(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    let files = authority.issue(database.folder())?;
    let server = TestServer::start_with(&database, |config| config.tls = Some(files)).await?;
    let base = server.base.replacen("http:", "https:", 1);
    let client = authority.client()?;
    let sent = client
        .post(format!("{base}/webhooks/matrix"))
        .basic_auth(&server.matrix.name, Some(&server.matrix.secret))
        .json(&json!([incident("b", 0, 0)]))
        .send()
        .await?;
    assert_eq!(sent.status(), 200);
    let asked = client
        .post(format!("{base}/graphql"))
        .json(&json!({"query": "{ incidents { totalCount } }"}))
        .send()
        .await?;
    let answer: serde_json::Value = asked.json().await?;
    assert_eq!(answer["data"]["incidents"]["totalCount"], 1);

    let healthz = format!("{base}/healthz");
    assert_eq!(status(&stranger.client()?, &healthz).await, None);
    assert_eq!(status(&client, &server.url("/healthz")).await, None);
    server.stop().await
}

async fn a_certificate_for_another_host_is_refused_by_the_client(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let files = authority.issue_for("caretaker.example", database.folder())?;
    let server = TestServer::start_with(&database, |config| config.tls = Some(files)).await?;
    let port = server.base.rsplit(':').next().context("no port")?;
    let healthz = format!("https://127.0.0.1:{port}/healthz");
    assert_eq!(status(&authority.client()?, &healthz).await, None);
    // It is for the name alone that it was refused.
    let root = Certificate::from_pem(authority.0.pem().as_bytes())?;
    let named = Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .resolve("caretaker.example", format!("127.0.0.1:{port}").parse()?)
        .build()?;
    let healthz = format!("https://caretaker.example:{port}/healthz");
    assert_eq!(status(&named, &healthz).await, Some(StatusCode::OK));
    server.stop().await
}

/// A server in a process of its own, whose log can be read, and the address where it speaks TLS.
async fn process(database: &TestDatabase, files: &Tls) -> anyhow::Result<(Process, String)> {
    let (cert, key) = (files.cert.to_str(), files.key.to_str());
    let process = Process::start_with(
        database,
        &[
            "--webhook-listen",
            "127.0.0.1:0",
            "--tls-cert",
            cert.context("no path")?,
            "--tls-key",
            key.context("no path")?,
        ],
    )
    .await?;
    let mut words = process.greeting.split_whitespace();
    let webhooks = words.find_map(|word| word.strip_suffix("/webhooks/matrix"));
    let healthz = format!("{}/healthz", webhooks.context("no address")?);
    Ok((process, healthz))
}

/// Waits until the log says that changed files were read and not taken.
async fn left_as_it_was(database: &TestDatabase, why: &str) -> anyhow::Result<()> {
    let log = database.folder().join("log");
    let seen = async {
        loop {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let mut lines = said.lines();
            if lines.any(|line| line.contains("left as it was") && line.contains(why)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let seen = tokio::time::timeout(Duration::from_secs(30), seen).await;
    seen.context("the change was not seen")
}

async fn answers(client: &Client, url: &str) -> anyhow::Result<()> {
    let taken_over = async {
        while status(client, url).await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let taken_over = tokio::time::timeout(Duration::from_secs(30), taken_over).await;
    taken_over.context("the new certificate was not taken over")
}

async fn a_new_certificate_is_taken_over_while_the_server_runs(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let (old, new) = (Authority::new()?, Authority::new()?);
    let files = old.issue(database.folder())?;
    let (server, healthz) = process(&database, &files).await?;
    std::fs::write(&files.cert, "no certificate")?;
    left_as_it_was(&database, "no certificate in PEM").await?;
    assert_eq!(status(&old.client()?, &healthz).await, Some(StatusCode::OK));
    new.issue(database.folder())?;
    answers(&new.client()?, &healthz).await?;
    assert_eq!(status(&old.client()?, &healthz).await, None);
    server.kill().await
}

async fn files_out_of_step_leave_the_last_pair_until_they_fit(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let (old, new) = (Authority::new()?, Authority::new()?);
    let files = old.issue(database.folder())?;
    let (server, healthz) = process(&database, &files).await?;
    let beside = tempfile::tempdir()?;
    let next = new.issue(beside.path())?;
    std::fs::copy(&next.cert, &files.cert)?;
    left_as_it_was(&database, "do not belong together").await?;
    assert_eq!(status(&old.client()?, &healthz).await, Some(StatusCode::OK));
    assert_eq!(status(&new.client()?, &healthz).await, None);
    std::fs::copy(&next.key, &files.key)?;
    answers(&new.client()?, &healthz).await?;
    server.kill().await
}

async fn who_never_shakes_hands_does_not_hold_up_the_end(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let files = authority.issue(database.folder())?;
    let server = TestServer::start_with(&database, |config| {
        config.tls = Some(files);
        config.drain_seconds = 60;
        config.head_seconds = 60;
    })
    .await?;
    let address = server.base.strip_prefix("http://").context("no address")?;
    let silent = tokio::net::TcpStream::connect(address).await?;
    // Connections are taken in their order: after this one, the silent one is in its handshake.
    let healthz = format!("https://{address}/healthz");
    let client = authority.client()?;
    assert_eq!(status(&client, &healthz).await, Some(StatusCode::OK));
    drop(client);
    let stopped = tokio::time::timeout(Duration::from_secs(30), server.stop()).await;
    drop(silent);
    stopped.context("it waited for the silent one")?
}

async fn the_webhooks_have_an_address_of_their_own_where_nothing_can_be_read(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let files = authority.issue(database.folder())?;
    let server = TestServer::start_with(&database, |config| {
        config.tls = Some(files);
        config.webhook_listen = "127.0.0.1:0".parse().ok();
    })
    .await?;
    let client = authority.client()?;
    let outside = server.webhook_base();
    let sent = client
        .post(format!("{outside}/webhooks/matrix"))
        .basic_auth(&server.matrix.name, Some(&server.matrix.secret))
        .json(&json!([incident("b", 0, 0)]))
        .send()
        .await?;
    assert_eq!(sent.status(), 200);
    for path in [
        "/",
        "/graphql",
        "/graphiql",
        "/schema.graphql",
        "/graphql/ws",
    ] {
        let found = status(&client, &format!("{outside}{path}")).await;
        assert_eq!(found, Some(StatusCode::NOT_FOUND), "{path}");
    }
    let ready = status(&client, &format!("{outside}/readyz")).await;
    assert_eq!(ready, Some(StatusCode::OK));
    // The other address stays plain.
    let data = server.shows("{ incidents { totalCount } }").await?;
    assert_eq!(data["incidents"]["totalCount"], 1);
    server.stop().await
}

async fn a_certificate_that_cannot_be_used_stops_the_start(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let authority = Authority::new()?;
    authority.issue(database.folder())?;
    let files = files(database.folder());
    let stranger = KeyPair::generate()?;
    std::fs::write(&files.key, stranger.serialize_pem())?;
    let start = TestServer::start_with(&database, |config| config.tls = Some(files)).await;
    let told = format!("{:#}", start.err().context("it started")?);
    assert!(told.contains("do not belong together"), "{told}");
    Ok(())
}
