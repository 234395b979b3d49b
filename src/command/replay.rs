//! `caretaker deliveries replay`: calls driven again, with what changes.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use caretaker::domain::database::Database;
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
    let mut sum = Sum::default();
    if let Some(which) = which {
        replay
            .all(&which, is_rehearsal, |report| sum.tell(report))
            .await?;
    }
    for id in ids {
        match replay.one(*id, is_rehearsal).await? {
            Some(report) => sum.tell(&report),
            None => bail!("there is no delivery {}", id.0),
        }
    }
    let would = if is_rehearsal { "would be " } else { "" };
    println!(
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
    );
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
    fn tell(&mut self, report: &Report) {
        let id = report.delivery.id.0;
        let before = report.delivery.outcome.to_value();
        let receipt = match &report.verdict {
            Verdict::Driven(again) => {
                println!("{id}  {before} -> {}", again.receipt.outcome.to_value());
                for change in &again.rows {
                    print!("{}", rows::text(change));
                }
                for activity in &again.activities {
                    let (kind, when) = (activity.kind.to_value(), at(activity.occurred_at));
                    println!("  + activity {} {kind}, happened {when}", activity.id.0);
                }
                &again.receipt
            }
            Verdict::PartlyRefused(receipt) => {
                let after = receipt.outcome.to_value();
                println!("{id}  {before} -> {after}; the database refused some elements");
                receipt
            }
            Verdict::WouldBeRefused(why) => {
                println!("{id}  the database would refuse some of it: {why}");
                self.not_driven += 1;
                return;
            }
            Verdict::BodyPruned => {
                println!("{id}  its body is no longer kept");
                self.not_driven += 1;
                return;
            }
            Verdict::BodyDamaged => {
                println!("{id}  the kept body is not the one that came: its hash is another");
                self.not_driven += 1;
                return;
            }
        };
        self.driven += 1;
        self.applied += receipt.applied;
        self.resolved += receipt.resolved;
        self.quarantined += receipt.quarantined;
    }
}
