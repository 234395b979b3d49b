//! The pools: one write connection, a few readers, two for the feed, with the session settings that the promises rest on.

use std::str::FromStr;
use std::time::{Duration, Instant};

use sea_orm::{ConnectOptions, Database as SeaOrm, DatabaseConnection, DbBackend, DbErr};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, PgConnection};
use tokio::time::{sleep, timeout};

use super::failure::is_busy;

/// How long SQLite waits for another process's write.
const BUSY: Duration = Duration::from_secs(5);
/// After what time a new SQLite file that somebody else has open is tried again.
const AGAIN: Duration = Duration::from_millis(5);
/// How long a request waits for a connection before the database counts as away.
const ACQUIRE: Duration = Duration::from_secs(5);

/// How long one statement of a reader of PostgreSQL may take, unless its pool is opened for less.
const READ: Duration = Duration::from_secs(30);
/// A PostgreSQL connection that was used within this time is taken to be there: asking first costs every read a round trip.
/// No PostgreSQL restarts within it.
const SURELY_THERE: Duration = Duration::from_millis(100);
/// After how many steps of SQLite's machine, some tenths of a millisecond, a statement is asked whether it takes too long.
const STEPS: i32 = 10_000;

/// What the SQLite writer keeps of the file in memory: negative means KiB.
const WRITER_CACHE_KIB: &str = "-65536";
/// After how many pages of 4 KiB SQLite's log is taken over into the file.
const CHECKPOINT_PAGES: &str = "8192";

/// How many connections the feed has.
const FEED: u32 = 2;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// PostgreSQL does not answer, or does not let us in.
    #[error("{place}: {reason}")]
    Closed {
        /// Where it was looked for; no user, no password.
        place: String,
        /// The root cause.
        reason: String,
    },
    /// Everything else.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    /// Where every query of a reader goes.
    pub readers: DatabaseConnection,
    /// Where the feed's tail, readiness, notices and upkeep look, so that no reader's query keeps them waiting.
    pub feed: DatabaseConnection,
    /// The one connection that writes: the writer's, and, between its batches, everybody else's who changes something:
    /// OAuth clients and tokens, operators, pruning, the commands.
    pub writer: DatabaseConnection,
    /// Whether it is the side database of a rebuild: its writer keeps nobody else's waiting.
    pub(super) is_side: bool,
}

impl Database {
    /// Opens `url` (`sqlite://…` or `postgres://…`) with `readers` read connections.
    ///
    /// # Errors
    /// When the database cannot be reached or the URL is of another kind.
    pub async fn open(url: &str, readers: u32) -> Result<Self, OpenError> {
        Self::open_in(url, readers, None, None).await
    }

    /// The same where no statement of the readers may take longer than `read`: whoever asked has gone by then.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn open_for(url: &str, readers: u32, read: Duration) -> Result<Self, OpenError> {
        Self::open_in(url, readers, Some(read), None).await
    }

    /// Opens the side database of a rebuild: a schema of the PostgreSQL database at `url`.
    pub(super) async fn open_side(url: &str, schema: &str) -> Result<Self, OpenError> {
        Self::open_in(url, 1, None, Some(schema)).await
    }

    async fn open_in(
        url: &str,
        readers: u32,
        read: Option<Duration>,
        schema: Option<&str>,
    ) -> Result<Self, OpenError> {
        let options = |role, connections| {
            let mut options = options(url, role, connections);
            if let Some(schema) = schema {
                options.set_schema_search_path(schema);
            }
            options
        };
        // A pool tries until its patience is at an end and then says only that it is.
        if DbBackend::Postgres.is_prefix_of(url) {
            probe(url).await?;
        }
        let writer = open_writer(options(Role::Writer, 1)).await?;
        let readers = SeaOrm::connect(options(Role::Reader(read), readers.max(1))).await?;
        let feed = SeaOrm::connect(options(Role::Feed, FEED)).await?;
        Ok(Self {
            readers,
            feed,
            writer,
            is_side: schema.is_some(),
        })
    }

    /// The engine.
    pub fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// Closes the pools after the work in flight.
    pub async fn close(self) {
        for pool in [self.readers, self.feed, self.writer] {
            if let Err(error) = pool.close().await {
                tracing::warn!(%error, "a database pool did not close");
            }
        }
    }
}

/// Opens the pool of the writer, which makes a new SQLite file. Two that do so at once get in each other's way where SQLite
/// does not wait: a file goes over to its log (WAL) only when nobody else has it open, or it is `SQLITE_BUSY` at once.
async fn open_writer(options: ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let until = Instant::now() + BUSY;
    loop {
        match SeaOrm::connect(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < until => sleep(AGAIN).await,
            opened => return opened,
        }
    }
}

