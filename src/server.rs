//! The server: everything built once, in order, and taken down in the opposite order.

mod beside;
mod connection;
mod counted;
pub mod greeting;
mod intake;
mod nats;
mod parts;
mod places;
mod readers;
mod readiness;
mod settings;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::Utc;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use parts::Parts;
use tls::Tls;

use crate::config::Config;
use crate::domain::database::Database;
use crate::domain::oauth::standing::Standing;
use crate::domain::operator::Operator;
use crate::domain::wake::Wake;
use crate::domain::writer::{Clock, Limits, Writer};
use crate::domain::{migrate, operator};
use crate::feed::Tail;
use crate::graphql::Schema;
use crate::http::cors::Cors;
use crate::http::guard::Guard;
use crate::http::live::Live;
use crate::http::reader::display::Displays;
use crate::http::webhook::Intake;
use crate::http::{self, graphql};
use crate::ingest::proof::bearer::Own;
use crate::operate::replay::Replay;
use crate::operate::upkeep;

/// How many connections the queries share.
const READERS: u32 = 6;

/// How long the database may take to close: a query that nobody waits for any more may still run.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that answers.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    base: String,
    webhook_base: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Where it listens; the port that was found when the settings said 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL without a path: `http://127.0.0.1:8080`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Where the platforms push to: another address when the settings give the webhooks one of their own.
    pub fn webhook_base(&self) -> &str {
        &self.webhook_base
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
    start_at(config, Arc::new(Utc::now)).await
}

