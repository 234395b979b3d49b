//! How the engines run what a write batch asks: no statement walks through a table that grows with what arrives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use caretaker::domain::bulk::{self, Existing, Keys};
use caretaker::domain::database::Database;
use caretaker::domain::delivery::Delivery;
use caretaker::domain::id::{self, SiteKey};
use caretaker::domain::operator::{self, Declared};
use caretaker::domain::{batch, migrate};
use caretaker::ingest::{matrix, urgent};
use chrono::{DateTime, Utc};
use entity::{Operation, Source, building, task};
use sea_orm::sea_query::{ArrayType, Values};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, Statement, TransactionTrait, Value as Bound,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::payload::{
    BUILDING, TENANT, WORK, chase, description, guid, incident, note, status, with, without,
};
use crate::support::{Case, TestDatabase, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        no_statement_of_a_batch_walks_through_a_table,
        rows_are_read_as_they_were_written,
    ]
}

/// Tables that hold no more than the operator wrote: they are read whole.
const SMALL: [&str; 2] = ["place_link", "status_type"];
/// What SQLite calls the key sets, and the results of parts of a statement.
const KEYS: [&str; 6] = ["json_each", "up", "same", "pair", "moved", "CONSTANT"];

/// Most tables of a test are small: what is asked is whether an index can serve, not whether it pays here.
const BY_INDEX: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
    SET LOCAL enable_mergejoin = off";
/// A partial index with few rows would be walked through even so.
const UNFILED_NOTES: &str = "INSERT INTO activity
        (id, kind, occurred_at, recorded_at, late, subject_id, changes)
    SELECT gen_random_uuid(), 'NOTE_ADDED', now(), now(), false, gen_random_uuid(), '[]'
        FROM generate_series(1, 5000);
    ANALYZE activity";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn delivery(operation: Operation, body: &Value) -> anyhow::Result<Delivery> {
    let body = serde_json::to_vec(body)?;
    let (source, content) = match operation {
        Operation::Events => (Source::Matrix, matrix::decode(&body, now())),
        _ => {
            let content = urgent::decode(operation, &body, Some(now()), now(), 0);
            (Source::Urgent, content)
        }
    };
    let body_hash = format!("{:?}", id::activity(&body));
    Ok(Delivery {
        id: id::delivery(source, operation, None, &body_hash),
        source,
        operation,
        credential: "test".to_owned(),
        credential_position: 0,
        signed_at: None,
        body_hash,
        body,
        received_at: now(),
        content: content.map_err(|unusable| anyhow::anyhow!("{unusable:?}"))?,
    })
}

fn at_site(number: u32, code: &str, parent: Value) -> Value {
    let site = json!({"SiteCode": code, "ParentCode": parent, "Name": format!("Site {code}")});
    with(
        description(),
        json!({"TaskIdentifier": guid(number), "TaskReference": number, "Site": site}),
    )
}

/// Batches in which everything happens that makes the load and the store ask for more.
fn story() -> anyhow::Result<Vec<Vec<Delivery>>> {
    let at = "2020-05-29T10:47:34Z";
    let of = |call: Value, number: u32| {
        with(
            call,
            json!({"TaskIdentifier": guid(number), "TaskReference": number}),
        )
    };
    let levelled = with(
        incident("INCIDENT_CREATED_OPEN", 0),
        json!({"Meta": {"Level": "level-1"}}),
    );
    let room = at_site(2, "ROOM", Value::Null);
    let known = vec![
        delivery(Operation::Events, &json!([levelled]))?,
        delivery(Operation::TaskCreated, &room)?,
        delivery(Operation::StatusChanged, &of(status(11, at, "Attended"), 2))?,
        delivery(Operation::TaskChased, &of(chase(12, at), 2))?,
        delivery(Operation::NoteAdded, &of(note(13, at), 2))?,
        delivery(
            Operation::NoteAdded,
            &without(of(note(14, at), 3), "", "TaskIdentifier"),
        )?,
    ];
    let joined = with(
        at_site(3, "DESK", json!("ROOM")),
        json!({"ExternalIdentifier": WORK}),
    );
    let later = vec![
        // A repeat, and news of all that is known.
        delivery(Operation::TaskCreated, &room)?,
        delivery(
            Operation::Events,
            &json!([incident("INCIDENT_COMPLETED", 600)]),
        )?,
        delivery(Operation::StatusChanged, &of(status(11, at, "Besucht"), 2))?,
        delivery(Operation::TaskChased, &of(chase(15, at), 2))?,
        delivery(Operation::NoteAdded, &of(note(16, at), 2))?,
        // The note without a task finds it, the task its incident and its site a parent.
        delivery(Operation::TaskCreated, &joined)?,
        delivery(Operation::TaskChanged, &at_site(2, "ROOM", json!("HOUSE")))?,
    ];
    let parted = vec![delivery(
        Operation::TaskChanged,
        &with(
            at_site(2, "ROOM", Value::Null),
            json!({"LastModifiedDateTimeUtc": "2024-01-01T00:00:00Z"}),
        ),
    )?];
    Ok(vec![known, later, parted])
}

