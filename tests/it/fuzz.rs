//! The seeds of the fuzzer, replayed: what held once holds on.

use std::collections::BTreeMap;
use std::path::Path;

use entity::Operation;

use crate::support::Case;
use crate::support::case::once;

#[path = "../../fuzz/src/lib.rs"]
mod oracle;

pub fn tests() -> Vec<Case> {
    once![
        every_seed_of_every_target_holds,
        every_target_is_replayed_here,
    ]
}

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 10] = [
    ("matrix_batch", |bytes| {
        oracle::body(Operation::Events, bytes)
    }),
    ("urgent_task_created", |bytes| {
        oracle::body(Operation::TaskCreated, bytes);
    }),
    ("urgent_task_changed", |bytes| {
        oracle::body(Operation::TaskChanged, bytes);
    }),
    ("urgent_status_changed", |bytes| {
        oracle::body(Operation::StatusChanged, bytes);
    }),
    ("urgent_note_added", |bytes| {
        oracle::body(Operation::NoteAdded, bytes);
    }),
    ("urgent_task_chased", |bytes| {
        oracle::body(Operation::TaskChased, bytes);
    }),
    ("proof_basic", oracle::basic),
    ("proof_hmac", oracle::hmac),
    ("proof_sas", oracle::sas),
    ("proof_sigv4", oracle::sigv4),
];

/// The files of a folder of the fuzzer, by name.
fn files(folder: &str) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(folder);
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default();
        files.insert(name.to_string_lossy().into_owned(), std::fs::read(&path)?);
    }
    Ok(files)
}

async fn every_seed_of_every_target_holds() -> anyhow::Result<()> {
    for (name, target) in TARGETS {
        let seeds = files(&format!("seeds/{name}"))?;
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for (seed, bytes) in seeds {
            let held = std::panic::catch_unwind(|| target(&bytes));
            assert!(held.is_ok(), "{name}, {seed}: the cause is told above");
        }
    }
    Ok(())
}

async fn every_target_is_replayed_here() -> anyhow::Result<()> {
    let targets = files("fuzz_targets")?;
    let mut replayed: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    replayed.sort_unstable();
    assert!(targets.keys().eq(replayed), "{:?}", targets.keys());
    Ok(())
}