/// Connects once, for the root cause if that fails.
async fn probe(url: &str) -> Result<(), OpenError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| OpenError::Closed {
        place: "the URL".to_owned(),
        reason: cause(error),
    })?;
    let reason = match timeout(ACQUIRE, PgConnection::connect_with(&options)).await {
        Ok(Ok(connection)) => {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "the first connection did not close");
            }
            return Ok(());
        }
        Ok(Err(error)) => cause(error),
        Err(_) => format!("no answer within {} seconds", ACQUIRE.as_secs()),
    };
    Err(OpenError::Closed {
        place: place(&options),
        reason,
    })
}

/// The words of the system or of the server, without those that sqlx puts before them.
fn cause(error: sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Tls(error) => format!("TLS: {error}"),
        sqlx::Error::Configuration(error) => error.to_string(),
        error => error.to_string(),
    }
}

fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or(options.get_username());
    // A `/` in a password ends the host: what follows, up to the `@`, would be shown as the name.
    if database.contains('@') {
        return "PostgreSQL (if the password in the URL has a `/`, write it as %2F)".to_owned();
    }
    match options.get_socket() {
        Some(socket) => format!("PostgreSQL at {}, database `{database}`", socket.display()),
        None => format!(
            "PostgreSQL at {}:{}, database `{database}`",
            options.get_host(),
            options.get_port()
        ),
    }
}

#[derive(Clone, Copy)]
enum Role {
    Writer,
    /// What is done with one connection takes no longer, where that is said: a command reads for as long as it must.
    Reader(Option<Duration>),
    /// It asks the same few questions again and again, each served by an index.
    Feed,
}

fn options(url: &str, role: Role, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |options| sqlite(options, role))
        .map_sqlx_postgres_opts(move |options| postgres(options, role));
    if !matches!(role, Role::Writer) {
        // A file does not go away.
        options.test_before_acquire_if_idle_for(SURELY_THERE);
        if let Role::Reader(Some(read)) = role {
            // SQLite does not give up by itself once nobody waits for the answer.
            options.map_sqlx_sqlite_pool_opts(move |pool| {
                pool.after_connect(move |connection, _| Box::pin(bound(connection, read)))
                    .before_acquire(move |connection, _| {
                        Box::pin(async move {
                            bound(connection, read).await?;
                            Ok(true)
                        })
                    })
            });
        }
    }
    options
}

/// From now on the connection gives up what takes longer than `read`.
async fn bound(connection: &mut SqliteConnection, read: Duration) -> Result<(), sqlx::Error> {
    let until = Instant::now() + read;
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(STEPS, move || Instant::now() < until);
    Ok(())
}

fn sqlite(options: SqliteConnectOptions, role: Role) -> SqliteConnectOptions {
    let options = options
        // NORMAL may lose the last commits when the machine loses power: an acknowledged call would be gone.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .foreign_keys(true);
    match role {
        // A row touches a page in each index of its table: with SQLite's own 2 MB a batch's pages go to the log several
        // times over, and with checkpoints every 4 MB once more to the file. What a statement may have to undo stays in
        // memory: it is as large as the batch.
        Role::Writer => options
            .create_if_missing(true)
            // The file keeps it: the others, opened after the writer, find it so.
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("cache_size", WRITER_CACHE_KIB)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("temp_store", "MEMORY"),
        Role::Reader(_) | Role::Feed => options.pragma("query_only", "1"),
    }
}

fn postgres(options: PgConnectOptions, role: Role) -> PgConnectOptions {
    match role {
        Role::Writer => options.application_name("caretaker-writer").options([
            ("statement_timeout", "0"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "10s"),
            // A statement of the writer is about few rows, whatever the planner expects: for a recursive one it clears as
            // much memory beforehand as it may use, which took longer than all else that was read.
            ("work_mem", "1MB"),
            ("hash_mem_multiplier", "1"),
            ("synchronous_commit", "on"),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ]),
        Role::Reader(read) => options.application_name("caretaker-reader").options([
            ("default_transaction_read_only", "on".to_owned()),
            (
                "statement_timeout",
                read.unwrap_or(READ).as_millis().to_string(),
            ),
        ]),
        // Its questions are planned once, as those of a batch are (`batch::begin`): what is new was planned each time
        // that something was, at ten times the cost of reading it.
        Role::Feed => postgres(options, Role::Reader(None)).options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("jit", "off"),
        ]),
    }
}
