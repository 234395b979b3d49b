//! Hints from other nodes: PostgreSQL's LISTEN. A lost hint costs time, never an event.

use std::time::Duration;

use sqlx::postgres::PgListener;

use crate::domain::batch::CHANNEL;
use crate::domain::wake::Wake;

/// The pause before a lost connection is tried again.
const BACKOFF: Duration = Duration::from_secs(1);

/// Passes PostgreSQL's notifications on to `wake` until nobody holds a receiver of it. After each reconnection a hint
/// is given too: what was notified meanwhile is lost.
pub async fn listen(url: String, wake: Wake) {
    let mut is_told = false;
    while !wake.is_closed() {
        if let Err(error) = listen_once(&url, &wake, &mut is_told).await
            && !std::mem::replace(&mut is_told, true)
        {
            tracing::warn!(%error, "the listener of other nodes' commits lost its connection and tries until it has one");
        }
        tokio::time::sleep(BACKOFF).await;
    }
}

/// Until the connection is lost. What is said of that is said again only after there was one.
async fn listen_once(url: &str, wake: &Wake, is_told: &mut bool) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    *is_told = false;
    wake.hint();
    while !wake.is_closed() {
        // `None` tells of a reconnection.
        listener.try_recv().await?;
        wake.hint();
    }
    Ok(())
}
