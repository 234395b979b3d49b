//! Whose turn it is to have a password hashed. An address has one turn at a time and a short queue, so that its guesses
//! make nobody else wait; those who have failed too often share one turn among them all, behind everybody.
//!
//! ```text
//!  caller ─► the queue of its address (8) ─► too many failures? the one turn of those ─► two turns in the process
//! ```

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How many computations run at once in this process.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// How many of them may be for addresses that have failed too often.
static SUSPECTS: Semaphore = Semaphore::const_new(1);

/// How many calls of one address may wait or be computed for.
const LONGEST: usize = 8;

/// How long a call waits for its turn.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// From where a call comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    /// The address, if it is known: all that are not share one place.
    pub(super) address: Option<IpAddr>,
    /// Whether too many proofs have failed there lately.
    pub(super) is_suspect: bool,
}

/// Gives the turns.
pub(super) struct Turns {
    addresses: Lanes<Option<IpAddr>>,
    suspects: &'static Semaphore,
    at_once: &'static Semaphore,
}

/// The right to compute. The fields are given back in their order: the next of the same address comes last.
pub(super) struct Turn {
    _compute: SemaphorePermit<'static>,
    _suspect: Option<SemaphorePermit<'static>>,
    _place: Place<Option<IpAddr>>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            addresses: Lanes::new(),
            suspects: &SUSPECTS,
            at_once: &AT_ONCE,
        }
    }

    /// Waits for a turn; `None` when too many of the address wait already, or it takes too long.
    pub(super) async fn take(&self, origin: Origin) -> Option<Turn> {
        let taking = async {
            let place = self.addresses.enter(origin.address, LONGEST).await?;
            let suspect = match origin.is_suspect {
                true => Some(self.suspects.acquire().await.ok()?),
                false => None,
            };
            Some(Turn {
                _compute: self.at_once.acquire().await.ok()?,
                _suspect: suspect,
                _place: place,
            })
        };
        tokio::time::timeout(PATIENCE, taking).await.ok().flatten()
    }
}

/// Queues by key, each served one at a time. A queue is there only while somebody stands in it.
pub(super) struct Lanes<K>(Arc<Mutex<HashMap<K, Lane>>>);

struct Lane {
    turn: Arc<Semaphore>,
    inside: usize,
}

/// A place in a queue, at its head once it was entered.
pub(super) struct Place<K: Eq + Hash> {
    key: K,
    lanes: Arc<Mutex<HashMap<K, Lane>>>,
    turn: Option<OwnedSemaphorePermit>,
}

impl<K: Copy + Eq + Hash> Lanes<K> {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// Waits until nobody is before us; `None` when `longest` are there already.
    pub(super) async fn enter(&self, key: K, longest: usize) -> Option<Place<K>> {
        let (turn, mut place) = {
            let mut lanes = lock(&self.0);
            let lane = lanes.entry(key).or_insert_with(|| Lane {
                turn: Arc::new(Semaphore::new(1)),
                inside: 0,
            });
            if lane.inside >= longest {
                return None;
            }
            lane.inside += 1;
            // Made at once: whoever leaves while waiting gives the place back.
            let place = Place {
                key,
                lanes: Arc::clone(&self.0),
                turn: None,
            };
            (Arc::clone(&lane.turn), place)
        };
        place.turn = Some(turn.acquire_owned().await.ok()?);
        Some(place)
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        self.turn.take();
        let mut lanes = lock(&self.lanes);
        let Some(lane) = lanes.get_mut(&self.key) else {
            return;
        };
        lane.inside -= 1;
        if lane.inside == 0 {
            lanes.remove(&self.key);
        }
    }
}

/// A map is whole at every moment: that another thread panicked does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::future::FutureExt;
    use futures_util::stream::{FuturesUnordered, StreamExt};

    use super::*;

    fn turns() -> Turns {
        Turns {
            addresses: Lanes::new(),
            suspects: Box::leak(Box::new(Semaphore::new(1))),
            at_once: Box::leak(Box::new(Semaphore::new(2))),
        }
    }

    fn origin(host: u8, is_suspect: bool) -> Origin {
        Origin {
            address: Some([192, 0, 2, host].into()),
            is_suspect,
        }
    }

    #[tokio::test]
    async fn an_address_has_one_turn_and_a_short_queue_and_others_do_not_wait_for_it() {
        let turns = turns();
        let running = turns.take(origin(1, false)).await.unwrap();
        let waiting: FuturesUnordered<_> =
            (1..LONGEST).map(|_| turns.take(origin(1, false))).collect();
        let mut waiting = waiting;
        assert!(waiting.next().now_or_never().is_none());
        // The queue is full: this one is not kept waiting either.
        let late = turns.take(origin(1, false)).now_or_never();
        assert!(matches!(late, Some(None)));
        let other = turns.take(origin(2, false)).now_or_never();
        assert!(matches!(other, Some(Some(_))));
        drop(other);
        // One after the other, each of them gets its turn.
        drop(running);
        for _ in 1..LONGEST {
            let turn = waiting.next().await.unwrap();
            assert!(turn.is_some());
        }
        assert!(lock(&turns.addresses.0).is_empty());
    }

    #[tokio::test]
    async fn those_who_failed_too_often_share_one_turn_and_each_gets_it() {
        let turns = turns();
        let running = turns.take(origin(1, true)).await.unwrap();
        let mut second = Box::pin(turns.take(origin(2, true)));
        assert!(second.as_mut().now_or_never().is_none());
        // Half of the machine is left to the others.
        let good = turns.take(origin(3, false)).now_or_never();
        assert!(matches!(good, Some(Some(_))));
        drop(running);
        assert!(second.await.is_some());
    }

    #[tokio::test]
    async fn who_leaves_the_queue_leaves_no_place_behind() {
        let lanes = Lanes::new();
        let first = lanes.enter(1, 2).await.unwrap();
        let mut second = Box::pin(lanes.enter(1, 2));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(matches!(lanes.enter(1, 2).now_or_never(), Some(None)));
        drop(second);
        let mut third = Box::pin(lanes.enter(1, 2));
        assert!(third.as_mut().now_or_never().is_none());
        drop(first);
        assert!(third.await.is_some());
        assert!(lock(&lanes.0).is_empty());
    }
}
