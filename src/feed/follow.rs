//! Follow: one subscriber's stream, from a cursor to now and on, without gap or repeat.
//!
//! ```text
//!  join the broadcast ─► read (last, tip] in pages ─► live, dropping what was read
//!          ▲                                            │ lagged
//!          └────────────────────────────────────────────┘
//! ```

use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use entity::activity;
use futures_util::Stream;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::read::in_time;
use super::tail::Tail;
use crate::domain::activity::filter::Filter;
use crate::domain::journal;

/// How many activities one read of the backlog takes.
const PAGE: u64 = 200;
/// The pause before a backlog that could not be read is tried again.
const BACKOFF: Duration = Duration::from_millis(500);

/// What a subscriber gets.
#[derive(Clone, Debug)]
pub enum Event {
    /// Something happened.
    Activity(Arc<activity::Model>),
    /// Nothing that fits happened up to this seq: the cursor of a quiet stream does not age.
    Heartbeat(i64),
    /// What comes next was pruned before it could be read: all after this seq is kept. The stream ends with it.
    Expired(i64),
}

/// Why a stream cannot start.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Rows after the cursor were pruned.
    #[error("the history before seq {earliest} was pruned")]
    CursorExpired {
        /// The earliest seq after which all rows are kept.
        earliest: i64,
    },
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// What to follow.
#[derive(Clone, Debug)]
pub struct Follow {
    /// The seq after which to start; from now when absent. One ahead of this node waits until the node is there.
    pub after: Option<i64>,
    /// The seq with which the stream ends, which was committed; never when absent.
    pub until: Option<i64>,
    /// What is sent: of what the viewer may see, what it asks for.
    pub filter: Filter,
}

/// The stream of a subscriber. It ends where it is to, or when the tail ends.
///
/// # Errors
/// When the cursor is older than the history, or the database cannot be asked.
pub async fn follow(
    readers: DatabaseConnection,
    tail: Tail,
    follow: Follow,
) -> Result<impl Stream<Item = Event> + Send + use<>, FeedError> {
    if let Some(after) = follow.after {
        let earliest = in_time(journal::pruned_through(&readers)).await?;
        if after < earliest {
            return Err(FeedError::CursorExpired { earliest });
        }
    }
    // Joined before the stream is first polled: what happens from this call on is seen.
    let joined = tail.join();
    let mut last = match follow.after {
        Some(after) => after,
        // Not the tail's tip: it may not have read yet what the subscriber knows to be acknowledged.
        None => in_time(journal::tip(&readers)).await?,
    };
    let heartbeat = tail.settings().heartbeat;
    Ok(stream! {
        let mut live = joined;
        if follow.until.is_none() && live.is_none() {
            return;
        }
        if follow.after.is_none() {
            // From now: its cursor, so that whoever is cut off before the first activity can come back without loss.
            yield Event::Heartbeat(last);
        }
        if follow.until.is_some_and(|until| until < last) {
            // Ahead of its own end: that it is there is all that can be told.
            if follow.after.is_some() {
                yield Event::Heartbeat(last);
            }
            return;
        }
        loop {
            let through = follow.until.unwrap_or_else(|| tail.tip());
            // How far one read looks: a filter that little fits may look through all of the history for one page.
            let mut reach = i64::MAX;
            while last < through {
                let end = through.min(last.saturating_add(reach));
                match in_time(backlog(&readers, &follow, last, end)).await {
                    Ok((_, earliest)) if earliest > last => {
                        yield Event::Expired(earliest);
                        return;
                    }
                    Ok((page, _)) => {
                        let full = page.len() as u64 == PAGE;
                        let read = if full { page.last().map_or(end, |row| row.seq) } else { end };
                        let is_silent = page.is_empty() && read < through;
                        for row in page {
                            yield Event::Activity(Arc::new(row));
                        }
                        last = read;
                        reach = reach.saturating_mul(2);
                        if is_silent {
                            yield Event::Heartbeat(last);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a subscriber's backlog could not be read and is tried again");
                        reach = ((end - last) / 4).max(1);
                        tokio::time::sleep(BACKOFF).await;
                    }
                }
            }
            let (None, Some(receiver)) = (follow.until, &mut live) else { return };
            // Counted from the last frame sent, not from the last row seen: what does not fit must not hold it back.
            let mut quiet_until = Instant::now() + heartbeat;
            loop {
                match tokio::time::timeout_at(quiet_until, receiver.recv()).await {
                    Ok(Ok(row)) if row.seq <= last => continue,
                    Ok(Ok(row)) => {
                        last = row.seq;
                        if !follow.filter.matches(&row) {
                            continue;
                        }
                        yield Event::Activity(row);
                    }
                    Ok(Err(RecvError::Lagged(_))) => break,
                    Ok(Err(RecvError::Closed)) => return,
                    Err(_quiet) => yield Event::Heartbeat(last),
                }
                quiet_until = Instant::now() + heartbeat;
            }
            // What was left in the buffer when the tail ended is not told: the client comes back for it.
            live = tail.join();
            if live.is_none() {
                return;
            }
        }
    })
}

async fn backlog(
    readers: &DatabaseConnection,
    follow: &Follow,
    after: i64,
    through: i64,
) -> Result<(Vec<activity::Model>, i64), DbErr> {
    let page = journal::page(readers, &follow.filter, after, through, PAGE).await?;
    // Asked after the page was read: what was pruned by then may be missing in it.
    Ok((page, journal::pruned_through(readers).await?))
}
