//! Reading a body: never more of it than the limit, never longer than it may take, and never more of all bodies together
//! than the server has room for.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::problem::Problem;

/// What is set aside for a body before anything of it came. What is announced is not believed.
const FIRST: usize = 16 * 1024;

/// The bodies that are on their way in.
#[derive(Debug)]
pub struct Bodies {
    patience: Duration,
    /// In KiB.
    room: Arc<Semaphore>,
    /// The part of it that senders may take who are not proven yet.
    unproven: Arc<Semaphore>,
    /// The addresses over their limit of failures of which an unproven body is being read.
    suspects: Arc<Mutex<HashSet<Option<IpAddr>>>>,
}

/// A body, and the room that it takes until it is somewhere else.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    pub(super) room: Room,
}

/// Given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Room {
    room: Option<OwnedSemaphorePermit>,
    unproven: Option<OwnedSemaphorePermit>,
}

/// The right of an address over its limit to have one body read.
#[derive(Debug)]
pub(super) struct Alone {
    address: Option<IpAddr>,
    suspects: Arc<Mutex<HashSet<Option<IpAddr>>>>,
}

impl Drop for Alone {
    fn drop(&mut self) {
        let mut suspects = self.suspects.lock().unwrap_or_else(PoisonError::into_inner);
        suspects.remove(&self.address);
    }
}

impl Bodies {
    /// A body that takes longer than `patience` to arrive is given up. All together may take so many `bytes`, half of
    /// them for senders who are not proven.
    pub fn new(patience: Duration, bytes: usize) -> Self {
        let room = (bytes / 1024).min(Semaphore::MAX_PERMITS);
        Self {
            patience,
            room: Arc::new(Semaphore::new(room)),
            unproven: Arc::new(Semaphore::new(room / 2)),
            suspects: Arc::default(),
        }
    }

    /// Whether a body may be read of an address over its limit, of a sender whom only the body can prove: one at a time. A
    /// flood of such bodies stays unread, and who is right at that address gets through when it comes again.
    pub(super) fn alone(&self, address: Option<IpAddr>) -> Result<Alone, Problem> {
        let mut suspects = self.suspects.lock().unwrap_or_else(PoisonError::into_inner);
        if !suspects.insert(address) {
            let why = "Too many calls from this address did not prove who sent them.";
            return Err(Problem::unavailable(why));
        }
        Ok(Alone {
            address,
            suspects: Arc::clone(&self.suspects),
        })
    }

    /// The whole body.
    pub(super) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit: usize,
        is_proven: bool,
    ) -> Result<Whole, Problem> {
        let patience = self.patience;
        tokio::time::timeout(patience, self.collect(headers, body, limit, is_proven))
            .await
            .map_err(|_| Problem::too_slow(patience.as_secs()))?
    }

    async fn collect(
        &self,
        headers: &HeaderMap,
        body: Body,
        limit: usize,
        is_proven: bool,
    ) -> Result<Whole, Problem> {
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(Problem::too_large(limit));
        }
        let mut whole = Whole {
            bytes: Vec::with_capacity(announced.unwrap_or_default().min(FIRST)),
            room: Room::default(),
        };
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| {
                tracing::debug!(%error, "a body broke off");
                Problem::broken_body("The connection broke while the body was being sent.")
            })?;
            let length = whole.bytes.len() + chunk.len();
            if length > limit {
                return Err(Problem::too_large(limit));
            }
            self.make_room(&mut whole.room, length, is_proven)?;
            whole.bytes.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    /// Room for so many bytes, with what is there already.
    fn make_room(&self, room: &mut Room, bytes: usize, is_proven: bool) -> Result<(), Problem> {
        let full = || Problem::unavailable("Too many calls are being read.");
        grow(&mut room.room, &self.room, bytes).ok_or_else(full)?;
        if !is_proven {
            grow(&mut room.unproven, &self.unproven, bytes).ok_or_else(full)?;
        }
        Ok(())
    }
}

fn grow(held: &mut Option<OwnedSemaphorePermit>, of: &Arc<Semaphore>, bytes: usize) -> Option<()> {
    let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let more = bytes.div_ceil(1024).saturating_sub(has);
    if more == 0 {
        return Some(());
    }
    let more = Arc::clone(of).try_acquire_many_owned(u32::try_from(more).ok()?);
    let more = more.ok()?;
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bodies: &Bodies, length: usize, is_proven: bool) -> Result<Whole, u16> {
        let body = Body::from(vec![b' '; length]);
        let headers = HeaderMap::new();
        let whole = bodies.read(&headers, body, 1 << 20, is_proven).await;
        whole.map_err(|problem| problem.status().as_u16())
    }

    #[tokio::test]
    async fn bodies_share_the_room_and_give_it_back() {
        let bodies = Bodies::new(Duration::from_secs(5), 8 * 1024);
        let first = read(&bodies, 5 * 1024 + 1, true).await.unwrap();
        assert_eq!(read(&bodies, 2 * 1024 + 1, true).await.unwrap_err(), 503);
        let second = read(&bodies, 2 * 1024, true).await.unwrap();
        assert!(read(&bodies, 0, true).await.is_ok(), "it takes none");
        assert_eq!(read(&bodies, 1, true).await.unwrap_err(), 503);
        // The bytes alone hold nothing: the room goes on with whoever decodes them.
        let Whole { bytes, room } = first;
        drop(room);
        assert_eq!(bytes.len(), 5 * 1024 + 1);
        assert!(read(&bodies, 6 * 1024, true).await.is_ok());
        drop(second);
        assert!(read(&bodies, 8 * 1024, true).await.is_ok());
    }

    #[tokio::test]
    async fn those_who_are_not_proven_cannot_take_all_of_it() {
        let bodies = Bodies::new(Duration::from_secs(5), 8 * 1024);
        assert_eq!(read(&bodies, 5 * 1024, false).await.unwrap_err(), 503);
        let unproven = read(&bodies, 4 * 1024, false).await.unwrap();
        assert_eq!(read(&bodies, 1, false).await.unwrap_err(), 503);
        assert!(read(&bodies, 4 * 1024, true).await.is_ok());
        drop(unproven);
        assert!(read(&bodies, 4 * 1024, false).await.is_ok());
    }

    #[test]
    fn of_an_address_over_its_limit_one_body_is_read_at_a_time() {
        let bodies = Bodies::new(Duration::from_secs(5), 1024);
        let (one, other) = (Some([192, 0, 2, 1].into()), Some([192, 0, 2, 2].into()));
        let alone = bodies.alone(one).unwrap();
        assert_eq!(bodies.alone(one).unwrap_err().status(), 503);
        assert!(bodies.alone(other).is_ok());
        drop(alone);
        assert!(bodies.alone(one).is_ok());
    }
}
