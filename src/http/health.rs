//! `/healthz`: the process answers. `/readyz`: what it stands on does too. Says which check failed, never why in detail:
//! that is logged.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Map, Value, json};

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(2);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What readiness means: checks by name.
#[derive(Clone, Default)]
pub struct Readiness {
    checks: Vec<(&'static str, Check)>,
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.checks.iter().map(|(name, _)| name);
        formatter.debug_list().entries(names).finish()
    }
}

impl Readiness {
    /// Adds a check; its error is what the answer says, in words fit for everybody.
    #[must_use]
    pub fn with<F>(
        mut self,
        name: &'static str,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks
            .push((name, Arc::new(move || Box::pin(check()))));
        self
    }
}

/// `GET /healthz` and `GET /readyz`.
pub fn routes(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .with_state(Arc::new(readiness))
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> Response {
    let checks = readiness.checks.iter().map(async |(name, check)| {
        let outcome = tokio::time::timeout(PATIENCE, check())
            .await
            .unwrap_or_else(|_| Err("no answer in time".to_owned()));
        (*name, outcome)
    });
    let outcomes = join_all(checks).await;
    let is_ready = outcomes.iter().all(|(_, outcome)| outcome.is_ok());
    let checks: Map<String, Value> = outcomes
        .into_iter()
        .map(|(name, outcome)| {
            (
                name.to_owned(),
                outcome.map_or_else(Value::from, |()| "ok".into()),
            )
        })
        .collect();
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = Json(json!({ "ready": is_ready, "checks": checks }));
    (status, [(header::CACHE_CONTROL, "no-store")], body).into_response()
}
