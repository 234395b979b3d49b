//! Reads of the feed: a connection whose other end is gone may never say so, and then counts as away.

use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbErr};
use tokio::time::timeout;

/// How long a read may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is read, unless that takes too long.
///
/// # Errors
/// Those of the read, or that there was no answer.
pub(super) async fn in_time<T>(read: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let away = Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
    timeout(PATIENCE, read).await.unwrap_or(away)
}
