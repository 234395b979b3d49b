//! When each call was first sent, to be found by the hash of its body: the feed tells that of the call behind a row.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sha2::{Digest, Sha256};

/// SHA-256.
pub(super) type Hash = [u8; 32];

/// The calls that were sent.
#[derive(Debug, Default)]
pub(super) struct Sent(Mutex<HashMap<Hash, Instant>>);

impl Sent {
    /// A call with this body is sent now.
    pub(super) fn note(&self, body: &str) {
        let hash = Hash::from(Sha256::digest(body));
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.entry(hash).or_insert_with(Instant::now);
    }

    /// When the first call with such a body was sent.
    pub(super) fn first(&self, hash: &Hash) -> Option<Instant> {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.get(hash).copied()
    }
}
