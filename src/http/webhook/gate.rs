//! The way in of one source: who may pass, from where, how much they may carry, and how many were turned away.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use chrono::{DateTime, Utc};
use entity::Source;
use ipnet::IpNet;

use super::caller;
use super::guesses::Guesses;
use crate::http::problem::Problem;
use crate::ingest::proof::{Pending, Presented, Proof, Proven, Reason, Refused, Step, Target};

/// The way in of one source.
#[derive(Debug)]
pub struct Gate {
    source: Source,
    proof: Proof,
    max_body_bytes: usize,
    allow_from: Vec<IpNet>,
    refused: BTreeMap<String, AtomicU64>,
    refused_unknown: AtomicU64,
}

impl Gate {
    /// A gate. Callers from other networks than `allow_from` are turned away unread; with none, all networks may call.
    pub fn new(
        source: Source,
        proof: Proof,
        max_body_bytes: usize,
        allow_from: Vec<IpNet>,
    ) -> Self {
        let names = proof.credentials().map(str::to_owned);
        let refused = names.map(|name| (name, AtomicU64::new(0))).collect();
        Self {
            source,
            proof,
            max_body_bytes,
            allow_from,
            refused,
            refused_unknown: AtomicU64::new(0),
        }
    }

    /// How many proofs failed since the start, by the credential whose name was given; `None` for no known name.
    pub fn refused(&self) -> Vec<(Option<&str>, u64)> {
        let named = self.refused.iter();
        let named = named.map(|(name, count)| (Some(name.as_str()), count));
        std::iter::once((None, &self.refused_unknown))
            .chain(named)
            .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
            .collect()
    }

    /// The longest body to read after this step.
    pub(super) fn body_limit(&self, step: &Step) -> usize {
        step.body_limit(self.max_body_bytes)
    }

    /// 403 for a caller from elsewhere. Where callers must come from somewhere, nobody comes from nowhere.
    pub(super) fn admit(&self, caller: Option<IpAddr>) -> Result<(), Problem> {
        let is_near = |caller| caller::is_in(&self.allow_from, caller);
        if self.allow_from.is_empty() || caller.is_some_and(is_near) {
            return Ok(());
        }
        tracing::debug!(source = ?self.source, ?caller, "a caller from elsewhere");
        Err(Problem::elsewhere())
    }

    /// What the headers of a call prove.
    pub(super) async fn prove(
        &self,
        request: &Parts,
        target: Target,
        now: DateTime<Utc>,
    ) -> Result<Step, Refused> {
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
        guesses: &Guesses,
    ) -> Problem {
        let detail = match refused.reason {
            Reason::Missing => "A header that proves who sent the call is missing.",
            Reason::Malformed => {
                "A header that proves who sent the call is there twice or cannot be read."
            }
            Reason::OtherScheme => {
                "The Authorization header is of a kind that is not taken at this address."
            }
            Reason::Unknown => "The name or the secret is not one of those that are valid here.",
            Reason::Stale => {
                "The signed time lies too far from the server's clock; check both clocks."
            }
            Reason::Token | Reason::Unacceptable(_) => {
                "The access token is expired, revoked or not for this server."
            }
            Reason::Scope => {
                self.count(refused, caller);
                let why = "The access token does not have the scope that this call needs.";
                return Problem::out_of_scope(&refused.challenge, why);
            }
            Reason::Expired => "The signature was good until a time that has passed.",
            Reason::Unavailable => {
                tracing::warn!(source = ?self.source, "a proof could not be checked");
                return Problem::unproven("Who sent the call cannot be checked just now.");
            }
        };
        self.count(refused, caller);
        let wait = if refused.reason.is_guess() {
            guesses.count(caller)
        } else {
            Ok(())
        };
        match wait {
            Ok(()) => Problem::unauthenticated(&refused.challenge, detail),
            Err(wait) => Problem::too_many_failures(wait),
        }
    }

    /// Warns at the 1st, 2nd, 4th, 8th… refusal: a flood of bad calls must not become a flood of lines.
    fn count(&self, refused: &Refused, caller: Option<IpAddr>) {
        let (source, claimed) = (self.source, refused.claimed.as_deref());
        let count = claimed
            .and_then(|name| self.refused.get(name))
            .unwrap_or(&self.refused_unknown);
        let count = count.fetch_add(1, Ordering::Relaxed) + 1;
        let reason = refused.reason;
        if count.is_power_of_two() {
            tracing::warn!(?source, claimed, ?reason, ?caller, count, "proof refused");
        } else {
            tracing::debug!(?source, claimed, ?reason, ?caller, count, "proof refused");
        }
    }
}