fn place(sites: &[SiteKey]) -> Declared {
    Declared {
        places: Some(vec![("Canal Wharf".to_owned(), sites.to_vec())]),
        ..Declared::default()
    }
}

async fn rows_are_read_as_they_were_written(test: TestDatabase) -> anyhow::Result<()> {
    let database = Database::open(test.url(), 1).await?;
    migrate::up(&database).await?;
    for batch in story()? {
        batch::write(&database, &batch, now()).await?;
    }
    let odd = "\"\\{},NULL\u{1f9f9}'\u{1}\n";
    let last = "9999-12-31T23:59:59.999999Z".parse()?;
    let mut tasks = task::Entity::find().all(&database.readers).await?;
    assert!(tasks.len() > 2, "{tasks:?}");
    for (number, task) in tasks.iter_mut().enumerate() {
        let is_told = number % 2 == 0;
        task.name = is_told.then(|| odd.to_owned());
        task.description = is_told.then(String::new);
        task.due_at = is_told.then_some(last);
        task.is_asset_available = is_told.then_some(false);
    }
    let mut buildings = building::Entity::find().all(&database.readers).await?;
    for building in &mut buildings {
        (building.latitude, building.longitude) = (Some(-0.100_000_000_000_000_02), None);
    }
    bulk::write::<task::Entity>(&database.writer, &tasks, &[], Existing::Replace).await?;
    bulk::write::<building::Entity>(&database.writer, &buildings, &[], Existing::Replace).await?;
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id.0).collect();
    let mut read =
        bulk::rows::<task::Entity>(&database.readers, "id IN {0}", &[Keys::Uuids(&ids)]).await?;
    tasks.sort_by_key(|task| task.id.0);
    read.sort_by_key(|task| task.id.0);
    assert_eq!(read, tasks);
    let read = building::Entity::find().all(&database.readers).await?;
    assert!(
        !read.is_empty() && read.iter().all(|row| buildings.contains(row)),
        "{read:?}"
    );
    database.close().await;
    Ok(())
}

