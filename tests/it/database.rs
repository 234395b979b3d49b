//! What the rest relies on in the two engines.

use caretaker::domain::database::Database;
use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ConnectionTrait, Statement, TransactionTrait};

use crate::support::{Case, Engine, TestDatabase, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        stored_times_order_as_times_and_come_back_unchanged,
        readers_cannot_write,
        what_was_rolled_back_is_not_there,
    ]
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