/// The same with another clock than the system's.
///
/// # Errors
/// As [`start`].
pub async fn start_at(config: Config, clock: Clock) -> anyhow::Result<Running> {
    // First: a start by mistake must not migrate the database under the server that has the address.
    let (listener, address) = bind(config.listen, "--listen").await?;
    let webhooks = match config.webhook_listen {
        Some(address) => Some(bind(address, "--webhook-listen").await?),
        None => None,
    };
    let (tls, reloading) = config
        .tls
        .as_ref()
        .map(|tls| Tls::start(tls.clone()))
        .transpose()
        .context("the certificate (settings: `tls`)")?
        .unzip();
    let documents = settings::documents(&config)
        .await
        .context("the trusted documents")?;
    let url = config.database_url();
    // A statement ends soon after its reader was told that it took too long.
    let read = Duration::from_secs(config.graphql.timeout_seconds.into()) + Duration::from_secs(1);
    let database = Database::open_for(url.expose_secret(), READERS, read)
        .await
        .context("the database")?;
    let applied = migrate::up(&database).await.context("the migrations")?;
    tracing::info!(?applied, "the schema is up to date");
    let declared = intake::declared(&config);
    if operator::import(&database, &declared, clock())
        .await
        .context("the places")?
    {
        let places_file = config
            .places_file
            .as_ref()
            .filter(|_| settings::names_places(&config));
        let names_from = places_file.map_or_else(
            || "the settings".to_owned(),
            |path| path.display().to_string(),
        );
        tracing::info!(
            names_from,
            "places, properties and status types were taken over"
        );
    }
    upkeep::begin(&database, &clock).await;
    let left = operator::left_by_settings(&database.readers, &declared)
        .await
        .context("the places")?;
    for (what, setting) in left {
        tracing::warn!(
            "{what} that settings declared stand in the database, and these settings say nothing of them: \
             `{setting} = []` takes them back"
        );
    }
    let (inner_tls, outer_tls) = match &webhooks {
        Some(_) => (None, tls),
        None => (tls, None),
    };
    let url = |tls: &Option<Tls>, address| match tls {
        Some(_) => format!("https://{address}"),
        None => format!("http://{address}"),
    };
    let base = url(&inner_tls, address);
    let webhook_base = match &webhooks {
        Some((_, address)) => url(&outer_tls, *address),
        None => base.clone(),
    };
    let key = intake::signing_key(&config)?;
    let issuer = Some(config.oauth.issuer.clone()).filter(|issuer| !issuer.is_empty());
    let standing = Arc::new(Standing::new(database.clone()));
    let own = Own {
        key: Arc::clone(&key),
        standing: Arc::clone(&standing),
        issuer: issuer.clone(),
    };
    let gates = (
        intake::matrix(&config, own.clone(), clock()).await?,
        intake::urgent(&config, own, clock()).await?,
    );
    let displays = Arc::new(Displays::new(database.clone()));
    let readers = readers::readers(&config, Arc::clone(&displays), Arc::clone(&clock)).await?;
    let readers = Arc::new(readers);

    let (wake, wakes) = Wake::new();
    let limits = Limits {
        queue: config.writer.queue,
        queue_bytes: config.writer.queue_bytes,
        batch: config.writer.batch,
    };
    let (writer, writing) =
        Writer::start(database.clone(), limits, Arc::clone(&clock), wake.clone());
    let (tail, tailing) = Tail::start(
        database.feed.clone(),
        wakes,
        settings::feed_settings(&config),
    )
    .await
    .context("the feed")?;
    let operator = Operator {
        database: database.clone(),
        clock: Arc::clone(&clock),
        wake: wake.clone(),
    };
    let replay = Replay::new(database.clone(), Arc::clone(&clock), Some(wake.clone()));
    let mut beside = beside::start(&config, &database, &clock, &wake).await?;
    beside.spawn(displays.keep_watch());
    if let Some(reloading) = reloading {
        beside.spawn(reloading);
    }

    let (stop, stopping) = watch::channel(false);
    let (matrix, urgent) = gates;
    let callers = Arc::new(intake::callers(&config));
    let refusals = Arc::clone(&callers.refusals);
    let intake = Arc::new(Intake::new(
        writer.clone(),
        matrix,
        urgent,
        Arc::clone(&clock),
        callers,
        intake::bodies(&config),
    ));
    let issuer = Arc::new(http::oauth::Issuer {
        database: database.clone(),
        key,
        standing,
        address: issuer,
        base: webhook_base.clone(),
        lifetime: chrono::TimeDelta::seconds(config.oauth.access_token_seconds.into()),
        clock,
        intake: Arc::clone(&intake),
    });
    let cors = Cors::new(config.http.cors_origins.iter().cloned());
    let schema = Schema::new(
        database.readers.clone(),
        Some(tail),
        Some(operator),
        Some(replay),
        Some(refusals),
        settings::graphql_limits(&config),
    )
    .with_documents(documents)
    .with_sharing(config.live.shared);
    let (open, mut all_closed) = mpsc::channel(1);
    let (goodbye, goodbyes) = watch::channel(false);
    let live = Arc::new(Live {
        schema,
        readers: Arc::clone(&readers),
        terms: settings::terms(&config),
        stopping: goodbyes,
        open,
    });
    let face = graphql::Face {
        live: Arc::clone(&live),
        max_body_bytes: config.graphql.max_body_bytes,
        body_timeout: Duration::from_secs(config.body_seconds.into()),
        cors: cors.clone(),
        compression: config.http.compression,
    };
    let http_parts = http::Parts {
        intake,
        issuer,
        face,
        live,
        readiness: readiness::readiness(&database, writer),
        guard: if readers.is_open() {
            Guard::new(address, cors)
        } else {
            Guard::resting()
        },
    };
    let patience = settings::patience(&config);
    let until_stopped = || told(stopping.clone());
    let outer = webhooks.map(|(listener, _)| {
        let router = http::webhooks(&http_parts);
        connection::serve(listener, router, patience, outer_tls, until_stopped())
    });
    let router = http::router(http_parts);
    let inner = connection::serve(listener, router, patience, inner_tls, until_stopped());
    let serving = tokio::spawn(async move {
        match outer {
            Some(outer) => drop(tokio::join!(inner, outer)),
            None => inner.await,
        }
    });
    let parts = Parts {
        serving,
        writing,
        tailing,
        stopping,
        goodbye,
    };
    let following = parts.tailing.abort_handle();
    let task = tokio::spawn(async move {
        let outcome = parts.run().await;
        // The process may end with this task: the sockets say goodbye first, or their clients see a reset.
        if timeout(CLOSE_TIMEOUT, all_closed.recv()).await.is_err() {
            tracing::warn!("some sockets did not close in time");
        }
        // What reads the database ends before it is closed, or it takes that for an outage.
        following.abort();
        drop(beside);
        if timeout(CLOSE_TIMEOUT, database.close()).await.is_err() {
            tracing::warn!("the database did not close in time");
        }
        outcome
    });
    Ok(Running {
        address,
        base,
        webhook_base,
        stop,
        task,
    })
}

async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (another address: {flag})"))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until the process is told to stop (Ctrl-C or SIGTERM); `greet` is called once it listens.
///
/// # Errors
/// As [`start`] and [`Running::stop`].
pub async fn serve(config: Config, greet: impl FnOnce(&Running)) -> anyhow::Result<()> {
    let mut running = start(config).await?;
    greet(&running);
    tokio::select! {
        signal = told_to_stop() => {
            tracing::info!(signal = signal?, "stopping");
            tokio::select! {
                stopped = running.stop() => stopped.inspect(|()| tracing::info!("stopped")),
                signal = told_to_stop() => bail!("stopped at once by a second signal ({})", signal?),
            }
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

async fn told(mut told: watch::Receiver<bool>) {
    // A server whose handle was dropped stops too.
    let _ = told.wait_for(|told| *told).await;
}
