//! COPY of the rows that caretaker made, into tables with the same indexes: what the database can take at best.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use tokio_postgres::Client;

use super::Seen;
use crate::cpu;
use crate::postgres::Postgres;

/// Parents first; with the condition that finds what was taken in.
const TABLES: [(&str, &str); 6] = [
    (
        "delivery",
        "EXISTS (SELECT 1 FROM activity a WHERE a.delivery_id = t.id AND a.seq > {seq})",
    ),
    (
        "delivery_body",
        "EXISTS (SELECT 1 FROM activity a WHERE a.delivery_id = t.delivery_id AND a.seq > {seq})",
    ),
    ("incident", "true"),
    ("task", "true"),
    ("activity", "seq > {seq}"),
    ("search", "kind IN ('INCIDENT', 'TASK')"),
];

/// Through files, which the server itself writes and reads.
pub(super) async fn run(
    postgres: &Postgres,
    folder: &Path,
    seen: &Seen,
) -> anyhow::Result<(f64, Option<f64>, f64)> {
    let (from, into) = (
        postgres.connect("taken").await?,
        postgres.connect("bare").await?,
    );
    let mut parts = Vec::new();
    for (table, taken) in TABLES {
        let taken = taken.replace("{seq}", &seen.seq.to_string());
        let columns = columns(&from, table).await?;
        let file = file(folder, table);
        let out = format!(
            "COPY (SELECT {columns} FROM {table} t WHERE {taken}) TO '{file}' (FORMAT binary)"
        );
        from.batch_execute(&out).await.context(table)?;
        parts.push(format!(
            "COPY {table} ({columns}) FROM '{file}' (FORMAT binary)"
        ));
    }
    let count = "SELECT count(*) FROM activity WHERE seq > $1";
    let events: i64 = from.query_one(count, &[&seen.seq]).await?.try_get(0)?;
    let before = cpu::seconds(postgres.pid())?;
    let begun = Instant::now();
    into.batch_execute(&format!("BEGIN; {}; COMMIT", parts.join("; ")))
        .await?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu_ms = (cpu::seconds(postgres.pid())? - before) * 1_000.0 / events as f64;
    for (table, _) in TABLES {
        std::fs::remove_file(file(folder, table))?;
    }
    Ok((events as f64 / seconds, None, cpu_ms))
}

/// In a folder that the server may write to.
fn file(folder: &Path, table: &str) -> String {
    folder.join("postgres").join(table).display().to_string()
}

/// All but the number that the database gives.
async fn columns(client: &Client, table: &str) -> anyhow::Result<String> {
    let sql = "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name = $1 AND column_name <> 'seq'";
    Ok(client.query_one(sql, &[&table]).await?.try_get(0)?)
}
