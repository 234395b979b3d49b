//! `caretaker rebuild`: what the kept calls make of an empty model, beside what is there.

use std::io::Write;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::anyhow;
use caretaker::config::{Config, Flags};
use caretaker::domain::database::Database;
use caretaker::domain::rebuild::{Difference, Side};
use caretaker::domain::writer::Clock;
use caretaker::operate::rebuild::{self, Report};
use chrono::Utc;
use clap::Args;
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

use super::{at, open, rows, unless_unread};

/// The exit code when the two differ.
const DIFFERENT: u8 = 2;
/// How many activities are named.
const MOST_NAMED: usize = 20;

/// How to rebuild.
#[derive(Args)]
pub(crate) struct RebuildArgs {
    /// Make the present model the rebuilt one, in one transaction. The feed keeps all that it has and gets what it lacks.
    #[arg(long)]
    swap: bool,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// Rebuilds and tells the difference.
///
/// # Errors
/// A database cannot be reached, or the side database cannot be made.
pub(crate) async fn run(args: &RebuildArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let database = open(config).await?;
    let url = config.database_url();
    let done = beside(&database, url.expose_secret(), args.swap).await;
    database.close().await;
    unless_unread(done)
}

async fn beside(database: &Database, url: &str, swap: bool) -> anyhow::Result<ExitCode> {
    let side = Side::create(database, url).await?;
    let cleared = side.cleared.clone();
    let clock: Clock = Arc::new(Utc::now);
    let committing = AtomicBool::new(false);
    let report = {
        let mut rebuilding = pin!(rebuild::run(database, &side, &clock, swap, &committing));
        let mut stopping = pin!(stopped());
        let early = tokio::select! {
            report = &mut rebuilding => Some(report.map_err(anyhow::Error::from)),
            () = &mut stopping => None,
        };
        match early {
            Some(report) => report,
            // The commit is under way: what becomes of it has to be seen.
            None if committing.load(Ordering::SeqCst) => rebuilding.await.map_err(Into::into),
            None => Err(anyhow!("interrupted; nothing was changed")),
        }
    };
    // The side database is taken away in every case.
    side.remove(database).await;
    let mut out = std::io::stdout().lock();
    for left in cleared {
        writeln!(
            out,
            "removed {left}, which a rebuild that was killed had left behind"
        )?;
    }
    let report = report?;
    tell(&mut out, &report)?;
    if report.difference.is_none() && report.damaged.is_empty() || report.is_swapped {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(DIFFERENT))
}

/// Ends when the program is told to stop, from the keyboard or by an init system.
async fn stopped() {
    let mut told = match signal(SignalKind::terminate()) {
        Ok(told) => told,
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be heard");
            let _ = tokio::signal::ctrl_c().await;
            return;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = told.recv() => {}
    }
}

fn tell(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    writeln!(out, "{} calls folded", report.folded)?;
    if report.without_body > 0 {
        writeln!(
            out,
            "{} kept calls have no body any more and could not be folded",
            report.without_body
        )?;
    }
    if !report.damaged.is_empty() {
        writeln!(
            out,
            "{} kept calls have another body than the one that came and were not folded:",
            report.damaged.len()
        )?;
        for id in report.damaged.iter().take(MOST_NAMED) {
            writeln!(out, "  {}", id.0)?;
        }
    }
    if let Some(from) = report.whole_from {
        writeln!(
            out,
            "history is whole from {} on: what only older calls told differs",
            at(from)
        )?;
    }
    let difference = &report.difference;
    if difference.is_none() {
        return writeln!(out, "no difference");
    }
    for (table, count) in &difference.tables {
        writeln!(out, "{table}: {count} rows differ")?;
    }
    for change in &difference.rows {
        write!(out, "{}", rows::text(change))?;
    }
    activities(out, difference)?;
    if report.is_swapped {
        writeln!(out, "the present model is now the rebuilt one")?;
        if !difference.extra.is_empty() || !difference.different.is_empty() {
            writeln!(
                out,
                "the feed is never rewritten: the extra and the different activities stay"
            )?;
        }
        return Ok(());
    }
    writeln!(
        out,
        "(- is present, + is rebuilt; --swap makes the present model the rebuilt one)"
    )
}

fn activities(out: &mut impl Write, difference: &Difference) -> std::io::Result<()> {
    let groups = [
        ("missing in the feed", &difference.missing),
        ("extra in the feed", &difference.extra),
        ("told otherwise", &difference.different),
    ];
    for (what, ids) in groups {
        if ids.is_empty() {
            continue;
        }
        writeln!(out, "activity: {} {what}", ids.len())?;
        for id in ids.iter().take(MOST_NAMED) {
            writeln!(out, "  {}", id.0)?;
        }
    }
    if difference.unlinked > 0 {
        writeln!(out, "timelines: {} entries missing", difference.unlinked)?;
    }
    Ok(())
}
