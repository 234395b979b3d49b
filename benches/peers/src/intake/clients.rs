//! The clients: each calls again as soon as its call was answered, with what its own building tells.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::task::JoinSet;

use super::Taking;
use crate::cpu;
use crate::estate::{self, Size};
use crate::load;
use crate::wire::Connection;

/// Events a second, milliseconds of the 99th percentile, milliseconds of CPU for each event.
pub(super) async fn run(
    (port, pid): (u16, u32),
    database: Option<u32>,
    size: Size,
    per_call: usize,
    taking: &Taking,
) -> anyhow::Result<(f64, Option<f64>, f64)> {
    let mut lanes = Vec::new();
    for building in estate::buildings(size) {
        let mut calls = building.matrix_calls(size, per_call);
        // The zones were told already.
        calls.drain(..size.zones.div_ceil(per_call).min(calls.len()));
        lanes.push((Connection::open(port).await?, calls));
    }
    let used = || anyhow::Ok(cpu::seconds(pid)? + database.map_or(Ok(0.0), cpu::seconds)?);
    let before = used()?;
    let begun = Instant::now();
    let end = begun + Duration::from_secs(taking.seconds);
    let mut clients = JoinSet::new();
    for (mut connection, calls) in lanes {
        clients.spawn(async move {
            let (mut took, mut events) = (Vec::new(), 0);
            for call in calls {
                let begun = Instant::now();
                if begun >= end {
                    return Ok((took, events));
                }
                let answer = connection.ask(&call.request(port)).await?;
                let said = String::from_utf8_lossy(answer.body);
                ensure!(answer.status == 200, "{} {said}", answer.status);
                took.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
                events += call.events;
            }
            anyhow::bail!("there was too little to tell")
        });
    }
    let (mut took, mut events) = (Vec::new(), 0);
    while let Some(ended) = clients.join_next().await {
        let (times, count) = ended??;
        took.extend(times);
        events += count;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let cpu_ms = (used()? - before) * 1_000.0 / events as f64;
    took.sort_unstable();
    Ok((
        events as f64 / seconds,
        Some(load::rank(&took, 0.99)),
        cpu_ms,
    ))
}
