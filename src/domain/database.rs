//! The pools: one write connection, a few readers, two for the feed, with the session settings that the promises rest on.

use std::time::Duration;

use sea_orm::{ConnectOptions, Database as SeaOrm, DatabaseConnection, DbBackend, DbErr};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

/// How long SQLite waits for another process's write.
const BUSY: Duration = Duration::from_secs(5);
/// How long a request waits for a connection before the database counts as away.
const ACQUIRE: Duration = Duration::from_secs(5);

/// How many connections the feed has.
const FEED: u32 = 2;

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    /// Where every query of a reader goes.
    pub readers: DatabaseConnection,
    /// Where the feed's tail and readiness look, so that no reader's query keeps them waiting.
    pub feed: DatabaseConnection,
    /// The one connection that writes; only the writer and commands beside the server use it.
    pub writer: DatabaseConnection,
}

impl Database {
    /// Opens `url` (`sqlite://…` or `postgres://…`) with `readers` read connections.
    ///
    /// # Errors
    /// When the database cannot be reached or the URL is of another kind.
    pub async fn open(url: &str, readers: u32) -> Result<Self, DbErr> {
        let writer = SeaOrm::connect(options(url, Role::Writer, 1)).await?;
        let readers = SeaOrm::connect(options(url, Role::Reader, readers.max(1))).await?;
        let feed = SeaOrm::connect(options(url, Role::Reader, FEED)).await?;
        Ok(Self {
            readers,
            feed,
            writer,
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

#[derive(Clone, Copy)]
enum Role {
    Writer,
    Reader,
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
    options
}

fn sqlite(options: SqliteConnectOptions, role: Role) -> SqliteConnectOptions {
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL may lose the last commits when the machine loses power: an acknowledged call would be gone.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .foreign_keys(true);
    match role {
        Role::Writer => options.create_if_missing(true),
        Role::Reader => options.pragma("query_only", "1"),
    }
}

fn postgres(options: PgConnectOptions, role: Role) -> PgConnectOptions {
    match role {
        Role::Writer => options.application_name("caretaker-writer").options([
            ("statement_timeout", "0"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "10s"),
            ("synchronous_commit", "on"),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ]),
        Role::Reader => options.application_name("caretaker-reader").options([
            ("default_transaction_read_only", "on"),
            ("statement_timeout", "30s"),
        ]),
    }
}
