//! An estate copied within PostgreSQL: each copy has ids of its own, and lies a little later. Copied are incidents, an activity
//! of every fifth, and the places they are in; tasks stay as many as they were.

use anyhow::{Context, bail};
use tokio_postgres::Client;

use crate::place::Place;

const GROWN: &str = "grown";

/// The columns of a copy that are not those of the original; `{k}` is the number of the copy.
struct Table {
    name: &'static str,
    differ: &'static [(&'static str, &'static str)],
    of: &'static str,
}

const PLACES: [Table; 4] = [
    Table {
        name: "building",
        differ: &[("id", "id"), ("site_id", "site_id"), ("name", "word")],
        of: "position('~' IN name) = 0",
    },
    Table {
        name: "site",
        differ: &[
            ("id", "id"),
            ("building_id", "building_id"),
            ("code", "word"),
            ("parent_id", "parent_id"),
            ("zone_id", "zone_id"),
        ],
        of: "position('~' IN code) = 0",
    },
    Table {
        name: "level",
        differ: &[
            ("id", "id"),
            ("site_id", "site_id"),
            ("building_id", "building_id"),
            ("code", "word"),
        ],
        of: "position('~' IN code) = 0",
    },
    Table {
        name: "zone",
        differ: &[
            ("id", "id"),
            ("site_id", "site_id"),
            ("building_id", "building_id"),
            ("level_id", "level_id"),
            ("code", "word"),
        ],
        of: "position('~' IN code) = 0",
    },
];

const INCIDENT: Table = Table {
    name: "incident",
    differ: &[
        ("id", "own"),
        ("code", "word"),
        ("task_id", "own"),
        ("site_id", "site_id"),
        ("building_id", "building_id"),
        ("zone_id", "zone_id"),
        ("reported_at", "time"),
        ("set_by", "none"),
    ],
    of: "position('~' IN code) = 0",
};

const ACTIVITY: Table = Table {
    name: "activity",
    differ: &[
        ("id", "own"),
        ("subject_id", "own"),
        ("incident_id", "own"),
        ("task_id", "null"),
        ("site_id", "site_id"),
        ("building_id", "building_id"),
        ("zone_id", "zone_id"),
        ("occurred_at", "time"),
        ("changes", "no_changes"),
        ("delivery_id", "null"),
    ],
    of: "kind = 'INCIDENT_REPORTED' AND seq % 5 = 0 AND seq <= (SELECT value::bigint FROM setting WHERE name = 'peers_seq')",
};

/// Sets a copy of the estate's database beside it, in which it grows. Gives the name of the original.
///
/// # Errors
/// What the server says.
pub async fn begin(place: &mut Place) -> anyhow::Result<String> {
    let Some(postgres) = &place.postgres else {
        bail!("growth is measured on PostgreSQL only");
    };
    let client = postgres.connect("postgres").await?;
    client
        .batch_execute(&format!("DROP DATABASE IF EXISTS {GROWN}"))
        .await?;
    let template = format!("CREATE DATABASE {GROWN} TEMPLATE {}", place.database);
    client.batch_execute(&template).await?;
    let original = std::mem::replace(&mut place.database, GROWN.to_owned());
    let client = connect(place).await?;
    // What nobody asks for would only take room.
    client
        .batch_execute(
            "TRUNCATE delivery, delivery_body, quarantine;
            INSERT INTO setting SELECT 'peers_seq', max(seq)::text FROM activity;
            INSERT INTO setting VALUES ('peers_copies', '1')",
        )
        .await?;
    Ok(original)
}

/// Grows it to so many copies in all, the original included.
///
/// # Errors
/// What the server says.
pub async fn grow(place: &Place, copies: usize, dense: bool) -> anyhow::Result<()> {
    let client = connect(place).await?;
    let known = "SELECT value FROM setting WHERE name = 'peers_copies'";
    let present: usize = client
        .query_one(known, &[])
        .await?
        .try_get::<_, &str>(0)?
        .parse()?;
    // Indexes are made anew at the end: row by row they would take the longest.
    let indexes = client
        .query(
            "SELECT indexname, indexdef FROM pg_indexes i
            WHERE schemaname = 'public' AND tablename IN ('incident', 'activity')
            AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)",
            &[],
        )
        .await?;
    client
        .batch_execute("SET session_replication_role = replica")
        .await?;
    for index in &indexes {
        let name: &str = index.try_get(0)?;
        client.batch_execute(&format!("DROP INDEX {name}")).await?;
    }
    for copy in present..copies {
        let places = PLACES.iter().filter(|_| !dense);
        for table in places.chain([&INCIDENT, &ACTIVITY]) {
            let sql = insert(&client, table, copy, dense).await?;
            client
                .batch_execute(&sql)
                .await
                .with_context(|| table.name)?;
        }
        if copy % 10 == 0 {
            eprintln!("growth: {copy} of {copies} copies");
        }
    }
    for index in &indexes {
        client.batch_execute(index.try_get(1)?).await?;
    }
    let told = "UPDATE setting SET value = $1 WHERE name = 'peers_copies'";
    client.execute(told, &[&copies.to_string()]).await?;
    drop(client);
    place.settle().await
}

/// Drops what has grown.
///
/// # Errors
/// What the server says.
pub async fn end(place: &mut Place, original: String) -> anyhow::Result<()> {
    place.database = original;
    let postgres = place.postgres.as_ref().context("no server")?;
    let client = postgres.connect("postgres").await?;
    let drop = format!("DROP DATABASE {GROWN} WITH (FORCE)");
    Ok(client.batch_execute(&drop).await?)
}

async fn connect(place: &Place) -> anyhow::Result<Client> {
    let postgres = place.postgres.as_ref().context("no server")?;
    postgres.connect(&place.database).await
}

/// The statement that makes copy `k` of a table.
async fn insert(client: &Client, table: &Table, k: usize, dense: bool) -> anyhow::Result<String> {
    let columns = client
        .query(
            "SELECT column_name::text FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name = $1 AND column_name <> 'seq' ORDER BY ordinal_position",
            &[&table.name],
        )
        .await?;
    let mut names = Vec::new();
    let mut values = Vec::new();
    for column in &columns {
        let name: String = column.try_get(0)?;
        let differs = table.differ.iter().find(|(of, _)| *of == name);
        // Where the buildings stay, what points at a place stays too.
        let stays = |how: &str| dense && how.ends_with("_id");
        let value = match differs.map(|(_, how)| *how) {
            None => name.clone(),
            Some(how) if stays(how) => name.clone(),
            Some("word") => format!("{name} || '~{k}'"),
            Some("time") => format!("{name} + interval '{} seconds'", k * 37),
            Some("null") => "NULL".into(),
            Some("none") => "'{}'".into(),
            Some("no_changes") => "'[]'".into(),
            Some(_) => format!("md5({name}::text || '~{k}')::uuid"),
        };
        names.push(name);
        values.push(value);
    }
    Ok(format!(
        "INSERT INTO {0} ({1}) SELECT {2} FROM {0} WHERE {3}",
        table.name,
        names.join(", "),
        values.join(", "),
        table.of
    ))
}
