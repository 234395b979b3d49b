//! How many proofs may fail from one address before its failures are told to wait. Counted only when a proof has failed:
//! who has a right credential is never told so, whatever others do at the same address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The most addresses that are kept apart; what comes beyond shares one place.
const MOST: usize = 10_000;

/// An address that has been quiet for so long has its whole quota again, and is forgotten.
const QUIET: Duration = Duration::from_secs(60);

/// Failures by address.
pub(super) struct Guesses {
    quota: Quota,
    seen: Mutex<Seen>,
}

struct Seen {
    apart: HashMap<IpAddr, Guesser>,
    /// Those whose address is not known, and those beyond [`MOST`].
    others: Guesser,
    swept_at: Instant,
}

struct Guesser {
    limiter: DefaultDirectRateLimiter,
    last: Instant,
    /// Until when it was told to wait, by the clock of the limiter: another one would let it in sooner or later than that.
    waits_until: Option<<DefaultClock as Clock>::Instant>,
}

impl std::fmt::Debug for Guesses {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Guesses")
    }
}

impl Guesser {
    fn new(quota: Quota, now: Instant) -> Self {
        Self {
            limiter: RateLimiter::direct(quota),
            last: now,
            waits_until: None,
        }
    }

    fn count(&mut self, now: Instant) -> Result<(), Duration> {
        self.last = now;
        self.limiter.check().map_err(|until| {
            self.waits_until = Some(until.earliest_possible());
            until.wait_time_from(DefaultClock::default().now())
        })
    }
}

impl Guesses {
    /// So many failures a minute, and as many at once.
    pub(super) fn new(a_minute: NonZeroU32) -> Self {
        let (quota, now) = (Quota::per_minute(a_minute), Instant::now());
        Self {
            quota,
            seen: Mutex::new(Seen {
                apart: HashMap::new(),
                others: Guesser::new(quota, now),
                swept_at: now,
            }),
        }
    }

    /// Counts a failure; how long to wait, if the address has had too many.
    pub(super) fn count(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let now = Instant::now();
        let mut seen = self.lock();
        let Some(address) = address.map(network) else {
            return seen.others.count(now);
        };
        if let Some(guesser) = seen.apart.get_mut(&address) {
            return guesser.count(now);
        }
        // At most one walk through all of them a second, whatever comes.
        if seen.apart.len() >= MOST && now.duration_since(seen.swept_at) >= Duration::from_secs(1) {
            let is_loud = |guesser: &Guesser| now.duration_since(guesser.last) < QUIET;
            seen.apart.retain(|_, guesser| is_loud(guesser));
            seen.swept_at = now;
        }
        if seen.apart.len() >= MOST {
            return seen.others.count(now);
        }
        let mut guesser = Guesser::new(self.quota, now);
        let counted = guesser.count(now);
        seen.apart.insert(address, guesser);
        counted
    }

    /// Whether the address has had too many and its wait is not over. Counts nothing.
    pub(super) fn is_over(&self, address: Option<IpAddr>) -> bool {
        let seen = self.lock();
        let guesser = match address {
            Some(address) => seen.apart.get(&network(address)),
            None => Some(&seen.others),
        };
        // Whoever has no place of its own has not been told to wait, whatever those others did.
        let until = guesser.and_then(|guesser| guesser.waits_until);
        until.is_some_and(|until| DefaultClock::default().now() < until)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // What a panic left behind is a whole map all the same.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of IPv6 the network: who has one address of a /64 has all of them.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guesses() -> Guesses {
        Guesses::new(NonZeroU32::new(3).unwrap())
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn each_address_has_its_own_count() {
        let guesses = guesses();
        for _ in 0..3 {
            assert!(guesses.count(address("192.0.2.1")).is_ok());
        }
        let wait = guesses.count(address("192.0.2.1")).unwrap_err();
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(20),
            "{wait:?}"
        );
        assert!(guesses.count(address("192.0.2.2")).is_ok());
        assert!(guesses.count(None).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let guesses = guesses();
        for host in 1..=3 {
            assert!(
                guesses
                    .count(address(&format!("2001:db8:0:1::{host}")))
                    .is_ok()
            );
        }
        assert!(guesses.count(address("2001:db8:0:1:ffff::4")).is_err());
        assert!(guesses.count(address("2001:db8:0:2::1")).is_ok());
        assert!(guesses.count(address("::ffff:192.0.2.1")).is_ok());
        assert!(guesses.count(address("::ffff:192.0.2.2")).is_ok());
    }

    #[test]
    fn a_flood_of_addresses_is_bounded() {
        let guesses = guesses();
        let known = address("192.0.2.1");
        for _ in 0..3 {
            assert!(guesses.count(known).is_ok());
        }
        for number in 0..2 * MOST {
            let _ = guesses.count(Some(IpAddr::from(
                u32::try_from(number).unwrap().to_be_bytes(),
            )));
            assert!(guesses.lock().apart.len() <= MOST);
        }
        // Who was known before the flood keeps its own count.
        assert!(guesses.count(known).is_err());
        assert!(guesses.is_over(known));
    }

    #[test]
    fn who_was_told_to_wait_is_over_its_limit_until_the_wait_ends() {
        let guesses = Guesses::new(NonZeroU32::new(1200).unwrap());
        let guesser = address("2001:db8::1");
        while guesses.count(guesser).is_ok() {
            assert!(!guesses.is_over(guesser));
        }
        assert!(guesses.is_over(address("2001:db8::2")), "its network");
        assert!(!guesses.is_over(address("192.0.2.1")));
        assert!(!guesses.is_over(None));
        while guesses.is_over(guesser) {
            std::thread::yield_now();
        }
        assert!(guesses.count(guesser).is_ok());
    }
}
