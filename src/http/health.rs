//! `/healthz`: the process answers. `/readyz`: what it stands on does too. Says which check failed, never why in detail:
//! that is logged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer stands: strangers may ask as often as they like, the database is asked once.
const STANDS: Duration = Duration::from_secs(1);

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
        .with_state(Arc::new(Asked {
            readiness,
            last: Mutex::default(),
        }))
}

/// What was found out when it was last asked.
struct Asked {
    readiness: Readiness,
    last: Mutex<Option<(Instant, StatusCode, Value)>>,
}

async fn ready(State(asked): State<Arc<Asked>>) -> Response {
    // Those who come meanwhile wait for the one answer.
    let mut last = asked.last.lock().await;
    let (status, body) = match &*last {
        Some((at, status, body)) if at.elapsed() < STANDS => (*status, body.clone()),
        _ => {
            let (status, body) = find_out(&asked.readiness).await;
            *last = Some((Instant::now(), status, body.clone()));
            (status, body)
        }
    };
    drop(last);
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (status, headers, Json(body)).into_response()
}

async fn find_out(readiness: &Readiness) -> (StatusCode, Value) {
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
    (status, json!({ "ready": is_ready, "checks": checks }))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_cost_one_look() {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looks);
        let readiness = Readiness::default().with("database", move || {
            let is_first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                tokio::task::yield_now().await;
                if is_first {
                    Err("unreachable".to_owned())
                } else {
                    Ok(())
                }
            }
        });
        let asked = Arc::new(Asked {
            readiness,
            last: Mutex::default(),
        });
        let all = (0..100).map(|_| ready(State(Arc::clone(&asked))));
        for answer in join_all(all).await {
            assert_eq!(answer.status(), 503);
        }
        assert_eq!(looks.load(Ordering::SeqCst), 1);
        // What was found stands for a moment only.
        tokio::time::sleep(STANDS).await;
        assert_eq!(ready(State(asked)).await.status(), 200);
    }
}
