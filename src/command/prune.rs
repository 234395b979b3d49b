//! `caretaker prune`: what is older than its age goes.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use caretaker::config::{Config, Flags};
use caretaker::domain::database::Database;
use caretaker::domain::prune::Kept;
use caretaker::operate::prune::{self, Ages};
use chrono::{TimeDelta, Utc};
use clap::Args;

use super::{at, open, unless_unread};

/// What to prune: the ages of the settings, unless they are given here.
#[derive(Args)]
pub(crate) struct PruneArgs {
    /// Only print what would go.
    #[arg(long)]
    dry_run: bool,
    /// Take away the bytes of calls that came first more than so many days ago.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    bodies_days: Option<u32>,
    /// Take away calls that came first more than so many days ago, with their bytes.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    deliveries_days: Option<u32>,
    /// Take away calls that have something in quarantine and came first more than so many days ago. Without an age they
    /// stay, with their bytes, until all of it went through.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    quarantined_days: Option<u32>,
    /// Take away activities that were recorded more than so many days ago.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    activities_days: Option<u32>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// Prunes.
///
/// # Errors
/// No age is given anywhere, or the database cannot be reached.
pub(crate) async fn run(args: &PruneArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let days = |given: Option<u32>, set: Option<u32>| {
        let days = given.or(set)?;
        TimeDelta::try_days(days.into())
    };
    let set = &config.retention;
    let ages = Ages {
        bodies: days(args.bodies_days, set.bodies_days),
        deliveries: days(args.deliveries_days, set.deliveries_days),
        quarantined: days(args.quarantined_days, set.quarantined_days),
        activities: days(args.activities_days, set.activities_days),
    };
    if ages.keep_all() {
        bail!(
            "nothing has an age: set one in [retention], or give --bodies-days, --deliveries-days, \
             --quarantined-days or --activities-days"
        );
    }
    let database = open(config).await?;
    let done = prune(&database, &ages, args.dry_run).await;
    database.close().await;
    unless_unread(done.map(|()| ExitCode::SUCCESS))
}

async fn prune(database: &Database, ages: &Ages, is_rehearsal: bool) -> anyhow::Result<()> {
    let now = Utc::now();
    let (told, verb) = if is_rehearsal {
        (prune::rehearse(database, ages, now).await?, "would go")
    } else {
        (prune::run(database, ages, now).await?, "went")
    };
    let mut out = std::io::stdout().lock();
    for (kept, before, count) in told {
        let bytes = match kept {
            Kept::Activities => String::new(),
            _ => format!(" ({} bytes of bodies)", count.bytes),
        };
        let held = match count.held {
            0 => String::new(),
            held => format!("; {held} stay for what they have in quarantine"),
        };
        let (rows, name, before) = (count.rows, name(kept), at(before));
        writeln!(
            out,
            "{rows} {name}{bytes} from before {before} {verb}{held}"
        )?;
    }
    if is_rehearsal {
        writeln!(out, "(nothing was changed)")?;
    }
    Ok(())
}

fn name(kept: Kept) -> &'static str {
    match kept {
        Kept::Bodies => "bodies",
        Kept::Deliveries => "deliveries",
        Kept::Quarantined => "deliveries in quarantine",
        Kept::Activities => "activities",
    }
}
