//! The seeds of the fuzzer, replayed: what held once holds on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use entity::Operation;

use crate::support::Case;
use crate::support::case::once;

#[path = "../../fuzz/src/lib.rs"]
mod oracle;

pub fn tests() -> Vec<Case> {
    once![
        every_seed_of_every_target_holds,
        every_target_is_replayed_here,
        every_scheme_of_proof_has_a_target,
    ]
}

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 13] = [
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
    ("proof_bearer", oracle::bearer),
    ("oauth_form", oracle::form),
    ("caller", oracle::caller),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What lies in a folder, without endings.
fn names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default();
        names.insert(name.to_string_lossy().into_owned());
    }
    Ok(names)
}

/// The files of a folder of the fuzzer, by name.
fn files(folder: &str) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let folder = root().join("fuzz").join(folder);
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
    let replayed: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let fuzz = root().join("fuzz");
    assert_eq!(names(&fuzz.join("fuzz_targets"))?, replayed, "fuzz_targets");
    assert_eq!(names(&fuzz.join("seeds"))?, replayed, "seeds");
    let manifest: toml::Table = std::fs::read_to_string(fuzz.join("Cargo.toml"))?.parse()?;
    let built = manifest["bin"].as_array().into_iter().flatten();
    let built = built.filter_map(|bin| bin["name"].as_str().map(str::to_owned));
    assert_eq!(built.collect::<BTreeSet<_>>(), replayed, "Cargo.toml");
    Ok(())
}

/// Whoever adds a scheme is reminded of its target.
async fn every_scheme_of_proof_has_a_target() -> anyhow::Result<()> {
    let text = std::fs::read_to_string(root().join("src/ingest/proof/scheme.rs"))?;
    let variants = text
        .split_once("pub enum Scheme {")
        .and_then(|(_, rest)| rest.split_once("\n}"));
    let (variants, _) = variants.context("no enum")?;
    let variants = variants
        .lines()
        .filter_map(|line| line.trim().split_once('('));
    let schemes = variants.filter(|(name, _)| !name.starts_with("//"));
    let schemes: BTreeSet<String> = schemes
        .map(|(name, _)| format!("proof_{}", name.to_lowercase()))
        .collect();
    let targets = TARGETS.iter().map(|(name, _)| (*name).to_owned());
    let targets: BTreeSet<String> = targets.filter(|name| name.starts_with("proof_")).collect();
    assert_eq!(schemes, targets);
    Ok(())
}
