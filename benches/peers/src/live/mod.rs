//! The live feed: how soon and at what cost an event is on every screen, beside the driver that comes with the library.

mod crowd;
mod feed;
mod socket;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::caretaker::Caretaker;
use crate::cpu;
use crate::estate::{self, Size};
use crate::fill;
use crate::guard::Guarded;
use crate::load;
use crate::place::Engine;
use crate::postgres::Postgres;
use crate::workspace;
use crowd::{Crowd, Seen};

/// How long nothing may come before what has not come is taken for missing.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a server is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(3);

/// How the feed is measured.
#[derive(clap::Args, Clone)]
pub struct Listening {
    /// How often each is measured in turn.
    #[arg(long, default_value = "3")]
    pub rounds: usize,
    /// For how many seconds events are sent.
    #[arg(long, default_value = "10")]
    pub seconds: u32,
    /// Some of the scenarios, by their letters.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
}

/// What is asked of a feed.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Scenario {
    /// Its letter.
    pub name: &'static str,
    /// How many subscribe.
    pub subscribers: usize,
    /// Events a second.
    pub rate: u32,
    /// How many different questions they ask.
    pub questions: usize,
    /// How many of them never take anything.
    pub stalled: usize,
}

/// All scenarios.
pub const SCENARIOS: [Scenario; 5] = [
    scenario("A", 1_000, 50, 1, 0),
    scenario("B", 1_000, 200, 1, 0),
    scenario("C", 5_000, 20, 1, 0),
    scenario("D", 1_000, 20, 100, 0),
    scenario("E", 1_000, 50, 1, 50),
];

const fn scenario(
    name: &'static str,
    subscribers: usize,
    rate: u32,
    questions: usize,
    stalled: usize,
) -> Scenario {
    Scenario {
        name,
        subscribers,
        rate,
        questions,
        stalled,
    }
}

/// Who tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Teller {
    /// caretaker, each event durable.
    Caretaker,
    /// The library's own driver over a broadcast channel in memory.
    Driver,
}

/// What one run came to.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Told {
    /// What was asked of it.
    pub scenario: Scenario,
    /// Who told.
    pub teller: Teller,
    /// In which round.
    pub round: usize,
    /// Events that were taken in a second.
    pub events_per_second: f64,
    /// Frames that came in a second, until the last.
    pub frames_per_second: f64,
    /// Frames that did not come.
    pub missing: usize,
    /// Milliseconds from when an event was due to when half of its frames had come.
    pub p50_ms: f64,
    /// Milliseconds within which 99 in 100 frames had.
    pub p99_ms: f64,
    /// Milliseconds within which all had.
    pub longest_ms: f64,
    /// Microseconds of CPU for each frame, of server and database.
    pub cpu_us: f64,
    /// Kilobytes of resident memory for each subscriber, before anything was told.
    pub idle_kb: f64,
    /// The most resident megabytes until the end.
    pub peak_mb: f64,
}

/// Measures both, in turn, in a folder that nothing else uses.
///
/// # Errors
/// When one fails, or tells anything twice or out of order.
pub async fn measure(
    program: &Path,
    folder: &Path,
    engine: Engine,
    listening: &Listening,
) -> anyhow::Result<Vec<Told>> {
    std::fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    let postgres = match engine {
        Engine::Postgres => Some(Postgres::start(&folder.join("postgres"))?),
        Engine::Sqlite => None,
    };
    let is_wanted = |scenario: &&Scenario| {
        listening.only.is_empty() || listening.only.iter().any(|name| name == scenario.name)
    };
    let mut told = Vec::new();
    for round in 1..=listening.rounds {
        for scenario in SCENARIOS.iter().filter(is_wanted) {
            for teller in [Teller::Caretaker, Teller::Driver] {
                let server = Server::start(teller, program, &folder, postgres.as_ref()).await?;
                let run = run(&server, *scenario, teller, round, listening.seconds).await?;
                eprintln!("round {round}: {run:?}");
                told.push(run);
            }
        }
    }
    Ok(told)
}

/// The estate that is told of.
fn size() -> Size {
    Size {
        buildings: 1,
        incidents: 0,
        tasks: 0,
        ..Size::FULL
    }
}

/// Who is measured, on nothing but places.
struct Server {
    port: u16,
    pid: u32,
    database: Option<u32>,
    _running: Running,
}

enum Running {
    Caretaker { _server: Caretaker },
    Driver { _server: Guarded },
}

