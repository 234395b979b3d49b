//! The clock beside the server: gives the notices of deadlines when their time has come, with no call from anybody.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};

use crate::domain::database::Database;
use crate::domain::notice::{self, Mark};
use crate::domain::table::DbErr;
use crate::domain::wake::Wake;
use crate::domain::writer::Clock;

/// How often the clock is looked at. The database is asked only when something is due or was committed.
const TICK: Duration = Duration::from_secs(1);
/// How often the database is asked although nothing announced anything: what another process committed on SQLite.
const LOOK: Duration = Duration::from_secs(30);
/// The pause after the database did not answer.
const BACKOFF: Duration = Duration::from_secs(5);

/// Gives notices from `mark` on until the server ends. `wake` is heard, and signalled when there are new ones.
pub async fn keep_at_it(database: Database, clock: Clock, mut mark: Mark, wake: Wake) {
    let mut wakes = wake.subscribe();
    loop {
        // Before the look: what is committed during it is looked at once more.
        wakes.mark_unchanged();
        let began = Instant::now();
        let next = match look(&database, &mut mark, &clock, &wake).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "the deadlines cannot be looked at; they are again in a few seconds");
                sleep(BACKOFF).await;
                continue;
            }
        };
        loop {
            sleep(TICK).await;
            let is_due = next.is_some_and(|next| clock() > next);
            if is_due || wakes.has_changed().unwrap_or(true) || began.elapsed() >= LOOK {
                break;
            }
        }
    }
}

/// Gives what is due; when to look again if nothing else happens.
async fn look(
    database: &Database,
    mark: &mut Mark,
    clock: &Clock,
    wake: &Wake,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    loop {
        let step = notice::give(database, mark, clock()).await?;
        if step.is_news {
            wake.committed();
        }
        if !step.is_more {
            break;
        }
        if step.is_news {
            // However much is due: calls have their turn.
            sleep(TICK).await;
        }
    }
    notice::next(&database.feed, mark).await
}
