//! The layers go one way: which module may use which, checked against every `crate::…` in the source.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{Case, case::once};

/// Each module with the modules of this crate that it may use. `main.rs` may use all.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "server",
        &[
            "config", "http", "graphql", "operate", "ingest", "feed", "domain", "jwt",
        ],
    ),
    // The commands: part of `main.rs`, they name the crate as everybody outside of it does.
    ("command", &[]),
    ("config", &[]),
    (
        "http",
        &["graphql", "operate", "ingest", "feed", "domain", "jwt"],
    ),
    ("graphql", &["operate", "feed", "domain"]),
    ("operate", &["ingest", "feed", "domain"]),
    ("ingest", &["domain", "jwt"]),
    ("jwt", &["domain"]),
    ("feed", &["domain"]),
    ("domain", &[]),
    ("simulate", &[]),
];

/// Each module with the crates that it must not use.
const FOREIGN: &[(&str, &[&str])] = &[
    ("config", &["axum", "async_graphql", "sea_orm", "sqlx"]),
    ("http", &["sea_orm", "sqlx"]),
    ("graphql", &["axum", "sea_orm", "sqlx"]),
    ("ingest", &["axum", "sea_orm", "sqlx", "async_graphql"]),
    ("jwt", &["axum", "sea_orm", "sqlx", "async_graphql"]),
    ("operate", &["axum", "sea_orm", "sqlx", "async_graphql"]),
    ("feed", &["axum", "async_graphql"]),
    ("domain", &["axum", "async_graphql", "async_graphql_axum"]),
    ("simulate", &["sea_orm", "sqlx", "entity", "migration"]),
];

pub fn tests() -> Vec<Case> {
    once![
        modules_use_only_the_layers_below_them,
        modules_stay_away_from_crates_of_other_layers,
        the_scan_sees_every_way_to_write_a_use,
    ]
}

async fn modules_use_only_the_layers_below_them() -> anyhow::Result<()> {
    let mut faults = Vec::new();
    for (file, module) in sources()? {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            faults.push(format!(
                "{}: the table does not know `{module}`",
                file.display()
            ));
            continue;
        };
        for used in roots_after("crate::", &std::fs::read_to_string(&file)?) {
            if used != module && !allowed.contains(&used.as_str()) {
                faults.push(format!("{}: `{module}` uses `{used}`", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

async fn modules_stay_away_from_crates_of_other_layers() -> anyhow::Result<()> {
    let mut faults = Vec::new();
    // A module's own tests look at what it left behind in the database.
    let sources = sources()?
        .into_iter()
        .filter(|(file, _)| !file.ends_with("tests.rs"));
    for (file, module) in sources {
        let text = code(&std::fs::read_to_string(&file)?);
        let foreign = FOREIGN.iter().filter(|(name, _)| *name == module);
        for foreign in foreign.flat_map(|(_, crates)| *crates) {
            let path = format!("{foreign}::");
            let used = text
                .match_indices(&path)
                .any(|(at, _)| starts_a_path(&text[..at]));
            if used {
                faults.push(format!("{}: `{module}` uses `{foreign}`", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

async fn the_scan_sees_every_way_to_write_a_use() -> anyhow::Result<()> {
    let text = "
        //! See [`crate::server`].
        use crate::domain::{fact::Fact, id};
        pub(crate) use crate::{
            feed::{self, tail},
            http,
        };
        fn f() { crate::ingest::prove(); other_crate::graphql(); }
    ";
    let found = roots_after("crate::", text);
    let expected = ["domain", "feed", "http", "ingest"].map(String::from);
    assert_eq!(found, BTreeSet::from(expected));
    Ok(())
}

/// Every source file with the top module it belongs to, but `main.rs` and `lib.rs`.
fn sources() -> anyhow::Result<Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let top = path.strip_prefix(&root)?.iter().next().unwrap();
                let module = Path::new(top).file_stem().unwrap().to_str().unwrap();
                if module != "main" && module != "lib" {
                    let module = module.to_owned();
                    found.push((path, module));
                }
            }
        }
    }
    assert!(found.len() > 5, "only {} source files", found.len());
    Ok(found)
}

/// The text without its line comments.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| match line.find("//") {
        // A URL in a string is not a comment, and hides no path either.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn starts_a_path(before: &str) -> bool {
    !before.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == ':')
}

/// The first name of every path that begins with `prefix`, groups in braces included.
fn roots_after(prefix: &str, text: &str) -> BTreeSet<String> {
    let text = code(text);
    let mut roots = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        if !starts_a_path(&text[..at]) {
            continue;
        }
        let rest = &text[at + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            roots.extend(members(group));
        } else {
            roots.insert(name(rest));
        }
    }
    roots.retain(|root| !root.is_empty());
    roots
}

/// The first names of the members of a group, up to its closing brace.
fn members(group: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut starts = vec![0];
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    starts
        .into_iter()
        .map(|at| name(group[at..].trim_start()))
        .collect()
}

fn name(text: &str) -> String {
    text.chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}
