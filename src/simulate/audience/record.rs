//! What one subscriber was told. Small, since there are thousands: cursors are numbers, times are 32 bits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One activity, and when it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) cursor: u32,
    /// In units of ten microseconds since the beginning: good for half a day.
    at: u32,
}

impl Seen {
    pub(super) fn now(cursor: u32, begun: Instant) -> Self {
        let at = u32::try_from(begun.elapsed().as_micros() / 10).unwrap_or(u32::MAX);
        Self { cursor, at }
    }

    /// When it came.
    pub(super) fn at(self, begun: Instant) -> Instant {
        begun + Duration::from_micros(u64::from(self.at) * 10)
    }
}

/// What was told to one subscriber.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Where it began.
    pub(super) start: Option<u32>,
    /// Activities, as they came.
    pub(super) seen: Vec<Seen>,
    /// Connections that ended.
    pub(super) breaks: usize,
    /// Why the first of them did.
    pub(super) first_break: Option<String>,
}

/// The same while it goes on.
#[derive(Debug, Default)]
pub(super) struct Record(Mutex<Told>);

impl Record {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A heartbeat: the first one says where it began.
    pub(super) fn beat(&self, cursor: u32) {
        self.told().start.get_or_insert(cursor);
    }

    pub(super) fn see(&self, seen: Seen) {
        self.told().seen.push(seen);
    }

    pub(super) fn broke(&self, why: String) {
        let mut told = self.told();
        told.breaks += 1;
        told.first_break.get_or_insert(why);
    }

    pub(super) fn start(&self) -> Option<u32> {
        self.told().start
    }

    pub(super) fn count(&self) -> usize {
        self.told().seen.len()
    }

    pub(super) fn first_break(&self) -> Option<String> {
        self.told().first_break.clone()
    }

    pub(super) fn take(&self) -> Told {
        std::mem::take(&mut *self.told())
    }
}

/// Numbers for cursors, which are only compared.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<Numbered>);

#[derive(Debug, Default)]
struct Numbered {
    numbers: HashMap<Arc<str>, u32>,
    cursors: Vec<Arc<str>>,
}

impl Names {
    /// The number of a cursor.
    pub(super) fn of(&self, cursor: &str) -> u32 {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = names.numbers.get(cursor) {
            return *number;
        }
        let cursor: Arc<str> = cursor.into();
        let number = u32::try_from(names.cursors.len()).unwrap_or(u32::MAX);
        names.cursors.push(Arc::clone(&cursor));
        names.numbers.insert(cursor, number);
        number
    }

    /// The cursor of a number that was given.
    pub(super) fn cursor(&self, number: u32) -> Option<Arc<str>> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.cursors.get(number as usize).cloned()
    }
}
