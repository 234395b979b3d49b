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
use crate::support::{Case, TestDatabase, TestServer};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        a_client_that_checks_the_chain_gets_in_and_no_other,
        a_new_certificate_is_taken_over_while_the_server_runs,
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
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
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

async fn a_new_certificate_is_taken_over_while_the_server_runs(
    database: TestDatabase,
) -> anyhow::Result<()> {
    let (old, new) = (Authority::new()?, Authority::new()?);
    let files = old.issue(database.folder())?;
    let cert = files.cert.clone();
    let server = TestServer::start_with(&database, |config| config.tls = Some(files)).await?;
    let healthz = server.url("/healthz").replacen("http:", "https:", 1);
    std::fs::write(&cert, "no certificate")?;
    assert_eq!(status(&old.client()?, &healthz).await, Some(StatusCode::OK));
    new.issue(database.folder())?;
    let taken_over = async {
        while status(&new.client()?, &healthz).await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(30), taken_over)
        .await
        .context("the new certificate was not taken over")??;
    assert_eq!(status(&old.client()?, &healthz).await, None);
    server.stop().await
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
