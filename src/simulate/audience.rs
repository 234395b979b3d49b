//! Those who follow what is sent: many subscriptions over all transports, held against what the feed says afterwards.
//!
//! ```text
//! gather: open all, each until its first event ─► (send) ─► conclude: read the feed ─► wait for the last ─► verdict
//! ```

mod feed;
mod memory;
mod pieces;
mod record;
mod said;
mod socket;
mod subscriber;
mod verdict;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::sent::Sent;
use feed::Rows;
use record::Record;
use subscriber::{Line, follow};
use verdict::Latency;

pub(super) use verdict::Heard;

/// How many subscriptions are opened at once.
const AT_ONCE: usize = 64;
/// How long all of them may take to open, counted anew with each that did.
const OPENING: Duration = Duration::from_secs(60);
/// How long nothing may come before what has not come is taken for missing.
const SILENCE: Duration = Duration::from_secs(20);
/// How long to listen for what comes once more than it should.
const AFTERWARDS: Duration = Duration::from_millis(500);
/// How long a server is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(3);

/// The way a subscription is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Transport {
    /// A WebSocket that speaks graphql-transport-ws.
    Ws,
    /// Server-sent events.
    Sse,
    /// The parts of one answer.
    Multipart,
}

/// Who follows, and what is made of it.
#[derive(Args, Clone, Debug)]
pub struct AudienceArgs {
    /// Follow the feed by so many identical subscriptions while sending, and tell how much came.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub subscribers: Option<u32>,
    /// Hold what each subscriber got against the feed, and tell how long events took from their call to its frames.
    #[arg(long, requires = "subscribers")]
    pub verify: bool,
    /// The ways to subscribe, in turn.
    #[arg(
        long,
        value_name = "LIST",
        value_enum,
        value_delimiter = ',',
        default_value = "ws,sse,multipart",
        requires = "subscribers"
    )]
    pub transports: Vec<Transport>,
    /// A reader's token, where the server asks for one: an operator's, to verify (or CARETAKER_SIMULATE_TOKEN).
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<SecretString>,
    /// The server's process on this machine: tells its memory for each idle subscriber.
    #[arg(long, value_name = "PID", requires = "subscribers")]
    pub server_pid: Option<u32>,
}

/// Open subscriptions.
pub(super) struct Audience {
    line: Arc<Line>,
    records: Vec<(Transport, Arc<Record>)>,
    /// Dropped, they close.
    following: JoinSet<()>,
    opened_in: Duration,
    idle_bytes: Option<f64>,
    verify: bool,
}

impl Audience {
    /// Opens what `args` ask for; nothing where they ask for nobody.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub(super) async fn gather(args: &AudienceArgs, against: &str) -> anyhow::Result<Option<Self>> {
        let Some(count) = args.subscribers else {
            return Ok(None);
        };
        let token = args.token.clone().or_else(|| {
            let token = std::env::var("CARETAKER_SIMULATE_TOKEN").ok();
            token.map(SecretString::from)
        });
        let line = Arc::new(Line::to(against, token)?);
        let before = args.server_pid.map(memory::of).transpose()?;
        let begun = Instant::now();
        let progress = ProgressBar::new(count.into());
        let opening = Arc::new(Semaphore::new(AT_ONCE));
        let mut records = Vec::with_capacity(count as usize);
        let mut following = JoinSet::new();
        for transport in args.transports.iter().cycle().take(count as usize) {
            let turn = Arc::clone(&opening).acquire_owned();
            let turn = timeout(OPENING, turn).await;
            let Ok(Ok(turn)) = turn else { break };
            let record = Arc::new(Record::default());
            records.push((*transport, Arc::clone(&record)));
            progress.inc(1);
            following.spawn(follow(Arc::clone(&line), *transport, record, Some(turn)));
        }
        let all = timeout(OPENING, opening.acquire_many(AT_ONCE as u32)).await;
        progress.finish_and_clear();
        if all.is_err() || records.len() < count as usize {
            let why = records.iter().find_map(|(_, record)| record.first_break());
            let why = why.unwrap_or_else(|| "no answer in time".to_owned());
            return Err(anyhow!(why)).context(
                "not all subscriptions could be opened (many of them need a high `ulimit -n` here and at the server)",
            );
        }
        let opened_in = begun.elapsed();
        let idle_bytes = match (before, args.server_pid) {
            (Some(before), Some(pid)) => {
                sleep(REST).await;
                Some((memory::of(pid)? - before) / f64::from(count))
            }
            _ => None,
        };
        eprintln!(
            "{count} subscriptions were opened in {:.1} s",
            opened_in.as_secs_f64()
        );
        Ok(Some(Self {
            line,
            records,
            following,
            opened_in,
            idle_bytes,
            verify: args.verify,
        }))
    }

    /// Waits until all has come, closes, and tells what was heard.
    ///
    /// # Errors
    /// The feed cannot be read.
    pub(super) async fn conclude(mut self, sent: &Sent) -> anyhow::Result<Heard> {
        let opened_in = self.opened_in.as_secs_f64();
        let mut heard = Heard::of(self.records.len(), opened_in, self.idle_bytes);
        let mut rows = Vec::new();
        if self.verify {
            let from = self.records.iter().filter_map(|(_, record)| record.start());
            rows = feed::read(&self.line, from.collect()).await?;
            let expected = |record: &Record| {
                let rows = rows.iter().find(|rows| Some(rows.from) == record.start());
                rows.map_or(0, Rows::count)
            };
            self.wait(expected).await;
        }
        sleep(AFTERWARDS).await;
        self.following.shutdown().await;
        let due: Vec<usize> = rows.iter().map(Rows::count).collect();
        if self.verify {
            // More may have been noticed since, and have been told.
            rows = feed::read(&self.line, rows.iter().map(|rows| rows.from).collect()).await?;
        }
        let begun = self.line.begun;
        let mut latency = Latency::of(&rows, sent);
        for (transport, record) in &self.records {
            let told = record.take();
            heard.count(*transport, &told, begun);
            let mut known = rows.iter().zip(&due);
            if let Some((rows, due)) = known.find(|(rows, _)| Some(rows.from) == told.start) {
                heard.judge(&rows.cursors(), *due, &told);
                latency.add(&told, begun);
            }
        }
        heard.finish(self.verify, latency);
        Ok(heard)
    }

    /// Until each has as many as `expected` of it, or nothing more comes.
    async fn wait(&self, expected: impl Fn(&Record) -> usize) {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let counts = self
                .records
                .iter()
                .map(|(_, record)| (record.count(), expected(record)));
            let (mut sum, mut is_all) = (0, true);
            for (count, expected) in counts {
                sum += count;
                is_all &= count >= expected;
            }
            if is_all {
                return;
            }
            if sum > last {
                (last, since) = (sum, Instant::now());
            }
            if since.elapsed() > SILENCE {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}
