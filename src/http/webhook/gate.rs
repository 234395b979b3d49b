//! The way in of one source: who may pass, from where, and how much they may carry.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use chrono::{DateTime, Utc};
use entity::Source;
use ipnet::IpNet;

use super::Callers;
use super::caller;
use super::guesses::network;
use crate::http::problem::Problem;
use crate::ingest::proof::{Pending, Presented, Proof, Proven, Reason, Refused, Step, Target};

/// The way in of one source.
#[derive(Debug)]
pub struct Gate {
    source: Source,
    proof: Proof,
    max_body_bytes: usize,
    allow_from: Vec<IpNet>,
    /// How many proofs could not be checked.
    unchecked: AtomicU64,
}

impl Gate {
    /// A gate. Callers from other networks than `allow_from` are turned away unread; with none, all networks may call.
    pub fn new(
        source: Source,
        proof: Proof,
        max_body_bytes: usize,
        allow_from: Vec<IpNet>,
    ) -> Self {
        Self {
            source,
            proof,
            max_body_bytes,
            allow_from,
            unchecked: AtomicU64::new(0),
        }
    }

    /// The platform.
    pub(super) fn source(&self) -> Source {
        self.source
    }

    /// The names of the credentials in the settings.
    pub(super) fn credentials(&self) -> impl Iterator<Item = &str> {
        self.proof.credentials()
    }

    /// The longest body to read after this step.
    pub(super) fn body_limit(&self, step: &Step) -> usize {
        step.body_limit(self.max_body_bytes)
    }

    /// Whether calls are taken from there. Where callers must come from somewhere, nobody comes from nowhere.
    pub(in crate::http) fn admits(&self, caller: Option<IpAddr>) -> bool {
        let is_near = |caller| caller::is_in(&self.allow_from, caller);
        let is_admitted = self.allow_from.is_empty() || caller.is_some_and(is_near);
        if !is_admitted {
            tracing::debug!(source = ?self.source, ?caller, "a caller from elsewhere");
        }
        is_admitted
    }

    /// What the headers of a call prove.
    pub(super) async fn prove(
        &self,
        request: &Parts,
        target: Target,
        from: (Option<IpAddr>, bool),
        now: DateTime<Utc>,
    ) -> Result<Step, Refused> {
        let (caller, is_suspect) = from;
        let headers = request.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let all = |name| {
            let values = request.headers.get_all(name).iter();
            values.map(HeaderValue::as_bytes).collect()
        };
        let call = Presented {
            target,
            method: request.method.as_str(),
            path: request.uri.path(),
            query: request.uri.query(),
            authorization: all(header::AUTHORIZATION.as_str()),
            timestamp: all("x-timestamp"),
            headers,
            address: caller.map(network),
            is_suspect,
        };
        self.proof.prove(&call, now).await
    }

    /// What the body proves where the headers were not enough.
    pub(super) fn finish(&self, pending: Pending, body: &[u8]) -> Result<Proven, Refused> {
        self.proof.finish(pending, body)
    }

    /// The answer to a call that proves nothing. Only here the caller's failures are counted.
    pub(super) fn refuse(
        &self,
        refused: &Refused,
        caller: Option<IpAddr>,
        callers: &Callers,
        now: DateTime<Utc>,
    ) -> Problem {
        if refused.reason == Reason::Unavailable {
            let count = self.unchecked.fetch_add(1, Ordering::Relaxed) + 1;
            let source = self.source;
            if count.is_power_of_two() {
                tracing::warn!(?source, ?caller, count, "a proof could not be checked");
            } else {
                tracing::debug!(?source, ?caller, count, "a proof could not be checked");
            }
            return Problem::unavailable("Who sent the call cannot be checked just now.");
        }
        self.count(refused, caller, callers, now);
        if refused.reason.is_guess()
            && let Err(wait) = callers.failed(caller)
        {
            return Problem::too_many_failures(wait);
        }
        let challenge = &refused.challenge;
        match refused.reason {
            Reason::Scope => {
                let why = "The access token does not have the scope that this call needs.";
                Problem::out_of_scope(challenge, why)
            }
            reason => Problem::unauthenticated(challenge, told(reason)),
        }
    }

    /// Warns at the 1st, 2nd, 4th, 8th… refusal: a flood of bad calls must not become a flood of lines.
    fn count(
        &self,
        refused: &Refused,
        caller: Option<IpAddr>,
        callers: &Callers,
        now: DateTime<Utc>,
    ) {
        let (source, claimed) = (self.source, refused.claimed.as_deref());
        let count = callers.refusals.count(Some(source), claimed, now);
        let reason = refused.reason;
        if count.is_power_of_two() {
            tracing::warn!(?source, claimed, ?reason, ?caller, count, "proof refused");
        } else {
            tracing::debug!(?source, claimed, ?reason, ?caller, count, "proof refused");
        }
    }
}

/// What the sender reads. Of a token it is always the same; what was wrong with it stands in the log.
fn told(reason: Reason) -> &'static str {
    match reason {
        Reason::Missing => "A header that proves who sent the call is missing.",
        Reason::Malformed => {
            "A header that proves who sent the call is there twice or cannot be read."
        }
        Reason::OtherScheme => {
            "The Authorization header is of a kind that is not taken at this address."
        }
        Reason::Unknown => "The name or the secret is not one of those that are valid here.",
        Reason::Stale => "The signed time lies too far from the server's clock; check both clocks.",
        Reason::Expired => "The signature was good until a time that has passed.",
        Reason::Token | Reason::Unacceptable(_) | Reason::Scope => {
            "The access token is expired, revoked or not for this server."
        }
        Reason::Unavailable => "Who sent the call cannot be checked just now.",
    }
}
