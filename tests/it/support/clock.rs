//! A clock that goes only when a case says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use caretaker::domain::writer::Clock;
use chrono::{DateTime, TimeDelta, Utc};

/// Begins at the present second: what a case signs with the system's time is still fresh.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(Utc::now().timestamp())))
    }

    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::SeqCst), 0).unwrap()
    }

    pub fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_seconds(), Ordering::SeqCst);
    }

    /// As the server wants it.
    pub fn clock(&self) -> Clock {
        let own = self.clone();
        Arc::new(move || own.now())
    }
}
