//! What is told: one report each time at a rate that does not wait for answers.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::estate::{Building, Size};
use crate::wire::Connection;

/// How many calls may be under way.
const CALLERS: usize = 64;

/// Sends `count` reports, the one of number n at `begun` + n / `rate`; when the last was taken.
///
/// # Errors
/// When a call is not answered 200.
pub(super) async fn send(
    port: u16,
    (building, size): (&Building, Size),
    (count, rate): (u32, u32),
    begun: Instant,
) -> anyhow::Result<Instant> {
    let (due, queue) = mpsc::unbounded_channel::<Vec<u8>>();
    let queue = std::sync::Arc::new(Mutex::new(queue));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let queue = std::sync::Arc::clone(&queue);
        let mut connection = Connection::open(port).await?;
        callers.spawn(async move {
            loop {
                let next = queue.lock().await.recv().await;
                let Some(request) = next else {
                    return anyhow::Ok(());
                };
                let answer = connection.ask(&request).await?;
                ensure!(
                    answer.status == 200,
                    "{} {}",
                    answer.status,
                    String::from_utf8_lossy(answer.body)
                );
            }
        });
    }
    for number in 0..count {
        let at = due_at(number, rate, begun);
        tokio::time::sleep_until(at.into()).await;
        due.send(building.report(size, number).request(port))?;
    }
    drop(due);
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(Instant::now())
}

/// When the report of this number is due.
pub(super) fn due_at(number: u32, rate: u32, begun: Instant) -> Instant {
    begun + Duration::from_secs_f64(f64::from(number) / f64::from(rate))
}
