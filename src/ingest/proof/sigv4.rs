//! AWS IoT's proof: `POST /topics/{topic}` under Signature Version 4, in the headers. It covers method, path, query, host,
//! time and body. AWS's own crate computes what is compared; here is only read what it has to be computed from.
//!
//! ```text
//! headers ─► claim ─ time? ─► x-amz-content-sha256 given? ─ yes ─► signature? ─► body ─► is it that hash?
//!                                                         └ no ──► body (a short one) ─► signature?
//! ```

mod claim;

use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret, SecretString};

use claim::Claim;

use super::compare::{Found, same, search};
use super::header::single;
use super::{Presented, Proven, Reason, Refused};
use crate::ingest::canonical::sha256_hex;

/// The word that opens the header.
pub(super) const WORD: &str = "AWS4-HMAC-SHA256";

/// The longest body that is read of a sender who is not proven yet. AWS IoT takes 128 KiB.
const LONGEST_UNPROVEN_BODY: usize = 1024 * 1024;

/// A topic and the access key that is good for it.
#[derive(Clone, Debug)]
pub struct TopicKey {
    /// The operator's name for it, which deliveries record.
    pub name: String,
    /// Its position in the settings, from 0.
    pub position: u32,
    /// The topic, its slashes raw.
    pub topic: String,
    /// The region that is signed for.
    pub region: String,
    /// The access key's id, which the call gives in the open.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretString,
    /// The session token that goes with a temporary access key.
    pub session_token: Option<SecretString>,
}

/// The access keys of a source that signs as towards AWS IoT.
#[derive(Clone, Debug)]
pub struct SigV4 {
    /// All that are valid. A topic may have several.
    pub keys: Vec<TopicKey>,
    /// How far the signed time may lie from our clock on either side.
    pub skew: Duration,
}

/// A call whose proof needs its body.
#[derive(Debug)]
pub struct Pending(Awaited);

#[derive(Debug)]
enum Awaited {
    /// The signature is over the body's hash, which nothing in the headers tells.
    Signature(Box<Claim>),
    /// The signature is right, if the body has this hash.
    Body { proven: Proven, hash: String },
}

impl Pending {
    /// The longest body to read, where a proven sender may send `limit` bytes.
    pub(super) fn body_limit(&self, limit: usize) -> usize {
        match self.0 {
            Awaited::Signature(_) => limit.min(LONGEST_UNPROVEN_BODY),
            Awaited::Body { .. } => limit,
        }
    }

    /// Whether the signature has held.
    pub(super) fn is_signed(&self) -> bool {
        matches!(self.0, Awaited::Body { .. })
    }
}

impl SigV4 {
    /// Asks for the proof, as far as the headers go.
    pub(super) fn prove(
        &self,
        call: &Presented<'_>,
        now: DateTime<Utc>,
    ) -> Result<Pending, Refused> {
        let header = single(&call.authorization).map_err(|reason| refused(reason, None))?;
        let claim = Claim::read(header, call).map_err(|reason| refused(reason, None))?;
        // Before the signature, which may have to wait for the body: it tells nothing of a secret.
        if (now - claim.at).abs() > self.skew {
            let named = self.keys.iter().find(|key| claim.names(key).into());
            return Err(refused(Reason::Stale, named));
        }
        let awaited = match &claim.hash {
            Some(hash) => Awaited::Body {
                proven: self.check(&claim, hash)?,
                hash: hash.clone(),
            },
            None => Awaited::Signature(Box::new(claim)),
        };
        Ok(Pending(awaited))
    }

    /// The verdict, now that the body is there.
    pub(super) fn finish(&self, pending: Pending, body: &[u8]) -> Result<Proven, Refused> {
        let found = sha256_hex(body);
        match pending.0 {
            Awaited::Signature(claim) => self.check(&claim, &found),
            Awaited::Body { proven, hash } if hash == found => Ok(proven),
            Awaited::Body { proven, .. } => {
                let named = self.keys.iter().find(|key| key.name == proven.credential);
                Err(refused(Reason::Unknown, named))
            }
        }
    }

    fn check(&self, claim: &Claim, hash: &str) -> Result<Proven, Refused> {
        let Found { proven, named } = search(
            &self.keys,
            |key| claim.names(key),
            |key| {
                let expected = claim.signature_by(key, hash).unwrap_or_default();
                let expected = same(expected.as_bytes(), claim.signature.as_bytes());
                let token = |token: &SecretString| token.expose_secret().to_owned();
                let token = key.session_token.as_ref().map(token);
                let token = same(
                    token.unwrap_or_default().as_bytes(),
                    claim.token.as_deref().unwrap_or_default().as_bytes(),
                );
                expected & token
            },
        );
        proven
            .map(|key| Proven {
                credential: key.name.clone(),
                position: key.position,
                // A repeat is signed anew: its time does not make it another call.
                signed_at: None,
                signed_time: None,
            })
            .ok_or_else(|| refused(Reason::Unknown, named))
    }
}

fn refused(reason: Reason, named: Option<&TopicKey>) -> Refused {
    Refused {
        challenge: format!("{WORD} realm=\"caretaker\""),
        reason,
        claimed: named.map(|key| key.name.clone()),
    }
}

#[cfg(test)]
mod tests;
