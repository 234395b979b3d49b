//! The addresses that the two platforms push to. The caller's address first, if that matters; then proof, by the headers;
//! then the body, bounded; then the decoder; then the writer. Success is told only after the commit.

mod body;
pub mod caller;
mod gate;
mod guesses;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use chrono::SubsecRound;
use entity::{Operation, Source};
use ipnet::IpNet;

pub use body::Bodies;
use body::Whole;
pub use caller::ProxyHeader;
pub use gate::Gate;
use guesses::{Guesses, network};

use super::problem::Problem;
use crate::domain::refusal::Refusals;
use crate::domain::writer::{Clock, Writer};
use crate::ingest::proof::{Step, Target};
use crate::ingest::{Fault, receive};

/// From this size on a body is hashed and decoded on a thread of its own, so that other calls need not wait.
const LARGE: usize = 256 * 1024;

/// An address, its method and its call.
struct Route {
    path: &'static str,
    method: &'static str,
    filter: MethodFilter,
    operation: Operation,
    target: Target,
    /// What its callers take for success.
    success: StatusCode,
}

impl Route {
    const fn post(path: &'static str, operation: Operation) -> Self {
        Self {
            path,
            method: "POST",
            filter: MethodFilter::POST,
            operation,
            target: Target::Webhook,
            success: StatusCode::OK,
        }
    }

    const fn put(path: &'static str, operation: Operation) -> Self {
        Self {
            method: "PUT",
            filter: MethodFilter::PUT,
            ..Self::post(path, operation)
        }
    }
}

/// Every address.
static ROUTES: [Route; 8] = [
    Route::post("/webhooks/matrix", Operation::Events),
    Route {
        target: Target::Hub,
        success: StatusCode::CREATED,
        ..Route::post("/{hub}/messages", Operation::Events)
    },
    Route {
        target: Target::Topic,
        ..Route::post("/topics/{*topic}", Operation::Events)
    },
    Route::post("/webhooks/urgent/task-created", Operation::TaskCreated),
    Route::post("/webhooks/urgent/task-changed", Operation::TaskChanged),
    Route::put("/webhooks/urgent/status-changed", Operation::StatusChanged),
    Route::post("/webhooks/urgent/note-added", Operation::NoteAdded),
    Route::put("/webhooks/urgent/task-chased", Operation::TaskChased),
];

/// What the webhooks need.
#[derive(Debug)]
pub struct Intake {
    writer: Writer,
    matrix: Gate,
    urgent: Gate,
    clock: Ticking,
    callers: Arc<Callers>,
    bodies: Bodies,
}

/// What is known of those who call.
#[derive(Debug)]
pub struct Callers {
    trusted_proxies: Vec<IpNet>,
    proxy_header: ProxyHeader,
    guesses: Guesses,
    /// The calls that were turned away.
    pub refusals: Arc<Refusals>,
}

impl Callers {
    /// The proxies that may name another address than their own, where they name it, and how many proofs may fail in a
    /// minute from one address before 429.
    pub fn new(
        trusted_proxies: Vec<IpNet>,
        proxy_header: ProxyHeader,
        failures_a_minute: NonZeroU32,
    ) -> Self {
        Self {
            trusted_proxies,
            proxy_header,
            guesses: Guesses::new(failures_a_minute),
            refusals: Arc::default(),
        }
    }

    /// From where a call comes.
    pub(super) fn address(&self, parts: &Parts) -> Option<IpAddr> {
        caller::address(parts, &self.trusted_proxies, self.proxy_header)
    }

    /// Counts a proof that failed; how long to wait, if there were too many from there.
    pub(super) fn failed(&self, caller: Option<IpAddr>) -> Result<(), Duration> {
        self.guesses.count(caller)
    }
}

struct Ticking(Clock);

impl std::fmt::Debug for Ticking {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Clock")
    }
}

impl Intake {
    /// What the webhooks need.
    pub fn new(
        writer: Writer,
        matrix: Gate,
        urgent: Gate,
        clock: Clock,
        callers: Arc<Callers>,
        bodies: Bodies,
    ) -> Self {
        for gate in [&matrix, &urgent] {
            callers.refusals.expect(gate.source(), gate.credentials());
        }
        Self {
            writer,
            matrix,
            urgent,
            clock: Ticking(clock),
            callers,
            bodies,
        }
    }

    /// The way in of a source.
    pub fn gate(&self, source: Source) -> &Gate {
        match source {
            Source::Matrix => &self.matrix,
            Source::Urgent => &self.urgent,
        }
    }

    /// What is known of those who call.
    pub(super) fn callers(&self) -> &Callers {
        &self.callers
    }

    async fn take(
        self: Arc<Self>,
        route: &'static Route,
        request: Request,
    ) -> Result<Response, Problem> {
        let gate = self.gate(receive::source(route.operation));
        let (parts, body) = request.into_parts();
        let caller = self.callers.address(&parts);
        if !gate.admits(caller) {
            return Err(Problem::elsewhere());
        }
        let received_at = (self.clock.0)().trunc_subsecs(6);
        let refuse = |refused| gate.refuse(&refused, caller, &self.callers, received_at);
        let is_suspect = self.callers.guesses.is_over(caller);
        let from = (caller, is_suspect);
        let step = gate.prove(&parts, route.target, from, received_at).await;
        let step = step.map_err(refuse)?;
        let is_signed = step.is_signed();
        let _alone = match is_suspect && !is_signed {
            true => Some(self.bodies.alone(caller.map(network))?),
            false => None,
        };
        let limit = gate.body_limit(&step);
        let body = self.bodies.read(&parts.headers, body, limit, is_signed);
        let Whole { bytes, room } = body.await?;
        let is_large = bytes.len() >= LARGE;
        let intake = Arc::clone(&self);
        let work = move || {
            let gate = intake.gate(receive::source(route.operation));
            let proven = match step {
                Step::Proven(proven) => proven,
                Step::AfterBody(pending) => gate.finish(pending, &bytes)?,
            };
            let delivery = receive::delivery(route.operation, proven, bytes, received_at);
            // From here on the writer counts the bytes.
            Ok((delivery, room))
        };
        let worked = if is_large {
            let worked = tokio::task::spawn_blocking(work).await;
            worked.map_err(|error| Problem::internal(&error))?
        } else {
            work()
        };
        let ((delivery, fault), room) = worked.map_err(refuse)?;
        drop(room);
        let misfit = fault.and_then(|_| delivery.content.misfits.first().cloned());
        self.writer.submit(delivery).await?;
        match (fault, misfit) {
            (Some(Fault::NotJson), Some(misfit)) => Err(Problem::not_json(&misfit)),
            (Some(Fault::WrongShape), Some(misfit)) => Err(Problem::wrong_shape(&misfit)),
            _ => Ok(acknowledgement(route.success)),
        }
    }
}

/// Urgent asks for exactly this: an empty body, and `Content-Length: 0`. To the others it is all the same.
fn acknowledgement(success: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = success;
    let length = HeaderValue::from_static("0");
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response
}

/// The routes of the webhooks.
pub fn router(intake: Arc<Intake>) -> Router {
    let mut router = Router::new();
    for route in &ROUTES {
        let take = move |State(intake): State<Arc<Intake>>, request: Request| async move {
            intake.take(route, request).await
        };
        let other = move || async move { Problem::method_not_allowed(route.method) };
        router = router.route(route.path, on(route.filter, take).fallback(other));
    }
    router.with_state(intake)
}

#[cfg(test)]
mod tests;
