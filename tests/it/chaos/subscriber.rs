//! A subscriber that stalls, hangs up and comes back by its cursor, to any server, over one of the transports.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use fastrand::Rng;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::nodes::{Present, one_of};
use crate::support::client::Client;
use crate::support::events::Pieces;
use crate::support::feed::Row;
use crate::support::live::{Live, Said};

const FOLLOW: &str = "subscription($after: String, $filter: ActivityFilter) {
    activity(after: $after, filter: $filter) { cursor activity {
        id cursor kind occurredAt recordedAt changes { field from to } again: changes { field from to }
    } }
}";
/// The same with much more to each event: what its reader does not take soon fills all buffers on the way.
const FOLLOW_WIDE: &str = "subscription($after: String, $filter: ActivityFilter) {
    activity(after: $after, filter: $filter) { cursor activity {
        id cursor a: changes { field from to } b: changes { field from to } c: changes { field from to }
        d: changes { field from to } e: changes { field from to } f: changes { field from to }
        g: changes { field from to } h: changes { field from to } i: changes { field from to }
    } }
}";
const PARTS: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json";

/// How long a stream may be silent: heartbeats come often.
const SILENCE: Duration = Duration::from_secs(15);
/// How long, in milliseconds, nothing is read by one that is to be dropped: longer than a server's patience, and no longer
/// than its goodbye waits as well.
const ENOUGH: std::ops::Range<u64> = 1_050..1_900;
/// The pause before another attempt where none of the servers answers.
const AGAIN: Duration = Duration::from_millis(20);
/// How long nothing may come once nothing is broken any more, unless all is there.
const STANDSTILL: Duration = Duration::from_secs(30);

/// What each filter's subscribers must hold at the end.
pub type End = Option<Arc<Vec<(Value, Vec<Row>)>>>;

/// How it is followed.
#[derive(Clone, Copy, Debug)]
pub enum Transport {
    Socket,
    Events,
    Parts,
}

impl Transport {
    pub const ALL: [Self; 3] = [Self::Socket, Self::Events, Self::Parts];
}

/// One subscriber and what it holds.
pub struct Subscriber {
    transport: Transport,
    filter: Value,
    /// Whether it takes nothing until it was dropped for that, before it does as the others do.
    is_stubborn: bool,
    start: String,
    cursor: String,
    rows: Vec<Row>,
    /// How many it was told.
    held: Arc<AtomicUsize>,
    random: Rng,
    http: reqwest::Client,
    tally: Tally,
}

/// What it went through.
pub struct Tally {
    transport: Transport,
    rows: usize,
    /// How many streams it took.
    pub streams: usize,
    /// How often it did not read for a while.
    stalls: usize,
    /// How often it hung up by itself.
    hangups: usize,
    /// How often a server dropped it for being slow.
    pub dropped: usize,
    /// How often a server that stopped sent it away.
    sent_away: usize,
    /// Why the last stream broke.
    last_break: String,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}: {} rows over {} streams, {} stalls, {} hang-ups, dropped {} times, sent away {} times",
            self.transport,
            self.rows,
            self.streams,
            self.stalls,
            self.hangups,
            self.dropped,
            self.sent_away
        )
    }
}

/// What one stream is used for before its subscriber does something else.
enum Plan {
    HangUp,
    Stall(Duration),
}

impl Subscriber {
    pub fn new(transport: Transport, filter: Value, start: &str, random: Rng) -> Self {
        let tally = Tally {
            transport,
            rows: 0,
            streams: 0,
            stalls: 0,
            hangups: 0,
            dropped: 0,
            sent_away: 0,
            last_break: String::new(),
        };
        Self {
            transport,
            filter,
            is_stubborn: false,
            start: start.to_owned(),
            cursor: start.to_owned(),
            rows: Vec::new(),
            held: Arc::default(),
            random,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            tally,
        }
    }

    /// One that is as slow as it takes for a server to drop it, and comes back.
    pub fn stubborn(start: &str, random: Rng) -> Self {
        Self {
            is_stubborn: true,
            ..Self::new(Transport::Socket, Value::Null, start, random)
        }
    }

    /// Follows until it holds all that `end` names, and has seen that nothing comes after it.
    pub async fn run(
        mut self,
        present: Present,
        mut end: watch::Receiver<End>,
    ) -> anyhow::Result<Tally> {
        let held = Arc::clone(&self.held);
        let following = async {
            loop {
                match self.follow(&present, &end).await {
                    Ok(()) => return,
                    Err(error) => self.tally.last_break = format!("{error:#}"),
                }
                sleep(AGAIN).await;
            }
        };
        let too_late = async {
            if end.clone().wait_for(Option::is_some).await.is_err() {
                std::future::pending::<()>().await;
            }
            let mut before = usize::MAX;
            while before != held.load(Ordering::Relaxed) {
                before = held.load(Ordering::Relaxed);
                sleep(STANDSTILL).await;
            }
        };
        tokio::select! {
            () = following => {}
            () = too_late => {}
        }
        let expected = end.borrow_and_update().clone().context("no end")?;
        let expected = expected.iter().find(|(filter, _)| *filter == self.filter);
        let (_, expected) = expected.context("another filter")?;
        self.tally.rows = self.rows.len();
        if self.rows != *expected {
            let pairs = self.rows.iter().zip(expected);
            let same = pairs.take_while(|(held, stored)| held == stored).count();
            bail!(
                "{}; {} are stored; they differ from row {same} on: held {:?}, stored {:?}; the last stream: {}",
                self.tally,
                expected.len(),
                self.rows.get(same..).map(|rows| &rows[..rows.len().min(3)]),
                expected.get(same..).map(|rows| &rows[..rows.len().min(3)]),
                self.tally.last_break
            );
        }
        Ok(self.tally)
    }

