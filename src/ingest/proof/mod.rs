//! Who sent a call: proven by its headers, before the body is read; one scheme needs the body's hash as well and is
//! asked in two steps. The time is an argument. Secrets are compared in constant time; an unknown name takes the same
//! path as a wrong secret.
//!
//! A scheme is a file here and a variant of [`Scheme`]; [`Proof`] chooses by the word that opens `Authorization`.

mod basic;
pub mod bearer;
mod compare;
mod header;
mod hmac;
mod memory;
mod password;
mod sas;
mod scheme;
mod sigv4;
mod turn;

use std::net::IpAddr;

use chrono::{DateTime, Utc};

pub use basic::{Basic, Login, Password, user_and_password};
pub use bearer::Bearer;
pub use hmac::{GRACE, Hmac, MARKER, Token};
pub use password::hash;
pub use sas::{HubKey, Sas};
pub use scheme::{Scheme, Target};
pub use sigv4::{Pending, SigV4, TopicKey};

use header::single;

/// The name that deliveries record where the operator allowed unproven calls.
pub const UNAUTHENTICATED: &str = "unauthenticated";

/// How the senders of a source prove who they are: any of these.
#[derive(Debug)]
pub struct Proof {
    schemes: Vec<Scheme>,
    is_open: bool,
    is_timed: bool,
}

/// What a call shows of itself before its body.
#[derive(Clone, Debug, Default)]
pub struct Presented<'a> {
    /// Which address it came to.
    pub target: Target,
    /// The method.
    pub method: &'a str,
    /// The path as sent: no scheme, host or query, percent-escapes untouched.
    pub path: &'a str,
    /// The query as sent, without its question mark.
    pub query: Option<&'a str>,
    /// Every `Authorization` header.
    pub authorization: Vec<&'a [u8]>,
    /// Every `X-Timestamp` header.
    pub timestamp: Vec<&'a [u8]>,
    /// All headers, their names in lower case.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// The address it comes from, for IPv6 the network, if it is known. It proves nothing: it says whose turn it is.
    pub address: Option<IpAddr>,
    /// Whether too many proofs have failed from there lately.
    pub is_suspect: bool,
}

/// How far the headers of a call go.
#[derive(Debug)]
pub enum Step {
    /// They prove who sent it.
    Proven(Proven),
    /// They may; [`Proof::finish`] tells when the body is there.
    AfterBody(Pending),
}

impl Step {
    /// The longest body to read, where the source takes `limit` bytes of a sender that is proven.
    pub fn body_limit(&self, limit: usize) -> usize {
        match self {
            Self::Proven(_) => limit,
            Self::AfterBody(pending) => pending.body_limit(limit),
        }
    }

    /// Whether the signature has held: a body that does not fit it was changed on its way.
    pub fn is_signed(&self) -> bool {
        match self {
            Self::Proven(_) => true,
            Self::AfterBody(pending) => pending.is_signed(),
        }
    }
}

/// A sender that proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The name of the credential.
    pub credential: String,
    /// Its position in the settings.
    pub position: u32,
    /// The time given with the call, exactly as sent. Part of what makes a call the same as another, therefore only
    /// where the platform repeats a call with the time of its first attempt.
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
    /// The `Authorization` header is of a scheme that is not taken at this address.
    OtherScheme,
    /// Unknown name or wrong secret: which of them is not told.
    Unknown,
    /// Signed too long ago or ahead of our clock.
    Stale,
    /// Rightly signed, but only good until a time that has passed.
    Expired,
    /// An access token that nobody here signed, as far as can be told.
    Token,
    /// An access token that is rightly signed, and not good here and now: expired, revoked, for somebody else. Not a guess.
    Unacceptable(&'static str),
    /// A good access token that is not for this.
    Scope,
    /// Whether it is right could not be found out just now. Not the sender's fault.
    Unavailable,
}

