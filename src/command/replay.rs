//! `caretaker deliveries replay`: calls driven again, with what changes.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use caretaker::domain::database::Database;
use caretaker::domain::delivery::Receipt;
use caretaker::domain::delivery::read::Which;
use caretaker::domain::table::ActiveEnum;
use caretaker::operate::replay::{Replay, Report, Verdict};
use chrono::Utc;
use entity::DeliveryId;

use super::{at, rows};

/// Drives the deliveries again that are named, or those that `which` means, and prints what changes.
///
/// # Errors
/// Both or neither is given, one of them is not known or could not be driven, or the database is away.
pub(super) async fn run(
    database: &Database,
    ids: &[DeliveryId],
    which: Option<Which>,
    is_rehearsal: bool,
) -> anyhow::Result<ExitCode> {
    if ids.is_empty() == which.is_none() {
        bail!(
            "name the deliveries, or give a filter, not both; --quarantined means all that have something in quarantine"
        );
    }
    let replay = Replay::new(database.clone(), Arc::new(Utc::now), None);
    let mut out = std::io::stdout();
    let mut sum = Sum::default();
    let tell = |report: &Report| sum.tell(&mut out, report);
    match which {
        Some(which) => replay.all(&which, is_rehearsal, tell).await?,
        None => replay.named(ids, is_rehearsal, tell).await?,
    }
    let would = if is_rehearsal { "would be " } else { "" };
    writeln!(
        out,
        "{} deliveries {would}driven again: {} events {would}news, {} elements {would}out of quarantine, {} left in it{}",
        sum.driven,
        sum.applied,
        sum.resolved,
        sum.quarantined,
        if is_rehearsal {
            " (nothing was changed)"
        } else {
            ""
        },
    )?;
    match sum.not_driven {
        0 => Ok(ExitCode::SUCCESS),
        count => bail!("{count} deliveries could not be driven again"),
    }
}

#[derive(Default)]
struct Sum {
    driven: usize,
    not_driven: usize,
    applied: usize,
    resolved: usize,
    quarantined: usize,
}

impl Sum {
    fn tell(&mut self, out: &mut impl Write, report: &Report) -> std::io::Result<()> {
        let id = report.delivery.id.0;
        let before = report.delivery.outcome.to_value();
        let why = match &report.verdict {
            Verdict::Driven(again) => {
                self.add(&again.receipt);
                let after = again.receipt.outcome.to_value();
                writeln!(out, "{id}  {before} -> {after}")?;
                for change in &again.rows {
                    write!(out, "{}", rows::text(change))?;
                }
                for activity in &again.activities {
                    let (kind, when) = (activity.kind.to_value(), at(activity.occurred_at));
                    writeln!(
                        out,
                        "  + activity {} {kind}, happened {when}",
                        activity.id.0
                    )?;
                }
                if again.linked > 0 {
                    let entries = again.linked;
                    writeln!(
                        out,
                        "  + {entries} entries of timelines, of what happened before"
                    )?;
                }
                return Ok(());
            }
            Verdict::PartlyRefused(receipt) => {
                self.add(receipt);
                let after = receipt.outcome.to_value();
                return writeln!(
                    out,
                    "{id}  {before} -> {after}; the database refuses {} element(s)",
                    receipt.quarantined
                );
            }
            Verdict::Gone => "it was pruned meanwhile",
            Verdict::BodyPruned => "its body is no longer kept",
            Verdict::BodyDamaged => "the kept body is not the one that came: its hash is another",
        };
        self.not_driven += 1;
        writeln!(out, "{id}  {why}")
    }

    fn add(&mut self, receipt: &Receipt) {
        self.driven += 1;
        self.applied += receipt.applied;
        self.resolved += receipt.resolved;
        self.quarantined += receipt.quarantined;
    }
}
