//! JSON Web Tokens of outside issuers: whose keys there are, and what a token says that one of them has signed. Who
//! sends (`ingest`) and who reads (`http`) are both told so; what the claims mean is theirs.

pub mod jwk;
pub mod keys;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::de::DeserializeOwned;

use jwk::PublicKey;
use keys::{Keys, NoKeys};

/// How many keys are tried for one token.
const MOST_TRIED: usize = 8;

/// Why a token says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Its algorithm is none that a public key is taken for.
    Algorithm,
    /// The issuer has no such key.
    Key,
    /// No key has signed it.
    Signature,
    /// The issuer is away, so that it cannot be told.
    Away,
}

/// What a token says that was signed with one of an issuer's keys. The claims are not yet checked.
///
/// # Errors
/// Why it says nothing.
pub async fn read<C: DeserializeOwned>(
    keys: &Arc<Keys>,
    token: &str,
    head: &Header,
    now: DateTime<Utc>,
) -> Result<C, Unread> {
    let (id, algorithm) = (head.kid.as_deref(), head.alg);
    // HMAC is for secrets alone: a public key used as if it were one opens nothing.
    if ![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA].contains(&algorithm) {
        return Err(Unread::Algorithm);
    }
    let found = keys.find(id, algorithm, now).await;
    let mut found = found.map_err(|NoKeys| Unread::Away)?;
    let mut read = signed_by_any(&found, token, algorithm);
    let is_nameless = id.is_none() || found.iter().any(|key| key.id.is_none());
    if read.is_none() && is_nameless && !found.is_empty() {
        let anew = keys.find_anew(id, algorithm, now).await;
        found = anew.map_err(|NoKeys| Unread::Away)?;
        read = signed_by_any(&found, token, algorithm);
    }
    read.ok_or(if found.is_empty() {
        Unread::Key
    } else {
        Unread::Signature
    })
}

fn signed_by_any<C: DeserializeOwned>(
    keys: &[PublicKey],
    token: &str,
    algorithm: Algorithm,
) -> Option<C> {
    let mut tried = keys.iter().take(MOST_TRIED);
    tried.find_map(|key| signed_by(&key.key, token, algorithm))
}

/// What a token says that was signed with this key, by this algorithm.
pub fn signed_by<C: DeserializeOwned>(
    key: &DecodingKey,
    token: &str,
    algorithm: Algorithm,
) -> Option<C> {
    let mut validation = Validation::new(algorithm);
    // The library asks the system for the time; ours is an argument of those who check the claims.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let read = jsonwebtoken::decode::<C>(token, key, &validation).ok()?;
    Some(read.claims)
}
