//! Hints from other nodes: PostgreSQL's LISTEN. A lost hint costs time, never an event.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::watch;

use crate::domain::batch::CHANNEL;

/// The pause before a lost connection is tried again.
const BACKOFF: Duration = Duration::from_secs(1);

/// Passes PostgreSQL's notifications on to `wake` until nobody holds a receiver of it. After each reconnection a hint
/// is given too: what was notified meanwhile is lost.
pub async fn listen(url: String, wake: watch::Sender<()>) {
    while !wake.is_closed() {
        if let Err(error) = listen_once(&url, &wake).await {
            tracing::warn!(%error, "the listener of other nodes' commits lost its connection and tries again");
        }
        tokio::time::sleep(BACKOFF).await;
    }
}

async fn listen_once(url: &str, wake: &watch::Sender<()>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    wake.send_replace(());
    while !wake.is_closed() {
        // `None` tells of a reconnection.
        listener.try_recv().await?;
        wake.send_replace(());
    }
    Ok(())
}
