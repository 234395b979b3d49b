//! Bringing stored rows into line beside the server: what an upgrade, another rule, or an older release beside this one
//! left to be done. Nobody waits for it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::domain::database::Database;
use crate::domain::upkeep;
use crate::domain::wake::Wake;
use crate::domain::writer::Clock;

/// How often it is looked whether something came up: what an older release wrote, a rule that another server imported.
const LOOK: Duration = Duration::from_secs(60);
/// The pause after the database did not do it.
const BACKOFF: Duration = Duration::from_secs(5);

/// One page of each kind: all there is of a small database, so that it never answers with less.
pub async fn begin(database: &Database, clock: &Clock) {
    step(database, clock).await;
}

/// Goes on until the server ends. `wake` is signalled when all was brought into line.
pub async fn keep_at_it(database: Database, clock: Clock, wake: Wake) {
    let mut is_under_way = false;
    loop {
        let began = Instant::now();
        match step(&database, &clock).await {
            Some(true) => {
                if !is_under_way {
                    tracing::info!("stored rows are brought into line beside the server");
                }
                is_under_way = true;
                // Calls, and other servers, have half of the writer's time.
                sleep(began.elapsed()).await;
            }
            Some(false) => {
                if std::mem::take(&mut is_under_way) {
                    tracing::info!("all stored rows are in line");
                    wake.hint();
                }
                sleep(LOOK).await;
            }
            None => sleep(BACKOFF).await,
        }
    }
}

/// Whether there is more; none when the database did not do it.
async fn step(database: &Database, clock: &Clock) -> Option<bool> {
    let done = upkeep::step(database, clock()).await;
    let warn =
        |error| tracing::warn!(%error, "stored rows are not brought into line; it is tried again");
    done.map_err(warn).ok()
}
