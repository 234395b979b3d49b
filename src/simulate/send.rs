//! Sends calls to a server: signed, a bounded number at once, each story in its order, again where the server asks.
//! Judges nothing; answers go to the report.

use super::{
    call::{Call, Stamp},
    credential::Credentials,
    operation::Operation,
    record::Record,
    report::{Answer, Outcome, Report},
    sent::Sent,
    sign,
};
use anyhow::{Context, anyhow, bail};
use chrono::{TimeDelta, Utc};
use indicatif::ProgressBar;
use reqwest::{Client, Method, StatusCode, Url, header};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};

/// Attempts while the server answers 503, and while the connection breaks.
const BUSY_ATTEMPTS: usize = 40;
const BROKEN_ATTEMPTS: usize = 5;
/// Longest wait for a busy server between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for word that the server is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// A repeat within this time carries the first call's timestamp; well inside the usual grace window of five minutes.
const STAMP_LIFE: TimeDelta = TimeDelta::minutes(2);
/// Characters of an answer's body that are kept.
const BODY_SHOWN: usize = 400;

/// Where to send, as whom.
pub(super) struct Server {
    client: Client,
    against: String,
    /// The same without a user and password, to be shown.
    shown: String,
    credentials: Credentials,
    sent: Arc<Sent>,
}

impl Server {
    /// A server at `against`, an http or https URL; it may have a path prefix.
    pub(super) fn at(
        against: &str,
        credentials: Credentials,
        concurrency: usize,
    ) -> anyhow::Result<Self> {
        let url =
            Url::parse(against).with_context(|| format!("--against {against} is not a URL"))?;
        let Some(host) = url
            .host_str()
            .filter(|_| matches!(url.scheme(), "http" | "https"))
        else {
            bail!("--against {against} is not an http or https URL");
        };
        // Somebody may have installed one already; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(concurrency);
        if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            builder = builder.no_proxy();
        }
        let client = builder.build().context("cannot set up the HTTP client")?;
        let mut shown = url.clone();
        // Both fail only for URLs that cannot have them.
        let _ = shown
            .set_username("")
            .and_then(|()| shown.set_password(None));
        Ok(Self {
            client,
            against: against.trim_end_matches('/').to_owned(),
            shown: shown.as_str().trim_end_matches('/').to_owned(),
            credentials,
            sent: Arc::default(),
        })
    }

    /// When which call was sent.
    pub(super) fn sent(&self) -> Arc<Sent> {
        Arc::clone(&self.sent)
    }

    /// Where it is, to be shown.
    pub(super) fn address(&self) -> &str {
        &self.shown
    }

    /// Asks whether it is a caretaker that takes calls.
    ///
    /// # Errors
    /// In plain words, when it is not.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        let against = &self.shown;
        let asked = self.client.get(format!("{}/readyz", self.against));
        let answer = asked.timeout(READY_TIMEOUT).send().await.map_err(|error| {
            let cause = anyhow!(error).root_cause().to_string();
            anyhow!(
                "nobody answers at {against} ({cause}): start caretaker there, or name another server with --against"
            )
        })?;
        let status = answer.status();
        let said: Value = answer.json().await.unwrap_or_default();
        match said["ready"].as_bool() {
            Some(true) if status.is_success() => Ok(()),
            Some(_) => bail!("the server at {against} is not ready: {}", failing(&said)),
            None => {
                bail!("what answers at {against} is no caretaker: /readyz is answered {status}")
            }
        }
    }

    /// One attempt; the answer's Retry-After comes with it.
    async fn attempt(&self, call: &Call) -> anyhow::Result<(Answer, Option<u64>, Option<String>)> {
        let operation = call.operation;
        let url = Url::parse(&format!("{}{}", self.against, operation.path()))?;
        let method = Method::from_bytes(operation.method().as_bytes())?;
        let mut stamp = None;
        let mut request = self
            .client
            .request(method, url.clone())
            .header(header::CONTENT_TYPE, "application/json");
        if operation == Operation::Batch {
            request = request.header(header::AUTHORIZATION, sign::basic(&self.credentials.matrix));
        } else {
            let at = signed_at(call);
            let proof = sign::hmac(
                &self.credentials.urgent,
                operation.method(),
                url.path(),
                &at,
            )?;
            request = request
                .header(header::AUTHORIZATION, proof)
                .header("X-Timestamp", &at);
            stamp = Some(at);
        }
        self.sent.note(&call.body);
        let begun = Instant::now();
        let response = request.body(call.body.clone()).send().await?;
        let status = response.status();
        let wait = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = response.text().await?;
        let latency = begun.elapsed();
        let body = body.chars().take(BODY_SHOWN).collect();
        Ok((
            Answer {
                status: status.as_u16(),
                body,
                latency,
                retries: 0,
            },
            wait,
            stamp,
        ))
    }

    /// Sends until there is a final answer, and records an acknowledgement.
    async fn deliver(&self, call: &Call, record: Option<&Record>) -> Outcome {
        let (mut busy, mut broken) = (0, 0);
        loop {
            match self.attempt(call).await {
                Ok((answer, wait, _))
                    if answer.status == StatusCode::SERVICE_UNAVAILABLE
                        && busy + 1 < BUSY_ATTEMPTS =>
                {
                    busy += 1;
                    tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1)).min(LONGEST_WAIT))
                        .await;
                }
                Ok((answer, _, stamp)) => {
                    let retries = busy + broken;
                    if let Some(record) = record.filter(|_| answer.is_acknowledgement())
                        && let Err(error) = record.append(call, stamp.as_deref())
                    {
                        return Outcome::Failed {
                            retries,
                            reason: format!("cannot record it: {error}"),
                        };
                    }
                    return Outcome::Answered(Answer { retries, ..answer });
                }
                Err(_) if broken + 1 < BROKEN_ATTEMPTS => {
                    broken += 1;
                    tokio::time::sleep(Duration::from_millis(50 << broken)).await;
                }
                Err(error) => {
                    return Outcome::Failed {
                        retries: busy + broken,
                        reason: format!("{error:#}"),
                    };
                }
            }
        }
    }
}

