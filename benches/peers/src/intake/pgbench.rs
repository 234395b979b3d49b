//! pgbench with the statements that an event takes: the same tables and rows as wide as those that caretaker made, a
//! transaction for each event. It neither parses nor proves anything, and takes no lock that puts commits in order.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use tokio_postgres::Client;

use super::Taking;
use crate::cpu;
use crate::postgres::Postgres;

/// Each table that the report of an incident writes to, which of its rows is an example, and the columns that are new.
const WRITES: [(&str, &str, &[&str]); 7] = [
    (
        "delivery",
        "EXISTS (SELECT 1 FROM activity a WHERE a.delivery_id = t.id AND a.kind = 'INCIDENT_REPORTED')",
        &["id"],
    ),
    (
        "delivery_body",
        "EXISTS (SELECT 1 FROM activity a WHERE a.delivery_id = t.delivery_id AND a.kind = 'INCIDENT_REPORTED')",
        &["delivery_id"],
    ),
    ("incident", "true", &["id", "code", "task_id"]),
    (
        "task",
        "kind = 'INCIDENT_WORK'",
        &["id", "identifier", "incident_id"],
    ),
    (
        "activity",
        "kind = 'INCIDENT_REPORTED'",
        &["id", "incident_id", "task_id", "subject_id", "delivery_id"],
    ),
    ("search", "kind = 'INCIDENT'", &["id"]),
    ("search", "kind = 'TASK'", &["id"]),
];

/// Events a second and CPU for each.
pub(super) async fn run(
    postgres: &Postgres,
    folder: &Path,
    taking: &Taking,
) -> anyhow::Result<(f64, Option<f64>, f64)> {
    let client = postgres.connect("taken").await?;
    let script = script(&client).await?;
    let file = folder.join("report.pgbench");
    std::fs::write(&file, script)?;
    let url = postgres.url("bare");
    let before = cpu::seconds(postgres.pid())?;
    let clients = taking.clients.to_string();
    let seconds = taking.seconds.to_string();
    let output = Command::new(postgres.binaries.join("pgbench"))
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .args(["--client", &clients, "--time", &seconds, "--log"])
        .arg(format!(
            "--log-prefix={}",
            folder.join("pgbench_log").display()
        ))
        .arg("--file")
        .arg(&file)
        .arg(&url)
        .output()
        .context("pgbench")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "pgbench: {failed}");
    let of = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|rest| rest.split_whitespace().next());
        word.and_then(|word| word.parse::<f64>().ok())
            .with_context(|| said.to_string())
    };
    let per_second = of("tps = ")?;
    let events = of("number of transactions actually processed: ")?;
    let cpu_ms = (cpu::seconds(postgres.pid())? - before) * 1_000.0 / events;
    Ok((per_second, Some(p99(folder)?), cpu_ms))
}

/// Of what pgbench wrote down of each transaction: the third word is microseconds.
fn p99(folder: &Path) -> anyhow::Result<f64> {
    let mut took = Vec::new();
    for entry in std::fs::read_dir(folder)?.flatten() {
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("pgbench_log")
        {
            let log = std::fs::read_to_string(entry.path())?;
            let third = |line: &str| line.split(' ').nth(2)?.parse::<u32>().ok();
            took.extend(log.lines().filter_map(third));
            std::fs::remove_file(entry.path())?;
        }
    }
    took.sort_unstable();
    Ok(crate::load::rank(&took, 0.99))
}

/// A quoted value in which pgbench finds no variables: it looks for them in texts as well.
fn without_colons(quoted: &str) -> String {
    match quoted.strip_prefix('\'') {
        Some(rest) => format!("E'{}", rest.replace(':', "\\x3a")),
        None => quoted.replace(':', "\\x3a"),
    }
}

async fn script(client: &Client) -> anyhow::Result<String> {
    let id = "md5(:n::text)::uuid";
    let mut script = String::from("\\set n random(1, 9000000000000000000)\nBEGIN;\n");
    for table in ["activity", "incident", "task"] {
        writeln!(script, "SELECT * FROM {table} WHERE id = {id};")?;
    }
    for (number, (table, example, own)) in WRITES.iter().enumerate() {
        // Both search rows are of the same table.
        let id = format!(
            "md5(:n::text || '{}')::uuid",
            if *table == "search" { number } else { 0 }
        );
        let columns = client
            .query(
                "SELECT column_name::text, data_type::text FROM information_schema.columns
                WHERE table_schema = 'public' AND table_name = $1 AND column_name <> 'seq'",
                &[table],
            )
            .await?;
        // All of one row: its columns have to fit each other.
        let (mut names, mut taken) = (Vec::new(), Vec::new());
        for column in &columns {
            let name: String = column.try_get(0)?;
            taken.push(format!("quote_nullable({name}::text)"));
            names.push(name);
        }
        let taken = taken.join(", ");
        let sql = format!("SELECT {taken} FROM {table} t WHERE {example} LIMIT 1");
        let row = client.query_one(&sql, &[]).await.context(*table)?;
        let mut values = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            let kind: String = column.try_get(1)?;
            let is_own = names
                .get(place)
                .is_some_and(|name| own.contains(&name.as_str()));
            values.push(match is_own {
                true if kind == "uuid" => id.clone(),
                true => format!("{id}::text"),
                // The places of the other database have the same ids.
                false => without_colons(row.try_get(place)?),
            });
        }
        let (names, values) = (names.join(", "), values.join(", "));
        writeln!(script, "INSERT INTO {table} ({names}) VALUES ({values});")?;
    }
    // Another zone each time, as clients of many buildings tell of many.
    writeln!(
        script,
        "UPDATE zone SET open_incident_count = open_incident_count + 1 WHERE id = (SELECT id FROM zone WHERE id >= {id} ORDER BY id LIMIT 1);\nCOMMIT;"
    )?;
    Ok(script)
}
