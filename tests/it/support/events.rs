//! A stream of server-sent events, and an answer in parts, as clients read them.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::timeout;

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// One event; a comment has neither name nor data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub id: Option<String>,
    pub name: String,
    pub data: String,
    pub comment: Option<String>,
    pub retry: Option<String>,
}

impl Event {
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.data).with_context(|| format!("no JSON: {self:?}"))
    }
}

/// An open answer, read up to a mark at a time.
#[derive(Debug)]
pub struct Pieces {
    response: Response,
    read: String,
}

impl Pieces {
    /// Sends the request, which must be taken.
    pub async fn of(request: RequestBuilder) -> anyhow::Result<Self> {
        Self::taken(request.send().await?).await
    }

    /// The answer to a request, which must have been taken.
    pub async fn taken(response: Response) -> anyhow::Result<Self> {
        ensure!(
            response.status() == 200,
            "{} {}",
            response.status(),
            response.text().await?
        );
        Ok(Self {
            response,
            read: String::new(),
        })
    }

    pub fn header(&self, name: &str) -> &str {
        let header = self.response.headers().get(name);
        header.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// What comes before the next `mark`; nothing once the answer has ended.
    pub async fn until(&mut self, mark: &str) -> anyhow::Result<Option<String>> {
        loop {
            if let Some((piece, rest)) = self.read.split_once(mark) {
                let (piece, rest) = (piece.to_owned(), rest.to_owned());
                self.read = rest;
                return Ok(Some(piece));
            }
            let more = timeout(PATIENCE, self.response.chunk()).await;
            match more.context("the stream stayed silent")?? {
                Some(bytes) => self.read.push_str(std::str::from_utf8(&bytes)?),
                None => {
                    ensure!(self.read.is_empty(), "cut off: {:?}", self.read);
                    return Ok(None);
                }
            }
        }
    }

    /// What is left of the answer, until it ends.
    pub async fn rest(mut self) -> anyhow::Result<String> {
        while let Some(bytes) = timeout(PATIENCE, self.response.chunk()).await?? {
            self.read.push_str(std::str::from_utf8(&bytes)?);
        }
        Ok(self.read)
    }

    /// The next event or comment; nothing once the stream has ended.
    pub async fn any_event(&mut self) -> anyhow::Result<Option<Event>> {
        let Some(block) = self.until("\n\n").await? else {
            return Ok(None);
        };
        let mut event = Event::default();
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "" => event.comment = Some(value),
                "id" => event.id = Some(value),
                "event" => event.name = value,
                "data" => event.data = value,
                "retry" => event.retry = Some(value),
                other => anyhow::bail!("no field of an event: {other}"),
            }
        }
        Ok(Some(event))
    }

    /// The next event; comments are passed over.
    pub async fn event(&mut self) -> anyhow::Result<Event> {
        loop {
            let event = self.any_event().await?.context("the stream has ended")?;
            if !event.name.is_empty() {
                return Ok(event);
            }
        }
    }

    /// The next `next` that tells of something, with its id.
    pub async fn news(&mut self) -> anyhow::Result<(Option<String>, Value)> {
        loop {
            let event = self.event().await?;
            ensure!(event.name == "next", "{event:?}");
            let told = event.json()?["data"]["activity"].take();
            ensure!(told.is_object(), "{event:?}");
            if !told["activity"].is_null() {
                return Ok((event.id, told));
            }
        }
    }

    /// How the stream ends: the last block, whether it was complete, and that nothing follows.
    pub async fn ended(&mut self) -> anyhow::Result<Event> {
        let mut last = None;
        while let Some(event) = self.any_event().await? {
            last = Some(event);
        }
        last.context("the stream ended without a word")
    }
}