    /// One stream, from the last cursor until it breaks or the end is reached.
    async fn follow(
        &mut self,
        present: &Present,
        end: &watch::Receiver<End>,
    ) -> anyhow::Result<()> {
        let node = one_of(present, &mut self.random).context("nobody is there")?;
        let mut stream = timeout(SILENCE, self.open(&node)).await??;
        self.tally.streams += 1;
        let (mut plan, mut left) = (self.plan(), self.random.usize(1..100));
        let mut has_stalled = false;
        loop {
            let told = timeout(SILENCE, stream.next()).await.context("silence")?;
            let (cursor, row) = match told {
                Ok(told) => told,
                Err(error) => {
                    self.tally.dropped += usize::from(error.to_string().contains("1013"));
                    self.tally.sent_away += usize::from(error.to_string().contains("1012"));
                    return Err(error);
                }
            };
            self.cursor = cursor;
            let is_quiet = row.is_none();
            self.held.fetch_add(row.iter().len(), Ordering::Relaxed);
            self.rows.extend(row);
            if self.has_to_be_dropped() {
                if is_quiet {
                    // There is too little left to be slow at: from the beginning, with what was added meanwhile.
                    self.cursor.clone_from(&self.start);
                    self.rows.clear();
                    bail!("it was not dropped");
                }
                if !std::mem::replace(&mut has_stalled, true) {
                    self.tally.stalls += 1;
                    sleep(Duration::from_millis(self.random.u64(ENOUGH))).await;
                }
                continue;
            }
            let wanted = end.borrow().as_ref().map(|all| {
                let own = all.iter().find(|(filter, _)| *filter == self.filter);
                own.map_or(0, |(_, rows)| rows.len())
            });
            if let Some(wanted) = wanted {
                // Only reading is left to do.
                if is_quiet && self.rows.len() >= wanted {
                    return Ok(());
                }
                continue;
            }
            left -= 1;
            if left > 0 {
                continue;
            }
            match plan {
                Plan::HangUp => {
                    self.tally.hangups += 1;
                    bail!("hung up");
                }
                Plan::Stall(pause) => {
                    self.tally.stalls += 1;
                    sleep(pause).await;
                }
            }
            (plan, left) = (self.plan(), self.random.usize(1..100));
        }
    }

    fn has_to_be_dropped(&self) -> bool {
        self.is_stubborn && self.tally.dropped == 0
    }

    fn plan(&mut self) -> Plan {
        match self.random.bool() {
            true => Plan::HangUp,
            false => Plan::Stall(Duration::from_millis(self.random.u64(50..3_000))),
        }
    }

    async fn open(&mut self, node: &Client) -> anyhow::Result<Stream> {
        let variables = |after: &str| json!({ "after": after, "filter": self.filter });
        let ask = |path: &str, after: &str| -> RequestBuilder {
            let body = json!({ "query": FOLLOW, "variables": variables(after) });
            self.http.post(node.url(path)).json(&body)
        };
        match self.transport {
            Transport::Socket => {
                let mut live = match self.is_stubborn || self.random.bool() {
                    true => Live::connect_narrow(&node.base).await?,
                    false => Live::connect(&node.base).await?,
                };
                let document = if self.is_stubborn {
                    FOLLOW_WIDE
                } else {
                    FOLLOW
                };
                live.subscribe("all", document, variables(&self.cursor))
                    .await?;
                Ok(Stream::Socket(live))
            }
            Transport::Events => {
                // The header goes before what the variables say.
                let request = match self.random.bool() {
                    true => {
                        ask("/graphql/stream", &self.start).header("last-event-id", &self.cursor)
                    }
                    false => ask("/graphql/stream", &self.cursor),
                };
                let request = request.header("accept", "text/event-stream");
                Ok(Stream::Events(Pieces::of(request).await?))
            }
            Transport::Parts => {
                let request = ask("/graphql", &self.cursor).header("accept", PARTS);
                Ok(Stream::Parts(Pieces::of(request).await?))
            }
        }
    }
}

enum Stream {
    Socket(Live),
    Events(Pieces),
    Parts(Pieces),
}

impl Stream {
    /// The next event: its cursor, and its row unless it is a heartbeat.
    async fn next(&mut self) -> anyhow::Result<(String, Option<Row>)> {
        match self {
            Self::Socket(live) => match live.said().await? {
                Said::Message(message) if message["type"] == "next" => told(&message["payload"]),
                other => bail!("{other:?}"),
            },
            Self::Events(pieces) => {
                let event = pieces.event().await?;
                ensure!(event.name == "next", "{event:?}");
                let event_told = told(&event.json()?)?;
                ensure!(event.id.as_ref() == Some(&event_told.0), "{event:?}");
                Ok(event_told)
            }
            Self::Parts(pieces) => loop {
                let part = pieces.until("\r\n--graphql").await?.context("the end")?;
                let Some((_, body)) = part.split_once("\r\n\r\n") else {
                    continue;
                };
                let part: Value = serde_json::from_str(body)?;
                if part != json!({}) {
                    return told(&part["payload"]);
                }
            },
        }
    }
}

fn told(payload: &Value) -> anyhow::Result<(String, Option<Row>)> {
    let event = &payload["data"]["activity"];
    let text = |value: &Value| Some(value.as_str()?.to_owned());
    let cursor = text(&event["cursor"]).with_context(|| format!("no event: {payload}"))?;
    let activity = &event["activity"];
    if activity.is_null() {
        return Ok((cursor, None));
    }
    let row = text(&activity["cursor"]).zip(text(&activity["id"]));
    let row = row.with_context(|| format!("no activity: {payload}"))?;
    ensure!(row.0 == cursor, "another cursor: {payload}");
    Ok((cursor, Some(row)))
}
