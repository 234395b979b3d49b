//! `caretaker rebuild`: what the kept calls make of an empty model, beside what is there.

use std::process::ExitCode;
use std::sync::Arc;

use caretaker::config::{Config, Flags};
use caretaker::domain::database::Database;
use caretaker::domain::rebuild::{Difference, Side};
use caretaker::domain::writer::Clock;
use caretaker::operate::rebuild::{self, Report};
use chrono::Utc;
use clap::Args;
use secrecy::ExposeSecret;

use super::{at, open, rows};

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
    done
}

async fn beside(database: &Database, url: &str, swap: bool) -> anyhow::Result<ExitCode> {
    let side = Side::create(database, url).await?;
    let clock: Clock = Arc::new(Utc::now);
    let report = tokio::select! {
        report = rebuild::run(database, &side, &clock, swap) => report.map_err(Into::into),
        // The side database is taken away in every case.
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    side.remove(database).await;
    let report = report?;
    tell(&report);
    if report.difference.is_none() || report.is_swapped {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(DIFFERENT))
}

fn tell(report: &Report) {
    println!("{} calls folded", report.folded);
    if report.without_body > 0 {
        println!(
            "{} kept calls have no body any more and could not be folded",
            report.without_body
        );
    }
    if let Some(from) = report.whole_from {
        println!(
            "history is whole from {} on: what only older calls told differs",
            at(from)
        );
    }
    let difference = &report.difference;
    if difference.is_none() {
        println!("no difference");
        return;
    }
    for (table, count) in &difference.tables {
        println!("{table}: {count} rows differ");
    }
    for change in &difference.rows {
        print!("{}", rows::text(change));
    }
    activities(difference);
    if report.is_swapped {
        println!("the present model is now the rebuilt one");
        if !difference.extra.is_empty() || !difference.different.is_empty() {
            println!("the feed is never rewritten: the extra and the different activities stay");
        }
    } else {
        println!("(- is present, + is rebuilt; --swap makes the present model the rebuilt one)");
    }
}

fn activities(difference: &Difference) {
    let groups = [
        ("missing in the feed", &difference.missing),
        ("extra in the feed", &difference.extra),
        ("told otherwise", &difference.different),
    ];
    for (what, ids) in groups {
        if ids.is_empty() {
            continue;
        }
        println!("activity: {} {what}", ids.len());
        for id in ids.iter().take(MOST_NAMED) {
            println!("  {}", id.0);
        }
    }
}
