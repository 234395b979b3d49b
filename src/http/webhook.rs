//! The addresses that the two platforms push to. Proof first, by the headers; then the body, bounded; then the decoder;
//! then the writer. 200 is sent only after the commit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use chrono::{DateTime, SubsecRound, Utc};
use entity::{Operation, Source};
use futures_util::StreamExt;

use super::problem::Problem;
use crate::domain::writer::{Clock, Writer};
use crate::ingest::proof::{Bearer, Presented, Proof, Proven, Reason, Refused};
use crate::ingest::{Fault, receive};

/// From this size on a body is decoded on a thread of its own, so that other calls need not wait.
const LARGE: usize = 256 * 1024;

/// Every address, its method and its call.
const ROUTES: [(&str, &str, MethodFilter, Operation); 6] = [
    (
        "/webhooks/matrix",
        "POST",
        MethodFilter::POST,
        Operation::Events,
    ),
    (
        "/webhooks/urgent/task-created",
        "POST",
        MethodFilter::POST,
        Operation::TaskCreated,
    ),
    (
        "/webhooks/urgent/task-changed",
        "POST",
        MethodFilter::POST,
        Operation::TaskChanged,
    ),
    (
        "/webhooks/urgent/status-changed",
        "PUT",
        MethodFilter::PUT,
        Operation::StatusChanged,
    ),
    (
        "/webhooks/urgent/note-added",
        "POST",
        MethodFilter::POST,
        Operation::NoteAdded,
    ),
    (
        "/webhooks/urgent/task-chased",
        "PUT",
        MethodFilter::PUT,
        Operation::TaskChased,
    ),
];

/// What the webhooks need.
#[derive(Debug)]
pub struct Intake {
    writer: Writer,
    matrix: Gate,
    urgent: Gate,
    clock: Ticking,
    body_timeout: Duration,
}

struct Ticking(Clock);

impl std::fmt::Debug for Ticking {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Clock")
    }
}

/// The way in of one source: who may pass, how much they may carry, and how many were turned away.
#[derive(Debug)]
pub struct Gate {
    proof: Proof,
    bearer: Option<Bearer>,
    max_body_bytes: usize,
    refused: BTreeMap<String, AtomicU64>,
    refused_unknown: AtomicU64,
}

impl Gate {
    /// A gate.
    pub fn new(proof: Proof, max_body_bytes: usize) -> Self {
        let names = proof.credentials().map(str::to_owned);
        let refused = names.map(|name| (name, AtomicU64::new(0))).collect();
        Self {
            proof,
            bearer: None,
            max_body_bytes,
            refused,
            refused_unknown: AtomicU64::new(0),
        }
    }

    /// The same gate, which also takes access tokens.
    #[must_use]
    pub fn with_bearer(mut self, bearer: Bearer) -> Self {
        let names = bearer.names().map(str::to_owned);
        self.refused
            .extend(names.map(|name| (name, AtomicU64::new(0))));
        self.bearer = Some(bearer);
        self
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

    async fn pass(
        &self,
        call: Presented<'_>,
        source: Source,
        now: DateTime<Utc>,
    ) -> Result<Proven, Problem> {
        let proven = match &self.bearer {
            Some(bearer) if Bearer::is_meant(&call) => bearer.prove(&call, now).await,
            _ => self.proof.prove(&call, now),
        };
        proven.map_err(|refused| {
            if refused.reason != Reason::Unavailable {
                self.count(source, &refused);
            }
            let detail = match refused.reason {
                Reason::Missing => "A header that proves who sent the call is missing.",
                Reason::Malformed => {
                    "A header that proves who sent the call is there twice or cannot be read."
                }
                Reason::Unknown => {
                    "The name or the secret is not one of those that are valid here."
                }
                Reason::Stale => {
                    "The signed time lies too far from the server's clock; check both clocks."
                }
                Reason::Token => "The access token is expired, revoked or not for this server.",
                Reason::Scope => {
                    return Problem::out_of_scope(
                        &refused.challenge,
                        "The access token does not have the scope that this call needs.",
                    );
                }
                Reason::Unavailable => return Problem::unprovable(),
            };
            Problem::unauthenticated(&refused.challenge, detail)
        })
    }

    /// Warns at the 1st, 2nd, 4th, 8th… refusal: a flood of bad calls must not become a flood of lines.
    fn count(&self, source: Source, refused: &Refused) {
        let claimed = refused.claimed.as_deref();
        let count = claimed
            .and_then(|name| self.refused.get(name))
            .unwrap_or(&self.refused_unknown);
        let count = count.fetch_add(1, Ordering::Relaxed) + 1;
        let reason = refused.reason;
        if count.is_power_of_two() {
            tracing::warn!(?source, claimed, ?reason, count, "proof refused");
        } else {
            tracing::debug!(?source, claimed, ?reason, count, "proof refused");
        }
    }
}

fn presented(request: &Request) -> Presented<'_> {
    Presented {
        method: request.method().as_str(),
        path: request.uri().path(),
        authorization: all(request.headers(), AUTHORIZATION.as_str()),
        timestamp: all(request.headers(), "x-timestamp"),
    }
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect()
}

