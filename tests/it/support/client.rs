//! The platforms and a reader, as seen from a server: signed calls, GraphQL over HTTP.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use super::live::Live;

/// Calls one server.
#[derive(Clone, Debug)]
pub struct Client {
    pub http: reqwest::Client,
    /// `http://127.0.0.1:port`
    pub base: String,
    pub matrix: Pair,
    pub urgent: Pair,
}

/// What one of the platforms was given.
#[derive(Clone, Debug)]
pub struct Pair {
    pub name: String,
    pub secret: String,
}

impl Pair {
    pub fn new(name: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            secret: secret.into(),
        }
    }
}

/// Urgent's five calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    TaskCreated,
    TaskChanged,
    StatusChanged,
    NoteAdded,
    TaskChased,
}

impl Call {
    pub fn method(self) -> Method {
        match self {
            Self::TaskCreated | Self::TaskChanged | Self::NoteAdded => Method::POST,
            Self::StatusChanged | Self::TaskChased => Method::PUT,
        }
    }

    pub fn path(self) -> &'static str {
        match self {
            Self::TaskCreated => "/webhooks/urgent/task-created",
            Self::TaskChanged => "/webhooks/urgent/task-changed",
            Self::StatusChanged => "/webhooks/urgent/status-changed",
            Self::NoteAdded => "/webhooks/urgent/note-added",
            Self::TaskChased => "/webhooks/urgent/task-chased",
        }
    }
}

/// What came back. `Display` is made for snapshots: the status, the content type, the body (JSON pretty).
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> anyhow::Result<Self> {
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await?,
        })
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {self}"))
    }
}

/// How long an answer may take: a server that has stopped answering fails the case by name.
const ANSWER: Duration = Duration::from_secs(60);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.header("content-type"))?;
        match serde_json::from_str::<Value>(&self.body) {
            Ok(body) => write!(f, "\n{body:#}"),
            Err(_) if self.body.is_empty() => Ok(()),
            Err(_) => write!(f, "\n{}", self.body),
        }
    }
}

impl Client {
    pub fn new(base: impl Into<String>, matrix: Pair, urgent: Pair) -> anyhow::Result<Self> {
        // Proxies of the machine have no business on loopback.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWER)
            .build()?;
        Ok(Self {
            http,
            base: base.into(),
            matrix,
            urgent,
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request for the rest to be put together by the case.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path))
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        Answer::of(self.request(Method::GET, path).send().await?).await
    }

    /// Sends a batch as Matrix does, with HTTP Basic. A `Value` or any text will do.
    pub async fn matrix(&self, body: impl ToString) -> anyhow::Result<Answer> {
        let request = self
            .request(Method::POST, "/webhooks/matrix")
            .basic_auth(&self.matrix.name, Some(&self.matrix.secret))
            .header("content-type", "application/json")
            .body(body.to_string());
        Answer::of(request.send().await?).await
    }

    /// Sends a call as Urgent does, signed now.
    pub async fn urgent(&self, call: Call, body: impl ToString) -> anyhow::Result<Answer> {
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        self.urgent_at(call, &now, body).await
    }

    /// Sends a call as Urgent does, signed at `timestamp`.
    pub async fn urgent_at(
        &self,
        call: Call,
        timestamp: &str,
        body: impl ToString,
    ) -> anyhow::Result<Answer> {
        let digest = digest(
            &self.urgent.secret,
            call.method().as_str(),
            call.path(),
            timestamp,
        );
        let request = self
            .request(call.method(), call.path())
            .header(
                "authorization",
                format!("TCN {}:{digest}", self.urgent.name),
            )
            .header("x-timestamp", timestamp)
            .header("content-type", "application/json")
            .body(body.to_string());
        Answer::of(request.send().await?).await
    }

    /// Asks and gives the whole answer, errors included.
    pub async fn ask(&self, query: &str, variables: Value) -> anyhow::Result<Answer> {
        let request = self
            .request(Method::POST, "/graphql")
            .json(&json!({ "query": query, "variables": variables }));
        Answer::of(request.send().await?).await
    }

    /// Asks and gives `data`; errors in the answer fail the case.
    pub async fn graphql(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let answer = self.ask(query, variables).await?;
        let mut body = answer.json()?;
        ensure!(
            answer.status == 200 && body.get("errors").is_none(),
            "{answer}"
        );
        Ok(body["data"].take())
    }

    /// A socket that speaks graphql-transport-ws, already acknowledged.
    pub async fn live(&self) -> anyhow::Result<Live> {
        Live::connect(&self.base).await
    }
}

/// Urgent's digest over method, path and time.
pub fn digest(secret: &str, method: &str, path: &str, timestamp: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{method}+{}+{timestamp}", path.to_lowercase()).as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}