/// The checks that failed, each with what is said of it.
fn failing(said: &Value) -> String {
    let checks = said["checks"].as_object().into_iter().flatten();
    let failing = checks
        .filter_map(|(name, outcome)| Some((name, outcome.as_str()?)))
        .filter(|(_, outcome)| *outcome != "ok")
        .map(|(name, outcome)| format!("{name} {outcome}"));
    failing.collect::<Vec<_>>().join(", ")
}

fn open<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time this call is signed with: its first attempt's, while that is young.
fn signed_at(call: &Call) -> String {
    let now = Utc::now();
    let mut stamp = open(&call.signed_at);
    match &*stamp {
        Some(present) if present.until.is_none_or(|until| now < until) => present.text.clone(),
        _ => {
            // Which calls have milliseconds matters to nobody; that both kinds occur does.
            let text = sign::timestamp(now, call.body.len().is_multiple_of(2));
            *stamp = Some(Stamp {
                text: text.clone(),
                until: Some(now + STAMP_LIFE),
            });
            text
        }
    }
}

/// How to send.
pub(super) struct Pace {
    /// Most calls at once.
    pub(super) concurrency: usize,
    /// Events per second; as fast as they are answered where it is `None`.
    pub(super) rate: Option<f64>,
}

/// Sends all `calls` and reports. Stops early on Ctrl-C, or when the server is gone.
pub(super) async fn all(
    server: Server,
    calls: Vec<Call>,
    pace: Pace,
    record: Option<Record>,
    progress: ProgressBar,
) -> Report {
    let shared = Arc::new((server, record, Mutex::new(Report::default())));
    let permits = Arc::new(Semaphore::new(pace.concurrency.max(1)));
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut under_way = JoinSet::new();
    // For each story its latest call; that one's sender is dropped when it has been answered.
    let mut latest: HashMap<usize, watch::Receiver<()>> = HashMap::new();
    let (begun, mut events, mut started, total) =
        (tokio::time::Instant::now(), 0_usize, 0, calls.len());
    for call in calls {
        let due = begun
            + pace.rate.map_or(Duration::ZERO, |rate| {
                Duration::from_secs_f64(events as f64 / rate)
            });
        let turn = async {
            tokio::time::sleep_until(due).await;
            Arc::clone(&permits).acquire_owned().await
        };
        let permit = tokio::select! {
            permit = turn => permit,
            _ = &mut interrupted => break,
        };
        let Ok(permit) = permit else { break };
        if open(&shared.2).server_is_gone() {
            break;
        }
        events += call.events;
        started += 1;
        let (done, answered) = watch::channel(());
        let mut before = Vec::new();
        if !call.moved && !call.repeat {
            before.extend(
                call.stories
                    .iter()
                    .filter_map(|story| latest.insert(*story, answered.clone())),
            );
        }
        let (shared, progress) = (Arc::clone(&shared), progress.clone());
        under_way.spawn(async move {
            for mut earlier in before {
                // Nothing is ever sent on it: an error means that the earlier call is over.
                while earlier.changed().await.is_ok() {}
            }
            if open(&shared.2).server_is_gone() {
                return open(&shared.2).skip();
            }
            let outcome = shared.0.deliver(&call, shared.1.as_ref()).await;
            open(&shared.2).count(&call, outcome);
            progress.inc(call.events as u64);
            drop((done, permit));
        });
        while under_way.try_join_next().is_some() {}
    }
    while under_way.join_next().await.is_some() {}
    progress.finish_and_clear();
    let mut report = std::mem::take(&mut *open(&shared.2));
    report.finish(begun.elapsed(), total - started);
    report
}
