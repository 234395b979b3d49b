//! The tail: one task per node that reads new activities and broadcasts them, however many subscribers there are.

use std::sync::Arc;
use std::time::Duration;

use entity::activity;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::read::in_time;
use crate::domain::activity::filter::Filter;
use crate::domain::journal;
use crate::domain::wake::Wakes;

/// How many activities one read takes.
const PAGE: u64 = 500;
/// The pause after a failed read.
const BACKOFF: Duration = Duration::from_millis(500);

/// How the feed runs.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often the tail looks without a hint: for lost hints and commits of other processes.
    pub poll: Duration,
    /// How many activities a subscriber may be behind before it reads from the database again.
    pub buffer: usize,
    /// How long a stream is quiet before it says where it is.
    pub heartbeat: Duration,
}

/// The way to the tail's broadcast.
#[derive(Clone, Debug)]
pub struct Tail {
    /// Weak: the broadcast ends with the task.
    activities: broadcast::WeakSender<Arc<activity::Model>>,
    tip: watch::Receiver<i64>,
    settings: Settings,
}

impl Tail {
    /// Starts the tail at the present tip. `wake` hints that there may be something new; the task ends when the
    /// sender of `wake` is dropped.
    ///
    /// # Errors
    /// When the tip cannot be read.
    pub async fn start(
        readers: DatabaseConnection,
        wake: Wakes,
        settings: Settings,
    ) -> Result<(Self, tokio::task::JoinHandle<()>), DbErr> {
        let (tip_sender, tip) = watch::channel(journal::tip(&readers).await?);
        let (sender, _) = broadcast::channel(settings.buffer.max(1));
        let activities = sender.downgrade();
        let task = tokio::spawn(run(readers, wake, tip_sender, sender, settings.poll));
        Ok((
            Self {
                activities,
                tip,
                settings,
            },
            task,
        ))
    }

    /// Joins the broadcast. What is committed after this call, and not at or before [`Tail::tip`] asked afterwards,
    /// arrives here. `None` once the tail has ended.
    pub(super) fn join(&self) -> Option<broadcast::Receiver<Arc<activity::Model>>> {
        Some(self.activities.upgrade()?.subscribe())
    }

    /// The seq up to which this node has read.
    pub fn tip(&self) -> i64 {
        *self.tip.borrow()
    }

    pub(super) fn settings(&self) -> Settings {
        self.settings
    }
}

async fn run(
    readers: DatabaseConnection,
    mut wake: Wakes,
    tip: watch::Sender<i64>,
    activities: broadcast::Sender<Arc<activity::Model>>,
    poll: Duration,
) {
    let mut away_since = None;
    loop {
        let begun = Instant::now();
        match in_time(advance(&readers, &tip, &activities)).await {
            Ok(is_more) => {
                if let Some(since) = away_since.take() {
                    let away_seconds = begun.duration_since(since).as_secs();
                    tracing::info!(away_seconds, "the database is back");
                }
                if is_more {
                    continue;
                }
            }
            Err(error) => {
                if away_since.replace(away_since.unwrap_or(begun)).is_none() {
                    tracing::warn!(%error, "the feed cannot read the database and tries until it can");
                }
                tokio::time::sleep(BACKOFF).await;
                continue;
            }
        }
        tokio::select! {
            hint = wake.changed() => if hint.is_err() { return },
            () = tokio::time::sleep(poll) => {}
        }
    }
}

/// Reads one page; whether there may be more.
async fn advance(
    readers: &DatabaseConnection,
    tip: &watch::Sender<i64>,
    activities: &broadcast::Sender<Arc<activity::Model>>,
) -> Result<bool, DbErr> {
    let after = *tip.borrow();
    let page = journal::page(readers, &Filter::everything(), after, i64::MAX, PAGE).await?;
    let Some(last) = page.last() else {
        return Ok(false);
    };
    let more = page.len() as u64 == PAGE;
    // The tip goes first: a subscriber that joined before it reads these rows from the broadcast, one that joins now
    // reads them from the database; either way none is missed, and what comes twice is dropped by its seq.
    tip.send_replace(last.seq);
    for row in page {
        // Nobody listening is no fault.
        drop(activities.send(Arc::new(row)));
    }
    Ok(more)
}
