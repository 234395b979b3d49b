//! `caretaker simulate`: plays both platforms against a running caretaker over HTTP, correctly signed.
//! Speaks only the platforms' words, in models of its own: it imports neither `domain` nor `ingest`.
//!
//! ```text
//! seed ─► estate ─► story ─► call (spoil) ─► disorder ─► send ─► report ◄─ audience (--subscribers)
//!            └────► places.toml                 record ◄──┘ (and back: --replay)
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod audience;
mod background;
mod call;
mod credential;
mod disorder;
mod element;
mod estate;
mod matrix;
mod operation;
mod places;
mod record;
mod report;
mod send;
mod sent;
#[cfg(test)]
mod shape;
mod sign;
mod spoil;
#[cfg(test)]
mod stage;
mod story;
#[cfg(test)]
mod stub;
mod summary;
mod urgent;
mod words;

use anyhow::bail;
use chrono::{DateTime, Utc};
use clap::Args;
use fastrand::Rng;
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use std::{path::PathBuf, process::ExitCode};

/// Play SmartClean Matrix and Techniche Urgent against a running caretaker.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// The server to call; a path is put before the routes and signed with them.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub against: String,
    /// How many different events to tell; repeats come on top.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub events: u32,
    /// Events per second; without it as fast as they are answered.
    #[arg(long, value_name = "R", value_parser = rate)]
    pub rate: Option<f64>,
    /// Tell so many events as make this many seconds at the given rate, instead of --events.
    #[arg(long, value_name = "SECONDS", requires = "rate", conflicts_with = "events", value_parser = clap::value_parser!(u32).range(1..))]
    pub duration: Option<u32>,
    /// Calls under way at once.
    #[arg(long, value_name = "C", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// Decides the estate and all that happens in it: the same seed gives the same estate.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Share of calls (0 to 1) that are sent again later.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    pub duplicate: f64,
    /// Share of calls (0 to 1) that come later than their turn.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    pub shuffle: f64,
    /// Share (0 to 1) of Matrix elements and Urgent calls that are broken.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    pub bad: f64,
    /// How many days of history to tell; it ends a few seconds before now.
    #[arg(long, value_name = "D", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// Most events in one Matrix call.
    #[arg(long, value_name = "B", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    pub batch: u16,
    /// The server's data folder: its credentials.toml is read, places.toml is written there.
    #[arg(long, value_name = "DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// Where to write the names and links of the places [default: places.toml in the data folder].
    #[arg(long, value_name = "FILE")]
    pub places: Option<PathBuf>,
    /// Name for HTTP Basic, instead of the credentials file's (or CARETAKER_SIMULATE_MATRIX_USERNAME).
    #[arg(long, value_name = "NAME")]
    pub matrix_username: Option<String>,
    /// Password for HTTP Basic; CARETAKER_SIMULATE_MATRIX_PASSWORD keeps it off the command line.
    #[arg(long, value_name = "PASSWORD")]
    pub matrix_password: Option<SecretString>,
    /// Token for Urgent's HMAC, instead of the credentials file's (or CARETAKER_SIMULATE_URGENT_TOKEN).
    #[arg(long, value_name = "TOKEN")]
    pub urgent_token: Option<String>,
    /// Secret for Urgent's HMAC; CARETAKER_SIMULATE_URGENT_SECRET keeps it off the command line.
    #[arg(long, value_name = "SECRET")]
    pub urgent_secret: Option<SecretString>,
    /// Append a JSON line for each acknowledged call, before it is counted.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Send the calls of such a record again, signed anew, instead of telling a history.
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// With --replay: keep each call's recorded X-Timestamp, as a platform that repeats a call may.
    #[arg(long, requires = "replay")]
    pub same_timestamps: bool,
    /// Who follows meanwhile.
    #[command(flatten)]
    pub audience: audience::AudienceArgs,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

impl SimulateArgs {
    /// How many different events to tell.
    fn count(&self) -> usize {
        match (self.duration, self.rate) {
            (Some(seconds), Some(rate)) => (f64::from(seconds) * rate).ceil().max(1.0) as usize,
            _ => self.events as usize,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 to 1".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate >= 0.001 => Ok(rate),
        _ => Err("a rate is a number above 0".to_owned()),
    }
}

/// Sends what `args` ask for and prints a summary. Fails when an answer is unexplained, when a call got none, or when a
/// subscriber was told something else than the feed.
///
/// # Errors
/// When nothing can be sent: no credentials, no such record, an address where no caretaker is ready, subscriptions that
/// cannot be opened.
pub async fn run(args: SimulateArgs) -> anyhow::Result<ExitCode> {
    let given = credential::Given {
        matrix_username: args.matrix_username.clone(),
        matrix_password: args.matrix_password.clone(),
        urgent_token: args.urgent_token.clone(),
        urgent_secret: args.urgent_secret.clone(),
    };
    let given = given.or_environment(|name| std::env::var(name).ok());
    let found = credential::find(given, &args.data_dir)?;
    let concurrency = usize::from(args.concurrency);
    let server = send::Server::at(&args.against, found.credentials, concurrency)?;
    // Notes go to standard error: standard output is the summary's.
    eprintln!("Sending to {} with {}", server.address(), found.origin);
    server.check().await?;
    let calls = match &args.replay {
        Some(path) => {
            if args.record.as_ref() == Some(path) {
                bail!("--record and --replay name the same file");
            }
            record::read(path, args.same_timestamps)?
        }
        None => tell(&args, Utc::now())?,
    };
    let record = args
        .record
        .as_deref()
        .map(record::Record::open)
        .transpose()?;
    let progress = progress(&calls);
    let pace = send::Pace {
        concurrency,
        rate: args.rate,
    };
    let audience = audience::Audience::gather(&args.audience, &args.against).await?;
    let sent = server.sent();
    let mut report = send::all(server, calls, pace, record, progress).await;
    if let Some(audience) = audience {
        report.heard = Some(audience.conclude(&sent).await?);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The history of `args` as calls; its places are written on the way.
fn tell(args: &SimulateArgs, now: DateTime<Utc>) -> anyhow::Result<Vec<call::Call>> {
    let count = args.count();
    let estate = estate::draw(args.seed, count);
    let places = args
        .places
        .clone()
        .unwrap_or_else(|| args.data_dir.join("places.toml"));
    let shown = places.display();
    match places::write(&places, &estate)? {
        places::Placed::Written => {}
        places::Placed::Replaced => eprintln!(
            "{shown} held the names of another estate (another --seed or --events): this one's replace them"
        ),
        places::Placed::LeftAlone => eprintln!(
            "{shown} is not from simulate and stays as it is: this estate's buildings go without names"
        ),
    }
    let events = story::tell(
        args.seed,
        &estate,
        story::Span::before(now, args.days),
        count,
    );
    let mut rng = Rng::with_seed(args.seed.wrapping_add(1));
    let packing = call::Packing {
        batch: usize::from(args.batch),
        bad: args.bad,
    };
    let calls = call::pack(&mut rng, events, packing);
    Ok(disorder::stir(
        &mut rng,
        calls,
        args.shuffle,
        args.duplicate,
    ))
}

/// A bar over all events; it hides itself where there is no terminal.
fn progress(calls: &[call::Call]) -> ProgressBar {
    let bar = ProgressBar::new(calls.iter().map(|call| call.events as u64).sum());
    match ProgressStyle::with_template("{bar:40} {pos}/{len} events, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
