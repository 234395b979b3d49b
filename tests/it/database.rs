//! What the rest relies on in the two engines.

use std::time::Duration;

use caretaker::domain::database::Database;
use caretaker::domain::failure;
use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ConnectionTrait, Statement, TransactionTrait};
use tokio::time::timeout;

use crate::support::case::{on_each_engine, on_postgres};
use crate::support::process::command;
use crate::support::{Case, Engine, TestDatabase};

pub fn tests() -> Vec<Case> {
    let mut tests = on_each_engine![
        stored_times_order_as_times_and_come_back_unchanged,
        readers_cannot_write,
        what_was_rolled_back_is_not_there,
        a_read_that_takes_too_long_ends_and_the_next_one_has_its_own_time,
        a_command_reads_in_one_go_for_longer_than_any_reader_may,
    ];
    tests.extend(on_postgres![
        a_database_that_lets_nobody_in_is_named_with_the_cause
    ]);
    tests
}

async fn a_read_that_takes_too_long_ends_and_the_next_one_has_its_own_time(
    case: TestDatabase,
) -> anyhow::Result<()> {
    // The file is the writer's to make.
    Database::open(case.url(), 1).await?.close().await;
    let database = Database::open_for(case.url(), 1, Duration::from_millis(200)).await?;
    let endless = match case.engine {
        Engine::Sqlite => {
            "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        }
        Engine::Postgres => "SELECT count(*) FROM generate_series(1, 1000000000000)",
    };
    let read = async |sql: &str| {
        let statement = Statement::from_string(database.backend(), sql);
        database.readers.query_one_raw(statement).await
    };
    for _ in 0..2 {
        let error = read(endless).await.unwrap_err();
        assert!(failure::is_cancelled(&error), "{error}");
        read("SELECT 1").await?;
    }
    // Nor does it keep the connection when whoever asked has gone.
    let gone = timeout(Duration::from_millis(50), read(endless)).await;
    assert!(gone.is_err());
    read("SELECT 1").await?;
    Ok(())
}

/// As `rebuild` does: one transaction over all that is stored, and long statements within it.
async fn a_command_reads_in_one_go_for_longer_than_any_reader_may(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let long = match case.engine {
        Engine::Sqlite => {
            "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2000000) SELECT count(*) FROM n"
        }
        Engine::Postgres => "SELECT pg_sleep(0.3)",
    };
    let read = async |database: &Database| {
        let view = database.readers.begin().await?;
        for _ in 0..2 {
            let statement = Statement::from_string(view.get_database_backend(), long);
            view.query_one_raw(statement).await?;
        }
        view.commit().await
    };
    let commands = Database::open(case.url(), 1).await?;
    read(&commands).await?;
    commands.close().await;
    let readers = Database::open_for(case.url(), 1, Duration::from_millis(100)).await?;
    let error = read(&readers).await.unwrap_err();
    assert!(failure::is_cancelled(&error), "{error}");
    readers.close().await;
    Ok(())
}

/// SQLite keeps times as text: its order must be the order of time whatever the digits after the second.
async fn stored_times_order_as_times_and_come_back_unchanged(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut times: Vec<DateTime<Utc>> = (0..500)
        .map(|_| {
            // Few seconds and few digits, so that neighbours differ only in how they are written.
            let second = 1_615_386_203 + random.i64(0..5);
            let digits = random.u16(0..=6);
            let nanosecond = random.u32(0..1_000_000_000);
            DateTime::from_timestamp(second, nanosecond)
                .unwrap()
                .trunc_subsecs(digits)
        })
        .collect();

    let column = match case.engine {
        Engine::Sqlite => "TEXT",
        Engine::Postgres => "TIMESTAMPTZ",
    };
    let writer = &database.writer;
    writer
        .execute_unprepared(&format!("CREATE TABLE moment (at {column} NOT NULL)"))
        .await?;
    let backend = database.backend();
    let transaction = writer.begin().await?;
    for at in &times {
        let insert = "INSERT INTO moment (at) VALUES ($1)";
        let statement = Statement::from_sql_and_values(backend, insert, [(*at).into()]);
        transaction.execute_raw(statement).await?;
    }
    transaction.commit().await?;

    let select = Statement::from_string(backend, "SELECT at FROM moment ORDER BY at");
    let stored: Vec<DateTime<Utc>> = database
        .readers
        .query_all_raw(select)
        .await?
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect::<Result<_, _>>()?;
    times.sort();
    assert_eq!(stored, times, "seed {seed}");

    // A comparison in SQL agrees with one in Rust.
    let pivot = times[times.len() / 2];
    let select = "SELECT COUNT(*) FROM moment WHERE at < $1";
    let statement = Statement::from_sql_and_values(backend, select, [pivot.into()]);
    let row = database.readers.query_one_raw(statement).await?.unwrap();
    let earlier = times.iter().filter(|at| **at < pivot).count();
    assert_eq!(
        usize::try_from(row.try_get_by_index::<i64>(0)?)?,
        earlier,
        "seed {seed}"
    );
    database.close().await;
    Ok(())
}

async fn readers_cannot_write(case: TestDatabase) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    let create = "CREATE TABLE moment (at TEXT)";
    assert!(database.readers.execute_unprepared(create).await.is_err());
    database.writer.execute_unprepared(create).await?;
    let insert = "INSERT INTO moment (at) VALUES ('now')";
    assert!(database.readers.execute_unprepared(insert).await.is_err());
    database.close().await;
    Ok(())
}

