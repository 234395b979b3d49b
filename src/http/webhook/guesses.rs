//! How many proofs may fail from one address before its failures are told to wait. Asked only when a proof has failed: who
//! has a right credential never meets it, whatever others do at the same address.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// The most addresses that are kept apart; what comes beyond shares one place.
const MOST: usize = 10_000;

/// After so many failures the addresses that have been quiet are forgotten.
const SWEEP_EVERY: u32 = 1_000;

/// Failures by address.
pub(super) struct Guesses {
    limiter: DefaultKeyedRateLimiter<Option<IpAddr>>,
    since_sweep: std::sync::atomic::AtomicU32,
}

impl std::fmt::Debug for Guesses {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Guesses")
    }
}

impl Guesses {
    /// So many failures a minute, and as many at once.
    pub(super) fn new(a_minute: NonZeroU32) -> Self {
        Self {
            limiter: RateLimiter::keyed(Quota::per_minute(a_minute)),
            since_sweep: 0.into(),
        }
    }

    /// Counts a failure; how long to wait, if the address has had too many.
    pub(super) fn count(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        use std::sync::atomic::Ordering::Relaxed;
        if self.since_sweep.fetch_add(1, Relaxed) >= SWEEP_EVERY {
            self.since_sweep.store(0, Relaxed);
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let key = address.map(network).filter(|_| self.limiter.len() < MOST);
        self.limiter
            .check_key(&key)
            .map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

/// Of IPv6 the network: who has one address of a /64 has all of them.
fn network(address: IpAddr) -> IpAddr {
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
        for number in 0..3 * MOST {
            let _ = guesses.count(Some(IpAddr::from(
                u32::try_from(number).unwrap().to_be_bytes(),
            )));
            assert!(guesses.limiter.len() <= MOST + 1);
        }
    }
}
