//! The intake: events a second and how long a call takes until it is durable, beside a service as one would write it at
//! first, pgbench with the same statements, and COPY of the same rows.

mod bound;
mod clients;
mod pgbench;

use std::path::Path;

use anyhow::Context;

use crate::call::MATRIX;
use crate::caretaker::Caretaker;
use crate::estate::Size;
use crate::fill;
use crate::guard::Guarded;
use crate::place::Engine;
use crate::postgres::Postgres;
use crate::workspace;

/// How the intake is measured.
#[derive(clap::Args, Clone)]
pub struct Taking {
    /// How often each is measured in turn.
    #[arg(long, default_value = "5")]
    pub rounds: usize,
    /// For how many seconds each time.
    #[arg(long, default_value = "10")]
    pub seconds: u64,
    /// How many clients call at once.
    #[arg(long, default_value = "64")]
    pub clients: usize,
}

/// Who took events in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Taker {
    /// caretaker on PostgreSQL.
    Caretaker,
    /// caretaker on SQLite.
    CaretakerSqlite,
    /// A transaction for each call through SeaORM, on PostgreSQL.
    Stock,
    /// The same on SQLite.
    StockSqlite,
    /// pgbench with the same statements, a transaction for each event.
    Pgbench,
    /// COPY of the rows that caretaker made.
    Copy,
}

/// What one run came to.
#[derive(Clone, serde::Serialize)]
pub struct Taken {
    /// Who took them.
    pub taker: Taker,
    /// How many events were in a call.
    pub per_call: usize,
    /// In which round.
    pub round: usize,
    /// Events that were durable, in a second.
    pub per_second: f64,
    /// Milliseconds within which 99 in 100 calls were answered; none where nobody calls.
    pub p99_ms: Option<f64>,
    /// Milliseconds of CPU of server and database for each event.
    pub cpu_ms: f64,
}

/// The estate that is told of: a building for each client, and more incidents than can be taken in the time.
fn size(taking: &Taking, per_call: usize) -> Size {
    let most_per_second = if per_call == 1 { 4_000 } else { 15_000 };
    let incidents = most_per_second * usize::try_from(taking.seconds).unwrap_or(10);
    Size {
        buildings: taking.clients,
        incidents,
        tasks: 0,
        ..Size::FULL
    }
}

/// Measures all of them, in turn, in a folder that nothing else uses.
///
/// # Errors
/// When one fails.
pub async fn measure(
    program: &Path,
    folder: &Path,
    taking: &Taking,
    only: Option<Engine>,
) -> anyhow::Result<Vec<Taken>> {
    std::fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    let postgres = Postgres::start(&folder.join("postgres"))?;
    let mut taken = Vec::new();
    for round in 1..=taking.rounds {
        for per_call in [1, 50] {
            let size = size(taking, per_call);
            let mut tell = |taker, (per_second, p99_ms, cpu_ms): (f64, Option<f64>, f64)| {
                eprintln!(
                    "round {round}: {taker:?}, {per_call} per call: {per_second:.0} events/s, p99 {p99_ms:?} ms, {cpu_ms:.3} ms of CPU"
                );
                taken.push(Taken {
                    taker,
                    per_call,
                    round,
                    per_second,
                    p99_ms,
                    cpu_ms,
                });
            };
            if only != Some(Engine::Sqlite) {
                let database = Some(postgres.pid());
                let url = postgres.fresh("taken").await?;
                let (server, seen) = start(program, &folder, Some(&url), size).await?;
                let asked = (server.port, server.pid());
                let run = clients::run(asked, database, size, per_call, taking).await?;
                drop(server);
                tell(Taker::Caretaker, run);

                let bare = postgres.fresh("bare").await?;
                drop(start(program, &folder, Some(&bare), size).await?);
                let (server, port) = stock(&bare, &url, &folder)?;
                let asked = (port, server.pid);
                let run = clients::run(asked, database, size, per_call, taking).await?;
                drop(server);
                tell(Taker::Stock, run);

                let bare = postgres.fresh("bare").await?;
                drop(start(program, &folder, Some(&bare), size).await?);
                if per_call == 1 {
                    tell(
                        Taker::Pgbench,
                        pgbench::run(&postgres, &folder, taking).await?,
                    );
                } else {
                    tell(Taker::Copy, bound::run(&postgres, &folder, &seen).await?);
                }
            }
            if only != Some(Engine::Postgres) {
                let [own, bare] = ["sqlite", "sqlite-stock"].map(|name| folder.join(name));
                for folder in [&own, &bare] {
                    if folder.exists() {
                        std::fs::remove_dir_all(folder)?;
                    }
                }
                let (server, _) = start(program, &own, None, size).await?;
                let asked = (server.port, server.pid());
                let run = clients::run(asked, None, size, per_call, taking).await?;
                drop(server);
                tell(Taker::CaretakerSqlite, run);

                drop(start(program, &bare, None, size).await?);
                let [own, file] = [&own, &bare]
                    .map(|folder| format!("sqlite://{}/caretaker/caretaker.db", folder.display()));
                let (server, port) = stock(&file, &own, &folder)?;
                let run = clients::run((port, server.pid), None, size, per_call, taking).await?;
                tell(Taker::StockSqlite, run);
            }
        }
    }
    Ok(taken)
}

/// What was there before anything is measured: rows after it are what was taken in.
pub struct Seen {
    /// The last activity.
    pub seq: i64,
}

/// The service that one would write at first, on a database, with rows as wide as those of `example`.
fn stock(database: &str, example: &str, folder: &Path) -> anyhow::Result<(Guarded, u16)> {
    let pair = format!("{}:{}", MATRIX.0, MATRIX.1);
    workspace::start("stock", &[database, example, &pair], folder)
}

/// Starts caretaker on an empty database and tells it of the places, which nobody is measured with.
async fn start(
    program: &Path,
    folder: &Path,
    url: Option<&str>,
    size: Size,
) -> anyhow::Result<(Caretaker, Seen)> {
    let server = Caretaker::start(program, &folder.join("caretaker"), url, size)?;
    let places = Size {
        incidents: 0,
        ..size
    };
    fill::fill(server.port, places).await?;
    let seq = match url {
        None => 0,
        Some(url) => {
            let client = crate::postgres::connect(url).await?;
            let row = client
                .query_one("SELECT max(seq) FROM activity", &[])
                .await?;
            row.try_get::<_, Option<i64>>(0)?.context("no activities")?
        }
    };
    Ok((server, Seen { seq }))
}
