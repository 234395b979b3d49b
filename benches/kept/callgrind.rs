//! The program under callgrind: how many instructions a round takes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// The instructions of one round.
///
/// # Errors
/// When valgrind is not there, or the scenario fails.
pub(super) fn count(name: &str, rounds: usize, estate: &Path) -> anyhow::Result<u64> {
    let few = total(name, rounds, estate)?;
    let many = total(name, 2 * rounds, estate)?;
    let Some(more) = many.checked_sub(few).filter(|more| *more > 0) else {
        bail!("{name}: more rounds took no more instructions ({few}, {many})");
    };
    Ok(more / rounds as u64)
}

fn total(name: &str, rounds: usize, estate: &Path) -> anyhow::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([super::ALONE, name, &rounds.to_string()])
        .arg(estate)
        .output()
        .context("valgrind cannot be started: install it")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{name} failed:\n{said}");
    }
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, number)| number.trim().parse().ok());
    collected.with_context(|| format!("valgrind did not count:\n{said}"))
}
