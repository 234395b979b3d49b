//! Changes: that something happened which is worth another look, for whoever shows a thing as it stands. What happens
//! while nobody asks counts once, however much it is.

use std::sync::Arc;

use entity::activity;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::tail::Tail;

/// What happens from the time on at which it was made.
#[derive(Debug)]
pub struct Changes(Receiver<Arc<activity::Model>>);

impl Changes {
    /// From now on; nothing once the feed has ended.
    pub fn of(tail: &Tail) -> Option<Self> {
        tail.join().map(Self)
    }

    /// Waits until something happens that is worth a look, or may have: what a slow one missed may have been. Takes all
    /// that has happened by then. `false` once the feed has ended.
    pub async fn next(&mut self, is_worth: impl Fn(&activity::Model) -> bool) -> bool {
        loop {
            match self.0.recv().await {
                Ok(row) if is_worth(&row) => break,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return false,
            }
        }
        while !matches!(
            self.0.try_recv(),
            Err(TryRecvError::Empty | TryRecvError::Closed)
        ) {}
        true
    }
}
