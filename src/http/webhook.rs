//! The addresses that the two platforms push to. The caller's address first, if that matters; then proof, by the headers;
//! then the body, bounded; then the decoder; then the writer. Success is told only after the commit.

mod body;
pub mod caller;
mod gate;
mod guesses;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use chrono::SubsecRound;
use entity::{Operation, Source};
use ipnet::IpNet;

pub use gate::Gate;
use guesses::Guesses;

use super::problem::Problem;
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
    callers: Callers,
    body_timeout: Duration,
}

/// What is known of those who call.
#[derive(Debug)]
pub struct Callers {
    trusted_proxies: Vec<IpNet>,
    guesses: Guesses,
}

impl Callers {
    /// The proxies that may name another address than their own, and how many proofs may fail in a minute from one address
    /// before 429.
    pub fn new(trusted_proxies: Vec<IpNet>, failures_a_minute: NonZeroU32) -> Self {
        Self {
            trusted_proxies,
            guesses: Guesses::new(failures_a_minute),
        }
    }
}

struct Ticking(Clock);

impl std::fmt::Debug for Ticking {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Clock")
    }
}

impl Intake {
    /// What the webhooks need. A body that takes longer than `body_timeout` to arrive is given up.
    pub fn new(
        writer: Writer,
        matrix: Gate,
        urgent: Gate,
        clock: Clock,
        callers: Callers,
        body_timeout: Duration,
    ) -> Self {
        Self {
            writer,
            matrix,
            urgent,
            clock: Ticking(clock),
            callers,
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

    async fn take(
        self: Arc<Self>,
        route: &'static Route,
        request: Request,
    ) -> Result<Response, Problem> {
        let gate = self.gate(receive::source(route.operation));
        let (parts, body) = request.into_parts();
        let caller = caller::address(&parts, &self.callers.trusted_proxies);
        gate.admit(caller)?;
        let received_at = (self.clock.0)().trunc_subsecs(6);
        let refuse = |refused| gate.refuse(&refused, caller, &self.callers.guesses);
        let step = gate.prove(&parts, route.target, received_at).await;
        let step = step.map_err(refuse)?;
        let limit = gate.body_limit(&step);
        let body = body::read(&parts.headers, body, limit, self.body_timeout).await?;
        let is_large = body.len() >= LARGE;
        let intake = Arc::clone(&self);
        let work = move || {
            let gate = intake.gate(receive::source(route.operation));
            let proven = match step {
                Step::Proven(proven) => proven,
                Step::AfterBody(pending) => gate.finish(pending, &body)?,
            };
            Ok(receive::delivery(
                route.operation,
                proven,
                body,
                received_at,
            ))
        };
        let worked = if is_large {
            let worked = tokio::task::spawn_blocking(work).await;
            worked.map_err(|error| Problem::internal(&error))?
        } else {
            work()
        };
        let (delivery, fault) = worked.map_err(refuse)?;
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