impl Server {
    async fn start(
        teller: Teller,
        program: &Path,
        folder: &Path,
        postgres: Option<&Postgres>,
    ) -> anyhow::Result<Self> {
        if teller == Teller::Driver {
            let (server, port) = workspace::start("driver", &[], folder)?;
            return Ok(Self {
                port,
                pid: server.pid,
                database: None,
                _running: Running::Driver { _server: server },
            });
        }
        let own = folder.join("caretaker");
        if own.exists() {
            std::fs::remove_dir_all(&own)?;
        }
        let url = match postgres {
            None => None,
            Some(postgres) => Some(postgres.fresh("live").await?),
        };
        let server = Caretaker::start(program, &own, url.as_deref(), size())?;
        fill::fill(server.port, size()).await?;
        Ok(Self {
            port: server.port,
            pid: server.pid(),
            database: postgres.map(Postgres::pid),
            _running: Running::Caretaker { _server: server },
        })
    }

    fn cpu(&self) -> anyhow::Result<f64> {
        Ok(cpu::seconds(self.pid)? + self.database.map_or(Ok(0.0), cpu::seconds)?)
    }

    /// A line of its memory, in kilobytes.
    fn memory(&self, line: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let found = status.lines().find_map(|told| told.strip_prefix(line));
        let number = found.and_then(|rest| rest.split_whitespace().next());
        Ok(number.context("no memory")?.parse()?)
    }
}

async fn run(
    server: &Server,
    scenario: Scenario,
    teller: Teller,
    round: usize,
    seconds: u32,
) -> anyhow::Result<Told> {
    let begun = Instant::now();
    let before = server.memory("VmRSS:")?;
    let crowd = Crowd::open(server.port, scenario, begun).await?;
    tokio::time::sleep(REST).await;
    let idle_kb = (server.memory("VmRSS:")? - before) / scenario.subscribers as f64;

    let used = server.cpu()?;
    let count = scenario.rate * seconds;
    let first = Instant::now() + Duration::from_millis(100);
    let buildings = estate::buildings(size());
    let building = buildings.first().context("no building")?;
    let sent = feed::send(
        server.port,
        (building, size()),
        (count, scenario.rate),
        first,
    );
    let taken = sent.await?;
    let listeners = scenario.subscribers - scenario.stalled;
    let expected = listeners * count as usize;
    let told = crowd.close(expected, SILENCE).await?;
    let used = server.cpu()? - used;

    let frames: usize = told.iter().map(Vec::len).sum();
    check(&told, count)?;
    let since = |(number, at): &Seen| {
        let due = feed::due_at(*number, scenario.rate, first) - begun;
        at.saturating_sub(u32::try_from(due.as_micros()).unwrap_or(u32::MAX))
    };
    let mut took: Vec<u32> = told.iter().flatten().map(since).collect();
    took.sort_unstable();
    let last = told.iter().flatten().map(|(_, at)| *at).max().unwrap_or(0);
    let length = Duration::from_micros(last.into()).saturating_sub(first - begun);
    Ok(Told {
        scenario,
        teller,
        round,
        events_per_second: f64::from(count) / (taken - first).as_secs_f64(),
        frames_per_second: frames as f64 / length.as_secs_f64(),
        missing: expected.saturating_sub(frames),
        p50_ms: load::rank(&took, 0.5),
        p99_ms: load::rank(&took, 0.99),
        longest_ms: load::rank(&took, 1.0),
        cpu_us: used * 1e6 / frames as f64,
        idle_kb,
        peak_mb: server.memory("VmHWM:")? / 1_000.0,
    })
}

/// Each was told what was sent, once, and all in the same order; of one that lost something the rest is.
fn check(told: &[Vec<Seen>], count: u32) -> anyhow::Result<()> {
    let numbers = |seen: &[Seen]| -> Vec<u32> { seen.iter().map(|(number, _)| *number).collect() };
    let longest = told.iter().max_by_key(|seen| seen.len());
    let whole = numbers(longest.map_or(&[], Vec::as_slice));
    let mut place = vec![None; count as usize];
    for (index, number) in whole.iter().enumerate() {
        let place = place
            .get_mut(*number as usize)
            .context("an event that was not sent")?;
        ensure!(place.replace(index).is_none(), "{number} was told twice");
    }
    for seen in told {
        let mut is_told = vec![false; count as usize];
        let mut last = None;
        for number in numbers(seen) {
            let known = is_told.get_mut(number as usize);
            let known = known.context("an event that was not sent")?;
            ensure!(!std::mem::replace(known, true), "{number} was told twice");
            // Who heard most may have lost it all the same.
            let Some(index) = place[number as usize] else {
                continue;
            };
            ensure!(
                last < Some(index),
                "{number} was told to one in another order than to others"
            );
            last = Some(index);
        }
    }
    Ok(())
}
