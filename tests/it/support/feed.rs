//! The feed as a client reads it: by subscription, and by the query that must give the same.

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::live::{Live, Said};

const FOLLOW: &str = "subscription($after: String, $filter: ActivityFilter) {
    activity(after: $after, filter: $filter) { cursor activity { id cursor } }
}";
const PAGE: &str = "query($after: String, $filter: ActivityFilter) {
    activities(after: $after, filter: $filter, first: 100) {
        nodes { id cursor }
        pageInfo { hasNextPage endCursor }
    }
}";

/// How many heartbeats may come while activities are waited for: half a minute of the quickest.
const MOST_HEARTBEATS: usize = 600;

/// An activity: its cursor and its id.
pub type Row = (String, String);

/// One open subscription.
#[derive(Debug)]
pub struct Feed {
    live: Live,
    /// The cursor of the last event, heartbeats too.
    pub last: Option<String>,
}

impl Feed {
    /// Follows everything, after a cursor or from now.
    pub async fn open(base: &str, after: Option<&str>) -> anyhow::Result<Self> {
        Self::filtered(base, after, Value::Null).await
    }

    /// Follows what fits.
    pub async fn filtered(base: &str, after: Option<&str>, filter: Value) -> anyhow::Result<Self> {
        let variables = json!({ "after": after, "filter": filter });
        Self::of(base, FOLLOW, variables, after).await
    }

    /// Follows by another document; its field must be called `activity`.
    pub async fn of(
        base: &str,
        document: &str,
        variables: Value,
        after: Option<&str>,
    ) -> anyhow::Result<Self> {
        let mut live = Live::connect(base).await?;
        live.subscribe("feed", document, variables).await?;
        Ok(Self {
            live,
            last: after.map(str::to_owned),
        })
    }

    /// The next event; `activity` in it is null in a heartbeat.
    pub async fn event(&mut self) -> anyhow::Result<Value> {
        let event = self.live.next().await?["activity"].take();
        self.last = Some(text(&event["cursor"])?);
        Ok(event)
    }

    /// The next `count` activities.
    pub async fn rows(&mut self, count: usize) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::with_capacity(count);
        let mut heartbeats = 0;
        while rows.len() < count {
            let event = self.event().await?;
            heartbeats += usize::from(event["activity"].is_null());
            ensure!(
                heartbeats < MOST_HEARTBEATS,
                "only {} of {count} came",
                rows.len()
            );
            if !event["activity"].is_null() {
                let row = row(&event["activity"])?;
                ensure!(event["cursor"] == row.0.as_str(), "another cursor: {event}");
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// The cursor of a heartbeat, which must come next: the stream is live and there is nothing more to tell.
    pub async fn heartbeat(&mut self) -> anyhow::Result<String> {
        let event = self.event().await?;
        ensure!(event["activity"].is_null(), "one more: {event}");
        text(&event["cursor"])
    }

    /// How the socket is closed, whatever is told before.
    pub async fn closed(mut self) -> anyhow::Result<u16> {
        loop {
            if let Said::Closed(code, _) = self.live.said().await? {
                return Ok(code);
            }
        }
    }
}

/// The answer to a query, asked over a socket of its own.
pub async fn ask(base: &str, document: &str, variables: Value) -> anyhow::Result<Value> {
    let mut live = Live::connect(base).await?;
    live.subscribe("query", document, variables).await?;
    live.next().await
}

/// The code of the error that a subscription is refused with.
pub async fn refusal(base: &str, document: &str, variables: Value) -> anyhow::Result<Value> {
    let mut live = Live::connect(base).await?;
    live.subscribe("refused", document, variables).await?;
    match live.said().await? {
        Said::Message(message) if message["type"] == "next" => {
            Ok(message["payload"]["errors"][0]["extensions"].clone())
        }
        Said::Message(message) if message["type"] == "error" => {
            Ok(message["payload"][0]["extensions"].clone())
        }
        other => bail!("not refused: {other:?}"),
    }
}

/// What `activities(after:)` gives, all pages.
pub async fn stored(base: &str, after: Option<&str>) -> anyhow::Result<Vec<Row>> {
    stored_under(base, after, Value::Null).await
}

/// What `activities(after:, filter:)` gives, all pages.
pub async fn stored_under(
    base: &str,
    after: Option<&str>,
    filter: Value,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut after = after.map(str::to_owned);
    loop {
        let variables = json!({ "after": after, "filter": filter });
        let page = ask(base, PAGE, variables).await?["activities"].take();
        let nodes = page["nodes"].as_array().context("no nodes")?;
        for node in nodes {
            rows.push(row(node)?);
        }
        if page["pageInfo"]["hasNextPage"] != true {
            return Ok(rows);
        }
        after = Some(text(&page["pageInfo"]["endCursor"])?);
    }
}

fn row(activity: &Value) -> anyhow::Result<Row> {
    Ok((text(&activity["cursor"])?, text(&activity["id"])?))
}

fn text(value: &Value) -> anyhow::Result<String> {
    let text = value.as_str().with_context(|| format!("no text: {value}"));
    text.map(str::to_owned)
}
