//! How much each reader may ask for in a minute. Readers are kept apart by a hash, as many as there is room for.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};

/// The most readers that are kept apart; those beyond share one place.
const MOST: usize = 10_000;
/// After so many requests the readers that have been quiet are forgotten.
const SWEEP_EVERY: u32 = 1_000;

/// What tells one reader from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Account([u8; 16]);

impl Account {
    /// That of all who find no place of their own.
    const CROWD: Self = Self([0; 16]);

    /// The account of a subject.
    pub(super) fn of(subject: &str) -> Self {
        let mut account = [0; 16];
        for (to, from) in account.iter_mut().zip(Sha256::digest(subject.as_bytes())) {
            *to = from;
        }
        Self(account)
    }
}

/// Requests by reader.
pub(super) struct Rate {
    limiter: DefaultKeyedRateLimiter<Account>,
    since_sweep: AtomicU32,
}

impl std::fmt::Debug for Rate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Rate")
    }
}

impl Rate {
    /// So many requests a minute, and as many at once.
    pub(super) fn new(a_minute: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_minute(a_minute)),
            since_sweep: AtomicU32::new(0),
        }
    }

    /// Counts a request; how long to wait, if there were too many.
    pub(super) fn count(&self, account: Account) -> Result<(), Duration> {
        if self.since_sweep.fetch_add(1, Ordering::Relaxed) >= SWEEP_EVERY {
            self.since_sweep.store(0, Ordering::Relaxed);
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let account = if self.limiter.len() < MOST {
            account
        } else {
            Account::CROWD
        };
        self.limiter
            .check_key(&account)
            .map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_has_its_own_count() {
        let rate = Rate::new(NonZeroU32::new(3).unwrap());
        let (one, other) = (Account::of("one"), Account::of("other"));
        for _ in 0..3 {
            assert!(rate.count(one).is_ok());
        }
        let wait = rate.count(one).unwrap_err();
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
        assert!(rate.count(other).is_ok());
    }

    #[test]
    fn a_flood_of_readers_is_bounded() {
        let rate = Rate::new(NonZeroU32::new(3).unwrap());
        for number in 0..MOST + 100 {
            let _ = rate.count(Account::of(&number.to_string()));
        }
        assert!(rate.limiter.len() <= MOST + 1);
    }
}