async fn no_statement_of_a_batch_walks_through_a_table(test: TestDatabase) -> anyhow::Result<()> {
    let mut database = Database::open(test.url(), 1).await?;
    migrate::up(&database).await?;
    // All incidents are gone through once when the rule of their deadlines is first applied.
    operator::import(&database, &operator::Declared::default(), now()).await?;
    let statements: Arc<Mutex<Vec<Statement>>> = Arc::default();
    let list = Arc::clone(&statements);
    database.writer.set_metric_callback(move |info| {
        list.lock().unwrap().push(info.statement.clone());
    });
    let house = [SiteKey::matrix(BUILDING), SiteKey::urgent(TENANT, "HOUSE")];
    for batch in story()? {
        batch::write(&database, &batch, now()).await?;
        operator::import(&database, &place(&house), now()).await?;
    }
    operator::import(&database, &place(&house[..1]), now()).await?;
    let taken = std::mem::take(&mut *statements.lock().unwrap());
    let asked: BTreeMap<String, Statement> = taken
        .into_iter()
        .filter(|statement| is_planned(&statement.sql))
        .map(|statement| (statement.sql.clone(), statement))
        .collect();
    for table in ["level", "zone", "incident", "task", "note", "activity_link"] {
        let touched = |sql: &String| sql.contains(&format!("INTO {table} "));
        assert!(asked.keys().any(touched), "the story leaves {table} out");
    }
    for started in ["UPDATE task", "DELETE FROM zone", "DELETE FROM building"] {
        let begins = |sql: &String| sql.starts_with(started);
        assert!(asked.keys().any(begins), "the story has no {started}");
    }
    if database.backend() == DbBackend::Postgres {
        database.writer.execute_unprepared(UNFILED_NOTES).await?;
    }
    let mut faults = Vec::new();
    for statement in asked.into_values() {
        let sql = statement.sql.clone();
        let plan = plan(&database, statement).await?;
        if walks(&plan) {
            faults.push(format!("{sql}\n{plan}\n"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    database.close().await;
    Ok(())
}

/// Whether the engine has a plan for it; the last row by its key is found without one.
fn is_planned(sql: &str) -> bool {
    let planned = ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"];
    planned.iter().any(|word| sql.starts_with(word)) && !sql.ends_with("ORDER BY seq DESC LIMIT 1")
}

async fn plan(database: &Database, statement: Statement) -> anyhow::Result<String> {
    let writer = &database.writer;
    let (explain, column) = match database.backend() {
        DbBackend::Sqlite => {
            // SQLite plans an INSERT's search for children too, but searches only while a row of the same statement has
            // no parent: here none has.
            let checks = !statement.sql.starts_with("INSERT");
            let pragma = format!("PRAGMA foreign_keys = {checks}");
            writer.execute_unprepared(&pragma).await?;
            ("EXPLAIN QUERY PLAN", "detail")
        }
        _ => ("EXPLAIN", "QUERY PLAN"),
    };
    let transaction = writer.begin().await?;
    if database.backend() == DbBackend::Postgres {
        transaction.execute_unprepared(BY_INDEX).await?;
    }
    let statement = Statement {
        sql: format!("{explain} {}", statement.sql),
        values: statement.values.map(told),
        ..statement
    };
    let rows = transaction.query_all_raw(statement).await?;
    let lines = rows.iter().map(|row| row.try_get::<String>("", column));
    let plan = lines.collect::<Result<Vec<_>, _>>()?.join("\n");
    transaction.rollback().await?;
    Ok(plan)
}

/// No key is one of none: to PostgreSQL that implies whatever a partial index asks for, and so any of them would do.
fn told(values: Values) -> Values {
    let told = |value| match value {
        Bound::Array(ArrayType::Uuid, Some(keys)) if keys.is_empty() => {
            Bound::Array(ArrayType::Uuid, Some(Box::new(vec![Uuid::nil().into()])))
        }
        Bound::Array(ArrayType::String, Some(keys)) if keys.is_empty() => {
            Bound::Array(ArrayType::String, Some(Box::new(vec!["".into()])))
        }
        value => value,
    };
    Values(values.0.into_iter().map(told).collect())
}

/// Whether a table that grows is read from one end to the other, in its own order or in that of an index.
fn walks(plan: &str) -> bool {
    let lines: Vec<&str> = plan
        .lines()
        .map(|line| line.trim_start().trim_start_matches("->").trim_start())
        .collect();
    let starts_with = |text: &str, words: &[&str]| {
        let first = text.split_whitespace().next().unwrap_or_default();
        words.contains(&first)
    };
    lines.iter().enumerate().any(|(number, line)| {
        if let Some(scanned) = line.strip_prefix("SCAN ") {
            return !starts_with(scanned, &KEYS) && !starts_with(scanned, &SMALL);
        }
        let table = |kind: &str| line.split_once(kind).map(|(_, table)| table);
        if let Some(table) = table("Seq Scan on ") {
            return !starts_with(table, &SMALL);
        }
        let by_index = line.starts_with("Index Scan") || line.starts_with("Index Only Scan");
        let has_key = lines
            .get(number + 1)
            .is_some_and(|next| next.starts_with("Index Cond"));
        by_index && !has_key && table(" on ").is_some_and(|table| !starts_with(table, &SMALL))
    })
}
