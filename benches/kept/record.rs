//! The recorded numbers, and what a measured one is beside them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// A number may grow by one part in so many.
const PART: u64 = 10;

/// What `kept.json` holds.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    /// The compiler of which the numbers are.
    compiler: String,
    /// The instructions of a round of each scenario.
    instructions: BTreeMap<String, u64>,
}

/// How a measured number stands to the recorded one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Within a tenth.
    Kept,
    /// Less by more than a tenth: worth recording.
    Shrunk,
    /// More by more than a tenth.
    Grown,
    /// There is no number.
    Unknown,
}

impl Verdict {
    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Grown | Self::Unknown)
    }
}

impl Record {
    /// What is recorded; nothing where there is no file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            return Ok(Self {
                compiler: compiler()?,
                instructions: BTreeMap::new(),
            });
        }
        let text = std::fs::read_to_string(path)?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    pub(super) fn write(mut self, path: &Path) -> anyhow::Result<()> {
        self.compiler = compiler()?;
        let text = serde_json::to_string_pretty(&self)?;
        std::fs::write(path, text + "\n").with_context(|| path.display().to_string())
    }

    pub(super) fn judge(&self, name: &str, measured: u64) -> Verdict {
        match self.instructions.get(name) {
            None => Verdict::Unknown,
            Some(recorded) if measured > recorded + recorded / PART => Verdict::Grown,
            Some(recorded) if measured < recorded - recorded / PART => Verdict::Shrunk,
            Some(_) => Verdict::Kept,
        }
    }

    pub(super) fn put(&mut self, name: &str, measured: u64) {
        self.instructions.insert(name.to_owned(), measured);
    }

    /// A line of the table.
    pub(super) fn line(&self, name: &str, measured: u64) -> String {
        let recorded = self.instructions.get(name).copied();
        let change = recorded.map_or("not recorded".to_owned(), |recorded| {
            let change = 100.0 * (measured as f64 / recorded.max(1) as f64 - 1.0);
            format!("{change:+.1} % of {recorded}")
        });
        let word = match self.judge(name, measured) {
            Verdict::Kept => "",
            Verdict::Shrunk => " (record it)",
            Verdict::Grown => " TOO MUCH",
            Verdict::Unknown => " RECORD IT",
        };
        format!("{name:<56} {measured:>12}  {change}{word}")
    }

    /// What to do where the numbers are not kept.
    pub(super) fn help(&self) -> String {
        let now = compiler().unwrap_or_default();
        format!(
            "A scenario takes over a tenth more instructions than recorded, or has no number yet. If that is meant, record \
             it: cargo bench --bench kept -- --record\nrecorded with {}, measured with {now}",
            self.compiler
        )
    }
}

fn compiler() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
