//! A server in this process, on a port of its own, with credentials that the client knows.

use std::ops::Deref;
use std::sync::Arc;

use caretaker::config::{Config, MatrixCredential, Secret, UrgentCredential};
use caretaker::domain::writer::Clock;
use caretaker::server::{self, Running};
use chrono::Utc;
use secrecy::SecretString;

use super::client::{Client, Pair};
use super::database::TestDatabase;

/// A running server; calls go through the client that it derefs to.
pub struct TestServer {
    client: Client,
    running: Running,
}

impl TestServer {
    /// Starts one on `database` with the default settings.
    pub async fn start(database: &TestDatabase) -> anyhow::Result<Self> {
        Self::start_with(database, |_| ()).await
    }

    /// Starts one after `change` had its say on the settings.
    pub async fn start_with(
        database: &TestDatabase,
        change: impl FnOnce(&mut Config),
    ) -> anyhow::Result<Self> {
        Self::start_at(database, Arc::new(Utc::now), change).await
    }

    /// The same with a clock of the case's own.
    pub async fn start_at(
        database: &TestDatabase,
        clock: Clock,
        change: impl FnOnce(&mut Config),
    ) -> anyhow::Result<Self> {
        let matrix = Pair::new("matrix", "matrix's password");
        let urgent = Pair::new("urgent", "urgent's secret");
        let mut config = Config {
            listen: "127.0.0.1:0".parse()?,
            data_dir: database.folder().join("data"),
            database_url: Some(SecretString::from(database.url())),
            ..Config::default()
        };
        config.matrix.credentials = vec![matrix_credential("bus", &matrix)];
        config.urgent.credentials = vec![urgent_credential("urgent", &urgent)];
        // The cases tell of years gone by: all of it would be late.
        config.feed.notices = false;
        change(&mut config);

        let running = server::start_at(config, clock).await?;
        let base = format!("http://{}", running.address());
        let client = Client::new(base, matrix, urgent)?;
        Ok(Self { client, running })
    }

    /// Where it takes the webhooks, as a URL without a path.
    pub fn webhook_base(&self) -> &str {
        self.running.webhook_base()
    }

    /// Stops it in good order; what a case started it waits for.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.running.stop().await
    }
}

impl Deref for TestServer {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A credential named `name` in the settings.
pub fn matrix_credential(name: &str, pair: &Pair) -> MatrixCredential {
    MatrixCredential {
        name: name.to_owned(),
        username: pair.name.clone(),
        password: Secret::Here(SecretString::from(pair.secret.as_str())).into(),
    }
}

/// A credential named `name` in the settings.
pub fn urgent_credential(name: &str, pair: &Pair) -> UrgentCredential {
    UrgentCredential {
        name: name.to_owned(),
        token: pair.name.clone(),
        secret: Secret::Here(SecretString::from(pair.secret.as_str())),
    }
}