impl Reason {
    /// Whether the sender may be trying names and secrets. Who gives nothing guesses nothing; who signed rightly
    /// knows the secret, whatever else is wrong with the call; and a time out of bounds is told whatever the secret.
    pub fn is_guess(self) -> bool {
        match self {
            Self::Malformed | Self::OtherScheme | Self::Unknown | Self::Token => true,
            Self::Missing
            | Self::Stale
            | Self::Expired
            | Self::Unacceptable(_)
            | Self::Scope
            | Self::Unavailable => false,
        }
    }
}

impl Proof {
    /// Any of these schemes proves the sender.
    pub fn by(schemes: Vec<Scheme>) -> Self {
        Self {
            schemes,
            is_open: false,
            is_timed: false,
        }
    }

    /// The operator spelled out `allow_unauthenticated`: every call of a webhook passes. The addresses of hubs and
    /// topics name what only a signature can make worth reading: they stay closed.
    pub fn open(schemes: Vec<Scheme>) -> Self {
        Self {
            schemes,
            is_open: true,
            is_timed: false,
        }
    }

    /// The source gives each call the time of its first attempt in `X-Timestamp`, whether its scheme signs that or not.
    pub fn timed(self) -> Self {
        Self {
            is_timed: true,
            ..self
        }
    }

    /// Asks for the proof.
    ///
    /// # Errors
    /// The call does not prove who sent it.
    pub async fn prove(&self, call: &Presented<'_>, now: DateTime<Utc>) -> Result<Step, Refused> {
        let step = self.ask(call, now).await?;
        Ok(match step {
            Step::Proven(proven) if self.is_timed && proven.signed_at.is_none() => {
                Step::Proven(timed(proven, call))
            }
            step => step,
        })
    }

    async fn ask(&self, call: &Presented<'_>, now: DateTime<Utc>) -> Result<Step, Refused> {
        if self.is_open && call.target == Target::Webhook {
            return Ok(Step::Proven(Proven {
                credential: UNAUTHENTICATED.to_owned(),
                position: 0,
                signed_at: None,
                signed_time: None,
            }));
        }
        let refused = |reason| Refused {
            challenge: self.challenge(call.target),
            reason,
            claimed: None,
        };
        let header = single(&call.authorization).map_err(refused)?;
        let word = header.trim().split(' ').next().unwrap_or_default();
        match self
            .serving(call.target)
            .find(|scheme| scheme.word().eq_ignore_ascii_case(word))
        {
            Some(scheme) => scheme.prove(call, now).await,
            None => Err(refused(Reason::OtherScheme)),
        }
    }

    /// Ends what [`Proof::prove`] began, now that the body is there.
    ///
    /// # Errors
    /// The call does not prove who sent it.
    pub fn finish(&self, pending: Pending, body: &[u8]) -> Result<Proven, Refused> {
        let sigv4 = self.schemes.iter().find_map(|scheme| match scheme {
            Scheme::SigV4(sigv4) => Some(sigv4),
            _ => None,
        });
        match sigv4 {
            Some(sigv4) => sigv4.finish(pending, body),
            None => Err(Refused {
                challenge: self.challenge(Target::Topic),
                reason: Reason::OtherScheme,
                claimed: None,
            }),
        }
    }

    /// The names of the credentials.
    pub fn credentials(&self) -> impl Iterator<Item = &str> {
        self.schemes.iter().flat_map(Scheme::credentials)
    }

    fn serving(&self, target: Target) -> impl Iterator<Item = &Scheme> {
        self.schemes
            .iter()
            .filter(move |scheme| scheme.target() == target)
    }

    fn challenge(&self, target: Target) -> String {
        let challenges: Vec<_> = self.serving(target).map(Scheme::challenge).collect();
        challenges.join(", ")
    }
}

/// With the time that the call gives: as good as the rest of the call, and the only order that it gives descriptions.
fn timed(proven: Proven, call: &Presented<'_>) -> Proven {
    let given = single(&call.timestamp).ok();
    let signed_time = given.and_then(|text| crate::ingest::time::date_time(text).ok());
    Proven {
        signed_at: given.filter(|_| signed_time.is_some()).map(str::to_owned),
        signed_time,
        ..proven
    }
}

#[cfg(test)]
mod tests;
