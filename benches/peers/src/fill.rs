//! Fills an estate through caretaker's own intake: first what Matrix tells, in batches over one connection per building,
//! then Urgent's calls over many, each task's in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::call::Call;
use crate::estate::{self, Size};
use crate::wire::Connection;

const MATRIX_BATCH: usize = 100;
const MATRIX_CONNECTIONS: usize = 50;
const URGENT_CONNECTIONS: usize = 256;

/// How fast a fill was.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Filled {
    /// Events of Matrix.
    pub matrix_events: usize,
    /// Seconds that they took.
    pub matrix_seconds: f64,
    /// Calls of Urgent.
    pub urgent_calls: usize,
    /// Seconds that they took.
    pub urgent_seconds: f64,
}

/// Fills the estate of `size` through the server on `port`.
///
/// # Errors
/// When a call is not answered 200.
pub async fn fill(port: u16, size: Size) -> anyhow::Result<Filled> {
    let buildings = estate::buildings(size);
    let begun = Instant::now();
    let lanes: Vec<Vec<Call>> = buildings
        .iter()
        .map(|building| building.matrix_calls(size, MATRIX_BATCH))
        .collect();
    let matrix_events = lanes.iter().flatten().map(|call| call.events).sum();
    eprintln!(
        "fill: {matrix_events} events drawn in {:.1?}",
        begun.elapsed()
    );
    let matrix_seconds = send(port, lanes, MATRIX_CONNECTIONS).await?;
    eprintln!(
        "fill: Matrix {:.0} events/s",
        matrix_events as f64 / matrix_seconds
    );

    let stories: Vec<Vec<Call>> = buildings
        .iter()
        .flat_map(|building| building.urgent_stories(size))
        .collect();
    let urgent_calls = stories.iter().map(Vec::len).sum();
    let urgent_seconds = send(port, stories, URGENT_CONNECTIONS).await?;
    eprintln!(
        "fill: Urgent {urgent_calls} calls, {:.0} calls/s",
        urgent_calls as f64 / urgent_seconds
    );
    Ok(Filled {
        matrix_events,
        matrix_seconds,
        urgent_calls,
        urgent_seconds,
    })
}

/// Sends each lane in order, as many lanes at once as there are connections; how many seconds it took.
async fn send(port: u16, lanes: Vec<Vec<Call>>, connections: usize) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let lanes = Arc::new(Mutex::new(VecDeque::from(lanes)));
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        let lanes = Arc::clone(&lanes);
        senders.spawn(async move {
            let mut connection = Connection::open(port).await?;
            loop {
                let lane = lanes.lock().await.pop_front();
                let Some(lane) = lane else {
                    return anyhow::Ok(());
                };
                for call in lane {
                    let answer = connection.ask(&call.request(port)).await?;
                    let said = String::from_utf8_lossy(answer.body);
                    ensure!(
                        answer.status == 200,
                        "{:?}: {} {said}",
                        call.operation,
                        answer.status
                    );
                }
            }
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended??;
    }
    Ok(begun.elapsed().as_secs_f64())
}
