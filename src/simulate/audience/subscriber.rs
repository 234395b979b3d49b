//! One subscriber: follows, and comes back with its last cursor whenever its connection ends, as clients do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

use super::Transport;
use super::pieces::{Form, Pieces};
use super::record::{Names, Record, Seen};
use super::said::{DOCUMENT, Said};
use super::socket::Socket;

/// The pause before a connection that ended is opened anew.
const BACKOFF: Duration = Duration::from_millis(500);

/// The way to the server, shared by all.
pub(super) struct Line {
    client: Client,
    against: String,
    authorization: Option<SecretString>,
    pub(super) names: Names,
    /// What times are counted from.
    pub(super) begun: Instant,
}

impl Line {
    pub(super) fn to(against: &str, token: Option<SecretString>) -> anyhow::Result<Self> {
        // An answer that is followed has no end: there is no timeout.
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .context("cannot set up the HTTP client")?;
        Ok(Self {
            client,
            against: against.trim_end_matches('/').to_owned(),
            authorization: token.map(|token| format!("Bearer {}", token.expose_secret()).into()),
            names: Names::default(),
            begun: Instant::now(),
        })
    }

    fn address(&self, path: &str) -> anyhow::Result<Url> {
        let address = format!("{}{path}", self.against);
        Url::parse(&address).with_context(|| format!("{address} is not a URL"))
    }

    fn authorization(&self) -> Option<&str> {
        self.authorization.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Asks a query; gives its data.
    pub(super) async fn ask(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let body = json!({"query": query, "variables": variables});
        let mut post = self.client.post(self.address("/graphql")?).json(&body);
        if let Some(authorization) = self.authorization() {
            post = post.header("authorization", authorization);
        }
        let mut answer: Value = post.send().await?.json().await?;
        if let Some(error) = answer["errors"].get(0) {
            anyhow::bail!("the feed cannot be read: {}", error["message"]);
        }
        Ok(answer["data"].take())
    }

    async fn open(&self, transport: Transport, after: Option<&str>) -> anyhow::Result<Wire> {
        let request = json!({"query": DOCUMENT, "variables": {"after": after}});
        let token = self.authorization();
        let pieces = async |form, path| {
            let address = self.address(path)?;
            Pieces::open(&self.client, address, form, token, &request).await
        };
        Ok(match transport {
            Transport::Ws => {
                let address = self.address("/graphql/ws")?;
                Wire::Socket(Box::new(Socket::open(&address, token, request).await?))
            }
            Transport::Sse => {
                Wire::Pieces(Box::new(pieces(Form::Events, "/graphql/stream").await?))
            }
            Transport::Multipart => Wire::Pieces(Box::new(pieces(Form::Parts, "/graphql").await?)),
        })
    }
}

enum Wire {
    Socket(Box<Socket>),
    Pieces(Box<Pieces>),
}

impl Wire {
    async fn next(&mut self) -> anyhow::Result<Option<Said>> {
        match self {
            Self::Socket(socket) => socket.next().await,
            Self::Pieces(pieces) => pieces.next().await,
        }
    }
}

/// Follows for as long as it is polled; `turn` is given back with the first event.
pub(super) async fn follow(
    line: Arc<Line>,
    transport: Transport,
    record: Arc<Record>,
    mut turn: Option<OwnedSemaphorePermit>,
) {
    let mut last: Option<String> = None;
    loop {
        let why = match line.open(transport, last.as_deref()).await {
            Ok(wire) => listen(wire, &line, &record, &mut turn, &mut last).await,
            Err(error) => format!("{error:#}"),
        };
        record.broke(why);
        tokio::time::sleep(BACKOFF).await;
    }
}

/// Until the connection ends; tells why.
async fn listen(
    mut wire: Wire,
    line: &Line,
    record: &Record,
    turn: &mut Option<OwnedSemaphorePermit>,
    last: &mut Option<String>,
) -> String {
    loop {
        let cursor = match wire.next().await {
            Ok(Some(Said::News(cursor))) => {
                record.see(Seen::now(line.names.of(&cursor), line.begun));
                cursor
            }
            Ok(Some(Said::Beat(cursor))) => {
                record.beat(line.names.of(&cursor));
                cursor
            }
            Ok(Some(Said::Nothing)) => continue,
            Ok(Some(Said::Fault(why))) => return why,
            Ok(None) => return "it ended without a word".to_owned(),
            Err(error) => return format!("{error:#}"),
        };
        *last = Some(cursor);
        *turn = None;
    }
}
