//! Who sent a call: proven by its headers alone, before the body is read. Pure; the time is an argument.
//! Compares in constant time; an unknown name takes the same path as a wrong secret.

mod basic;
pub mod bearer;
mod hmac;
mod jwk;
pub mod keys;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

pub use basic::Basic;
pub use bearer::Bearer;
pub use hmac::{GRACE, Hmac, MARKER};

/// The name that deliveries record where the operator allowed unproven calls.
pub const UNAUTHENTICATED: &str = "unauthenticated";

/// One credential of a source. Several are valid at once, so that they can be rotated.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The operator's name for it, which deliveries record.
    pub name: String,
    /// Its position in the settings, from 0.
    pub position: u32,
    /// What the sender calls itself: the user name (Basic) or the token (HMAC).
    pub login: String,
    /// The password (Basic) or the secret (HMAC).
    pub secret: SecretString,
}

/// How the senders of a source prove who they are.
#[derive(Clone, Debug)]
pub enum Proof {
    /// HTTP Basic.
    Basic(Basic),
    /// Urgent's signed timestamp.
    Hmac(Hmac),
    /// The operator spelled out `allow_unauthenticated`: every call passes.
    AllowUnauthenticated,
}

/// What a call shows of itself before its body.
#[derive(Clone, Debug, Default)]
pub struct Presented<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as sent: no scheme, host or query, percent-escapes untouched.
    pub path: &'a str,
    /// Every `Authorization` header.
    pub authorization: Vec<&'a [u8]>,
    /// Every `X-Timestamp` header.
    pub timestamp: Vec<&'a [u8]>,
}

/// A sender that proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The name of the credential.
    pub credential: String,
    /// Its position in the settings.
    pub position: u32,
    /// The time given with the call, exactly as sent.
    pub signed_at: Option<String>,
    /// The same, read.
    pub signed_time: Option<DateTime<Utc>>,
}

/// A sender that did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For `WWW-Authenticate`.
    pub challenge: String,
    /// What was wrong.
    pub reason: Reason,
    /// The configured credential whose name was given, for counting only.
    pub claimed: Option<String>,
}

/// Why a proof failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A header is missing.
    Missing,
    /// A header stands there twice or cannot be read.
    Malformed,
    /// Unknown name or wrong secret: which of them is not told.
    Unknown,
    /// Rightly signed, but too long ago or ahead of our clock.
    Stale,
    /// An access token that is not good here and now.
    Token,
    /// A good access token that is not for this.
    Scope,
    /// Whether it is right could not be found out just now. Not the sender's fault.
    Unavailable,
}

impl Proof {
    /// Asks for the proof.
    ///
    /// # Errors
    /// The call does not prove who sent it.
    pub fn prove(&self, call: &Presented<'_>, now: DateTime<Utc>) -> Result<Proven, Refused> {
        match self {
            Self::Basic(basic) => basic.prove(call),
            Self::Hmac(hmac) => hmac.prove(call, now),
            Self::AllowUnauthenticated => {
                // Unproven like the rest of the call, yet the only order that it gives its descriptions.
                let given = single(&call.timestamp).ok();
                let signed_time = given.and_then(|text| crate::ingest::time::date_time(text).ok());
                Ok(Proven {
                    credential: UNAUTHENTICATED.to_owned(),
                    position: 0,
                    signed_at: given.filter(|_| signed_time.is_some()).map(str::to_owned),
                    signed_time,
                })
            }
        }
    }

    /// The names of the credentials, in order.
    pub fn credentials(&self) -> impl Iterator<Item = &str> {
        let credentials: &[Credential] = match self {
            Self::Basic(basic) => &basic.credentials,
            Self::Hmac(hmac) => &hmac.credentials,
            Self::AllowUnauthenticated => &[],
        };
        credentials
            .iter()
            .map(|credential| credential.name.as_str())
    }
}

/// The one header of a name, as text.
fn single<'a>(headers: &[&'a [u8]]) -> Result<&'a str, Reason> {
    match headers {
        [] => Err(Reason::Missing),
        [header] => std::str::from_utf8(header).map_err(|_| Reason::Malformed),
        _ => Err(Reason::Malformed),
    }
}

/// What follows the scheme in an `Authorization` header.
fn after_scheme<'a>(header: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = header.trim().split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// Equality in constant time: of hashes, so that lengths do not show either.
fn same(one: &[u8], other: &[u8]) -> Choice {
    Sha256::digest(one)
        .as_slice()
        .ct_eq(Sha256::digest(other).as_slice())
}

/// The credential that `is_proven` accepts and the one that bears the name; all of them are always asked.
fn search<'a>(
    credentials: &'a [Credential],
    login: &str,
    is_proven: impl Fn(&Credential) -> Choice,
) -> (Option<&'a Credential>, Option<String>) {
    let (mut proven, mut claimed) = (None, None);
    for credential in credentials {
        let is_named = same(credential.login.as_bytes(), login.as_bytes());
        let is_proven = is_named & is_proven(credential);
        if bool::from(is_named) && claimed.is_none() {
            claimed = Some(credential.name.clone());
        }
        if bool::from(is_proven) && proven.is_none() {
            proven = Some(credential);
        }
    }
    (proven, claimed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_door_takes_everybody_and_the_timestamp_if_it_is_one() {
        let now = Utc::now();
        let proven = Proof::AllowUnauthenticated
            .prove(&Presented::default(), now)
            .unwrap();
        assert_eq!(proven.credential, UNAUTHENTICATED);
        assert_eq!(proven.signed_at, None);
        let call = Presented {
            timestamp: vec![b"2021-03-10T14:23:23Z"],
            ..Presented::default()
        };
        let proven = Proof::AllowUnauthenticated.prove(&call, now).unwrap();
        assert_eq!(proven.signed_at.as_deref(), Some("2021-03-10T14:23:23Z"));
        assert!(proven.signed_time.is_some());
    }

    #[test]
    fn lengths_and_contents_are_compared() {
        assert!(bool::from(same(b"abc", b"abc")));
        assert!(!bool::from(same(b"abc", b"abcd")));
        assert!(!bool::from(same(b"", b"a")));
    }
}
