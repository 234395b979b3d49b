//! The server: everything built once, in order, and taken down in the opposite order.

pub mod greeting;

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::domain::database::Database;
use crate::domain::migrate;
use crate::http::health::{self, Readiness};

/// How many connections the queries share.
const READERS: u32 = 6;

/// A server that answers.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Where it listens; the port that was found when the settings said 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new calls, finishes those in flight and closes the database.
    ///
    /// # Errors
    /// When the server had already failed.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.task.await.context("the server's task")?
    }
}

/// Opens the database, applies the migrations and starts to listen.
///
/// # Errors
/// When the database cannot be opened or migrated, or the address is taken.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let database = Database::open(config.database_url().expose_secret(), READERS)
        .await
        .context("the database")?;
    let applied = migrate::up(&database).await.context("the migrations")?;
    tracing::info!(?applied, "the schema is up to date");
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;

    let (stop, mut stopping) = watch::channel(false);
    let router = Router::new().merge(health::routes(readiness(&database)));
    let task = tokio::spawn(async move {
        let until_stopped = async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        let served = axum::serve(listener, router).with_graceful_shutdown(until_stopped);
        served.await.context("the listener")?;
        database.close().await;
        Ok(())
    });
    Ok(Running {
        address,
        stop,
        task,
    })
}

fn readiness(database: &Database) -> Readiness {
    let (reached, migrated) = (database.clone(), database.clone());
    Readiness::default()
        .with("database", move || {
            let database = reached.clone();
            async move {
                database.readers.ping().await.map_err(|error| {
                    tracing::warn!(%error, "the database does not answer");
                    "unreachable".to_owned()
                })
            }
        })
        .with("migrations", move || {
            let database = migrated.clone();
            async move {
                let migrations = migrate::status(&database).await.map_err(|error| {
                    tracing::warn!(%error, "the migrations cannot be read");
                    "unknown".to_owned()
                })?;
                let is_pending = migrations.iter().any(|migration| !migration.is_applied);
                if is_pending {
                    Err("pending".to_owned())
                } else {
                    Ok(())
                }
            }
        })
}

/// Serves until the process is told to stop (Ctrl-C or SIGTERM); `greet` is called once it listens.
///
/// # Errors
/// As [`start`] and [`Running::stop`].
pub async fn serve(config: Config, greet: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
    let mut running = start(config).await?;
    greet(running.address());
    tokio::select! {
        signal = told_to_stop() => {
            tracing::info!(signal = signal?, "stopping");
            running.stop().await
        }
        failed = &mut running.task => failed.context("the server's task")?,
    }
}

async fn told_to_stop() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.map(|()| "interrupt"),
        _ = terminate.recv() => Ok("terminate"),
    }
}
