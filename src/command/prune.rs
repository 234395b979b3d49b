//! `caretaker prune`: what is older than its age goes.

use std::process::ExitCode;

use anyhow::bail;
use caretaker::config::{Config, Flags};
use caretaker::domain::database::Database;
use caretaker::domain::prune::Kept;
use caretaker::operate::prune::{self, Ages};
use chrono::{TimeDelta, Utc};
use clap::Args;

use super::{at, open};

/// What to prune: the ages of the settings, unless they are given here.
#[derive(Args)]
pub(crate) struct PruneArgs {
    /// Only print what would go.
    #[arg(long)]
    dry_run: bool,
    /// Take away the bytes of calls that came first more than so many days ago.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    bodies_days: Option<u32>,
    /// Take away calls that came first more than so many days ago, with their bytes and their quarantine.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    deliveries_days: Option<u32>,
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
        activities: days(args.activities_days, set.activities_days),
    };
    if ages.keep_all() {
        bail!(
            "nothing has an age: set one in [retention], or give --bodies-days, --deliveries-days or --activities-days"
        );
    }
    let database = open(config).await?;
    let done = prune(&database, &ages, args.dry_run).await;
    database.close().await;
    done?;
    Ok(ExitCode::SUCCESS)
}

async fn prune(database: &Database, ages: &Ages, is_rehearsal: bool) -> anyhow::Result<()> {
    let now = Utc::now();
    if is_rehearsal {
        for (kept, before, count) in prune::rehearse(database, ages, now).await? {
            let bytes = match kept {
                Kept::Activities => String::new(),
                _ => format!(" ({} bytes of bodies)", count.bytes),
            };
            println!(
                "{} {}{bytes} from before {} would go",
                count.rows,
                name(kept),
                at(before)
            );
        }
        println!("(nothing was changed)");
        return Ok(());
    }
    for (kept, before, rows) in prune::run(database, ages, now).await? {
        println!("{rows} {} from before {} went", name(kept), at(before));
    }
    Ok(())
}

fn name(kept: Kept) -> &'static str {
    match kept {
        Kept::Bodies => "bodies",
        Kept::Deliveries => "deliveries",
        Kept::Activities => "activities",
    }
}
