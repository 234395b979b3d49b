//! Where the feed of a subscription begins, ends and stands: it goes with the request, for whoever runs it to know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::cursor;

/// Where the feed of a subscription stands, for a transport that resumes by itself.
#[derive(Clone, Debug, Default)]
pub struct Position {
    start: Start,
    /// The last seq that is told, if there is one.
    until: Option<i64>,
    place: Arc<Mutex<Place>>,
}

/// Where a feed begins.
#[derive(Clone, Debug, Default)]
enum Start {
    /// Where the operation says.
    #[default]
    Asked,
    /// After this cursor, whatever the operation says.
    After(String),
    /// Now, whatever the operation says.
    Now,
}

/// Where it has come to.
#[derive(Debug, Default)]
struct Place {
    /// All up to this seq was told, or is not asked for.
    stands: Option<i64>,
    /// What was told last.
    told: Option<Told>,
}

/// An event that was told.
#[derive(Clone, Copy, Debug)]
pub(in crate::graphql) struct Told {
    pub(in crate::graphql) seq: i64,
    /// Nothing happened.
    pub(in crate::graphql) is_heartbeat: bool,
}

impl Position {
    /// One that goes on after this cursor, whatever `after` the operation says; where it says without one.
    pub fn after(cursor: Option<String>) -> Self {
        Self {
            start: cursor.map_or(Start::Asked, Start::After),
            ..Self::default()
        }
    }

    /// One that begins now.
    pub(in crate::graphql) fn now() -> Self {
        Self {
            start: Start::Now,
            ..Self::default()
        }
    }

    /// One that begins where this one does, or behind a seq, and ends once all up to `until` was told.
    pub(in crate::graphql) fn stretch(&self, behind: Option<i64>, until: Option<i64>) -> Self {
        Self {
            start: match behind {
                Some(seq) => Start::After(cursor::feed(seq)),
                None => self.start.clone(),
            },
            until,
            place: Arc::default(),
        }
    }

    /// The cursor of the event that was told last.
    pub fn cursor(&self) -> Option<String> {
        self.told().map(|told| cursor::feed(told.seq))
    }

    /// The event that was told last.
    pub(in crate::graphql) fn told(&self) -> Option<Told> {
        self.place().told
    }

    /// All up to this seq was told, or is not asked for; nothing before it is known where the feed begins.
    pub(in crate::graphql) fn stands(&self) -> Option<i64> {
        self.place().stands
    }

    /// The cursor to begin after, where the operation says `asked`.
    pub(super) fn begins(&self, asked: Option<String>) -> Option<String> {
        match &self.start {
            Start::Asked => asked,
            Start::After(cursor) => Some(cursor.clone()),
            Start::Now => None,
        }
    }

    pub(super) fn until(&self) -> Option<i64> {
        self.until
    }

    /// Nothing is to be told up to this seq.
    pub(super) fn stand(&self, seq: i64) {
        let mut place = self.place();
        place.stands = place.stands.max(Some(seq));
    }

    pub(super) fn reach(&self, seq: i64, is_heartbeat: bool) {
        self.stand(seq);
        self.place().told = Some(Told { seq, is_heartbeat });
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        // A few numbers: whole whatever panicked.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