async fn what_was_rolled_back_is_not_there(case: TestDatabase) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    let writer = &database.writer;
    writer
        .execute_unprepared("CREATE TABLE moment (at TEXT)")
        .await?;
    let transaction = writer.begin().await?;
    transaction
        .execute_unprepared("INSERT INTO moment (at) VALUES ('now')")
        .await?;
    transaction.rollback().await?;
    let select = Statement::from_string(database.backend(), "SELECT at FROM moment");
    assert!(database.readers.query_one_raw(select).await?.is_none());
    database.close().await;
    Ok(())
}

async fn a_database_that_lets_nobody_in_is_named_with_the_cause(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let (start, name) = case.url().rsplit_once('/').unwrap();
    let (login, place) = start.rsplit_once('@').unwrap();
    let (_, password) = login.rsplit_once(':').unwrap();
    // Nobody listens here any more.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await?
        .local_addr()?;
    for (url, place, name, cause) in [
        (
            format!("{login}@{closed}/{name}"),
            closed.to_string(),
            name,
            "Connection refused",
        ),
        (
            format!("{start}/no_such"),
            place.to_owned(),
            "no_such",
            "database \"no_such\" does not exist",
        ),
        (
            format!("postgres://caretaker:wrong@{place}/{name}"),
            place.to_owned(),
            name,
            "password authentication failed for user \"caretaker\"",
        ),
        (
            format!("{login}@no-such-host.invalid/{name}"),
            "no-such-host.invalid:5432".to_owned(),
            name,
            "",
        ),
    ] {
        let output = command(case.folder())
            .args(["serve", "--listen", "127.0.0.1:0", "--database-url", &url])
            .output()
            .await?;
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr)?;
        let named = format!("the database: PostgreSQL at {place}, database `{name}`: {cause}");
        assert!(said.starts_with(&format!("caretaker: {named}")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        if !cause.is_empty() {
            assert_eq!(said.matches(cause).count(), 1, "{said}");
        }
        assert!(
            !said.contains(password) && !said.contains("wrong"),
            "{said}"
        );
    }
    // The end of a password that was not escaped is not taken for a name and shown.
    let url = format!("postgres://caretaker:1/2secret@{place}/{name}");
    let output = command(case.folder())
        .args(["migrate", "status", "--database-url", &url])
        .output()
        .await?;
    let said = String::from_utf8(output.stderr)?;
    assert!(said.contains("write it as %2F"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    Ok(())
}