impl Intake {
    /// What the webhooks need. A body that takes longer than `body_timeout` to arrive is given up.
    pub fn new(
        writer: Writer,
        matrix: Gate,
        urgent: Gate,
        clock: Clock,
        body_timeout: Duration,
    ) -> Self {
        Self {
            writer,
            matrix,
            urgent,
            clock: Ticking(clock),
            body_timeout,
        }
    }

    /// The way in of a source.
    pub fn gate(&self, source: Source) -> &Gate {
        match source {
            Source::Matrix => &self.matrix,
            Source::Urgent => &self.urgent,
        }
    }

    async fn take(&self, operation: Operation, request: Request) -> Result<Response, Problem> {
        let source = receive::source(operation);
        let gate = self.gate(source);
        let received_at = (self.clock.0)().trunc_subsecs(6);
        let proven = gate.pass(presented(&request), source, received_at).await?;
        let reading = read(request, gate.max_body_bytes);
        let body = tokio::time::timeout(self.body_timeout, reading)
            .await
            .map_err(|_| Problem::too_slow(self.body_timeout.as_secs()))??;
        let (delivery, fault) = if body.len() < LARGE {
            receive::delivery(operation, proven, body, received_at)
        } else {
            let work = move || receive::delivery(operation, proven, body, received_at);
            tokio::task::spawn_blocking(work)
                .await
                .map_err(|error| Problem::internal(&error))?
        };
        let misfit = fault.and_then(|_| delivery.content.misfits.first().cloned());
        self.writer.submit(delivery).await?;
        match (fault, misfit) {
            (Some(Fault::NotJson), Some(misfit)) => Err(Problem::not_json(&misfit)),
            (Some(Fault::WrongShape), Some(misfit)) => Err(Problem::wrong_shape(&misfit)),
            _ => Ok(acknowledgement()),
        }
    }
}

/// Reads the body, never more of it than the limit.
async fn read(request: Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Problem::too_large(limit));
    }
    let mut body = Vec::with_capacity(announced.unwrap_or_default().min(LARGE));
    let mut chunks = request.into_body().into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            tracing::debug!(%error, "a body broke off");
            Problem::broken_body("The connection broke while the body was being sent.")
        })?;
        if body.len() + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Urgent asks for exactly this: 200, an empty body, and `Content-Length: 0`.
fn acknowledgement() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::OK;
    let length = HeaderValue::from_static("0");
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response
}

/// The routes of the webhooks.
pub fn router(intake: Arc<Intake>) -> Router {
    let mut router = Router::new();
    for (path, allowed, method, operation) in ROUTES {
        let take = move |State(intake): State<Arc<Intake>>, request: Request| async move {
            intake.take(operation, request).await
        };
        let other = move || async move { Problem::method_not_allowed(allowed) };
        router = router.route(path, on(method, take).fallback(other));
    }
    router.with_state(intake)
}

#[cfg(test)]
mod tests;
