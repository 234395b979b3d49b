//! The load: so many connections, each asking as soon as it has its answer, for so many seconds. Written here and not
//! taken from `oha`: one thread, prepared bytes and no parsing leave more of two cores to what is measured, and each
//! request can be another one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::task::JoinSet;

use crate::cpu;
use crate::wire::Connection;

/// What one run came to.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Run {
    /// Answers in a second.
    pub per_second: f64,
    /// Milliseconds within which half of them came.
    pub p50_ms: f64,
    /// Milliseconds within which 99 in 100 came.
    pub p99_ms: f64,
    /// Milliseconds of CPU that the server used for each.
    pub server_cpu_ms: f64,
    /// Milliseconds of CPU that the database used for each; 0 where the server has it in itself.
    pub database_cpu_ms: f64,
    /// Bytes of an answer, on average.
    pub bytes: f64,
}

/// Who is asked.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Where it listens.
    pub port: u16,
    /// Its process.
    pub pid: u32,
    /// The database's process, where that is another.
    pub database: Option<u32>,
}

/// Asks `requests` in turn, each connection from a place of its own.
///
/// # Errors
/// When an answer is not a good one.
pub async fn run(
    target: Target,
    requests: Vec<Vec<u8>>,
    connections: usize,
    length: Duration,
) -> anyhow::Result<Run> {
    // A thread of its own, which nothing else wakes.
    let measure = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(measure(target, &Arc::new(requests), connections, length))
    };
    tokio::task::spawn_blocking(measure).await?
}

async fn measure(
    target: Target,
    requests: &Arc<Vec<Vec<u8>>>,
    connections: usize,
    length: Duration,
) -> anyhow::Result<Run> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(target.port).await?);
    }
    let before = used(target)?;
    let begun = Instant::now();
    let mut askers = JoinSet::new();
    for (number, connection) in open.into_iter().enumerate() {
        let first = number * requests.len() / connections;
        askers.spawn(ask(connection, Arc::clone(requests), first, begun + length));
    }
    let (mut took, mut bytes) = (Vec::new(), 0);
    while let Some(asked) = askers.join_next().await {
        let (times, length) = asked??;
        took.extend(times);
        bytes += length;
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let after = used(target)?;
    took.sort_unstable();
    let count = took.len() as f64;
    Ok(Run {
        per_second: count / elapsed,
        p50_ms: rank(&took, 0.5),
        p99_ms: rank(&took, 0.99),
        server_cpu_ms: (after.0 - before.0) * 1_000.0 / count,
        database_cpu_ms: (after.1 - before.1) * 1_000.0 / count,
        bytes: bytes as f64 / count,
    })
}

/// Seconds of CPU of server and database.
fn used(target: Target) -> anyhow::Result<(f64, f64)> {
    let database = target.database.map(cpu::seconds).transpose()?;
    Ok((cpu::seconds(target.pid)?, database.unwrap_or_default()))
}

async fn ask(
    mut connection: Connection,
    requests: Arc<Vec<Vec<u8>>>,
    first: usize,
    end: Instant,
) -> anyhow::Result<(Vec<u32>, usize)> {
    let (mut took, mut bytes) = (Vec::with_capacity(16_384), 0);
    for request in requests.iter().cycle().skip(first) {
        let begun = Instant::now();
        if begun >= end {
            break;
        }
        let answer = connection.ask(request).await?;
        let is_good = answer.status == 200 && answer.body.starts_with(b"{\"data\":{");
        ensure!(
            is_good,
            "{}: {}",
            answer.status,
            String::from_utf8_lossy(answer.body)
        );
        bytes += answer.body.len();
        took.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok((took, bytes))
}

/// The value that `share` of the sorted microseconds do not exceed, in milliseconds.
pub fn rank(sorted: &[u32], share: f64) -> f64 {
    let place = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
    f64::from(sorted.get(place).copied().unwrap_or_default()) / 1_000.0
}
