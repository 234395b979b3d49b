//! Retention: raw bodies, deliveries and activities, each with its own age; by command, or by a task beside the server.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::database::Database;
use crate::domain::prune::{self, Count, Kept};
use crate::domain::table::DbErr;
use crate::domain::writer::{self, Clock};

/// How many rows one transaction takes away.
const BATCH: u32 = 500;
/// The pause between two transactions, in which the writer has its turn.
const PAUSE: Duration = Duration::from_millis(50);

/// How long what is kept; what has no age stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ages {
    /// The bytes of calls that have nothing in quarantine, from their first receipt.
    pub bodies: Option<TimeDelta>,
    /// Calls that have nothing in quarantine, with all that is known of them, from their first receipt.
    pub deliveries: Option<TimeDelta>,
    /// Calls that have something in quarantine, from their first receipt.
    pub quarantined: Option<TimeDelta>,
    /// Activities, from when they were recorded.
    pub activities: Option<TimeDelta>,
}

impl Ages {
    /// What has an age, with the time before which it goes.
    pub fn cutoffs(&self, now: DateTime<Utc>) -> Vec<(Kept, DateTime<Utc>)> {
        let ages = [
            (Kept::Bodies, self.bodies),
            (Kept::Deliveries, self.deliveries),
            (Kept::Quarantined, self.quarantined),
            (Kept::Activities, self.activities),
        ];
        let cutoff = |(kept, age): (Kept, Option<TimeDelta>)| {
            let before = now.checked_sub_signed(age?)?;
            // What is stored is compared with it as text on one engine: in whole microseconds, like all of it.
            Some((
                kept,
                DateTime::from_timestamp_micros(before.timestamp_micros())?,
            ))
        };
        ages.into_iter().filter_map(cutoff).collect()
    }

    /// Whether everything stays.
    pub fn keep_all(&self) -> bool {
        *self == Self::default()
    }
}

/// What would go now.
///
/// # Errors
/// What the database says.
pub async fn rehearse(
    database: &Database,
    ages: &Ages,
    now: DateTime<Utc>,
) -> Result<Vec<(Kept, DateTime<Utc>, Count)>, DbErr> {
    let mut told = Vec::new();
    let cutoffs = ages.cutoffs(now);
    let of_bodies = cutoffs.iter().find(|(kept, _)| *kept == Kept::Bodies);
    let of_bodies = of_bodies.map(|(_, before)| *before);
    for (kept, before) in cutoffs {
        let count = prune::count(&database.readers, kept, before, of_bodies).await?;
        told.push((kept, before, count));
    }
    Ok(told)
}

/// Takes away what is older than its age, in small transactions; gives how much of each went.
///
/// # Errors
/// What the database says; what went before stays away.
pub async fn run(
    database: &Database,
    ages: &Ages,
    now: DateTime<Utc>,
) -> Result<Vec<(Kept, DateTime<Utc>, Count)>, DbErr> {
    let mut told = Vec::new();
    for (kept, before) in ages.cutoffs(now) {
        let mut gone = Count::default();
        loop {
            let pruning = || prune::batch(database, kept, before, BATCH);
            let count = writer::retrying(pruning).await?;
            gone.rows += count.rows;
            gone.bytes += count.bytes;
            if count.rows < i64::from(BATCH) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        // What stays for its quarantine is counted as a dry run counts it.
        gone.held = prune::count(&database.readers, kept, before, None)
            .await?
            .held;
        told.push((kept, before, gone));
    }
    Ok(told)
}

/// Prunes at once and then every `every`, until the task is aborted. What the database refuses is tried again then.
pub async fn keep_at_it(database: Database, ages: Ages, every: Duration, clock: Clock) {
    loop {
        match run(&database, &ages, clock()).await {
            Ok(told) => {
                for (kept, before, gone) in told.into_iter().filter(|(_, _, gone)| gone.rows > 0) {
                    tracing::info!(?kept, %before, gone.rows, gone.bytes, "pruned");
                }
            }
            Err(error) => tracing::warn!(%error, "pruning failed and is tried again later"),
        }
        tokio::time::sleep(every).await;
    }
}
