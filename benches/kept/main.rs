//! Kept: what the ways that everything goes cost in instructions, against the recorded numbers. Instructions do not mind a
//! busy machine, so CI can hold them: it fails where one has grown by more than a tenth.
//!
//! ```text
//! cargo bench --bench kept               measures and compares with kept.json
//! cargo bench --bench kept -- --record   writes kept.json anew
//! cargo bench --bench kept -- fold       only what has this in its name
//! ```
//! The program runs itself under valgrind's callgrind, each scenario with two numbers of rounds: the difference leaves out
//! the start, the preparation and what is done once.

mod body;
mod callgrind;
mod decode;
mod fold;
mod frame;
mod page;
mod proof;
mod record;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use record::{Record, Verdict};

/// As in the program: what an allocation costs is part of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A scenario: its name, and how many rounds are told apart from twice as many.
const SCENARIOS: [(&str, usize); 9] = [
    ("decode: a Matrix call of 50 events", 4),
    ("decode: an Urgent call", 50),
    ("proof: HMAC of an Urgent call", 50),
    ("proof: a Matrix password that was verified before", 50),
    ("fold: 50 incidents of 3 events, 20 tasks of 4 changes", 2),
    ("page: 100 incidents with zone and building", 16),
    ("page: a task by id", 100),
    ("page: a timeline of 50", 16),
    ("frame: a result as a message of a socket", 50),
];

/// The first word of the command that runs a scenario for somebody who counts.
const ALONE: &str = "alone";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, name, rounds, estate] = arguments.as_slice()
        && word == ALONE
    {
        run(name, rounds.parse()?, Path::new(estate))?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_recording = arguments.iter().any(|argument| argument == "--record");
    let wanted = arguments
        .iter()
        .find(|argument| !argument.starts_with("--"));
    measure(wanted.map(String::as_str), is_recording)
}

fn measure(wanted: Option<&str>, is_recording: bool) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir().context("a folder for the estate")?;
    let estate = folder.path().join("estate.db");
    page::fill(&estate)?;
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/kept.json"));
    let mut record = Record::read(&path)?;
    let mut verdicts = Vec::new();
    for (name, rounds) in SCENARIOS {
        if wanted.is_some_and(|wanted| !name.contains(wanted)) {
            continue;
        }
        let instructions = callgrind::count(name, rounds, &estate)?;
        verdicts.push(record.judge(name, instructions));
        println!("{}", record.line(name, instructions));
        record.put(name, instructions);
    }
    if verdicts.is_empty() {
        bail!("no scenario has this in its name");
    }
    if is_recording {
        record.write(&path)?;
        return Ok(ExitCode::SUCCESS);
    }
    let failed = verdicts.iter().any(Verdict::is_failure);
    if failed {
        eprintln!("{}", record.help());
    }
    Ok(ExitCode::from(u8::from(failed)))
}

/// Runs one scenario so many times.
fn run(name: &str, rounds: usize, estate: &Path) -> anyhow::Result<()> {
    let (what, how) = name.split_once(": ").context("a scenario has a group")?;
    match (what, how) {
        ("decode", "an Urgent call") => decode::urgent(rounds),
        ("decode", _) => decode::matrix(rounds),
        ("proof", "HMAC of an Urgent call") => proof::hmac(rounds),
        ("proof", _) => proof::password(rounds),
        ("fold", _) => fold::histories(rounds),
        ("page", "a task by id") => page::task(estate, rounds),
        ("page", "a timeline of 50") => page::timeline(estate, rounds),
        ("page", _) => page::incidents(estate, rounds),
        ("frame", _) => frame::next(rounds),
        _ => bail!("there is no scenario {name}"),
    }
}
