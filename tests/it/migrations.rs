//! The migrations on both engines.

use std::collections::BTreeSet;

use caretaker::domain::database::Database;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::support::{Case, TestDatabase, case::on_each_engine};

pub fn tests() -> Vec<Case> {
    on_each_engine![
        up_down_and_up_again_end_in_the_same_schema,
        down_leaves_nothing_behind,
        nothing_is_pending_after_up,
    ]
}

async fn up_down_and_up_again_end_in_the_same_schema(database: TestDatabase) -> anyhow::Result<()> {
    let database = Database::open(database.url(), 1).await?;
    Migrator::up(&database.writer, None).await?;
    let first = objects(&database).await?;
    Migrator::down(&database.writer, None).await?;
    Migrator::up(&database.writer, None).await?;
    assert_eq!(first, objects(&database).await?);
    assert!(
        first.iter().any(|name| name.starts_with("table activity ")),
        "{first:?}"
    );
    database.close().await;
    Ok(())
}

async fn down_leaves_nothing_behind(database: TestDatabase) -> anyhow::Result<()> {
    let database = Database::open(database.url(), 1).await?;
    Migrator::up(&database.writer, None).await?;
    Migrator::down(&database.writer, None).await?;
    let left: Vec<_> = objects(&database)
        .await?
        .into_iter()
        // The migrator's own table, with its index, stays.
        .filter(|name| !name.contains("seaql_migrations"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    database.close().await;
    Ok(())
}

async fn nothing_is_pending_after_up(database: TestDatabase) -> anyhow::Result<()> {
    let database = Database::open(database.url(), 1).await?;
    let all = Migrator::migrations().len();
    assert_eq!(
        Migrator::get_pending_migrations(&database.writer)
            .await?
            .len(),
        all
    );
    Migrator::up(&database.writer, None).await?;
    assert!(
        Migrator::get_pending_migrations(&database.writer)
            .await?
            .is_empty()
    );
    database.close().await;
    Ok(())
}

/// Every table, index and constraint with its definition.
async fn objects(database: &Database) -> anyhow::Result<BTreeSet<String>> {
    let sql = match database.backend() {
        DbBackend::Sqlite => {
            "SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_schema
             WHERE name <> 'sqlite_sequence'"
        }
        _ => {
            "SELECT 'table ' || table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable
             FROM information_schema.columns WHERE table_schema = 'public'
             UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
             UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid)
             FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
        }
    };
    let statement = Statement::from_string(database.backend(), sql);
    let rows = database.writer.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index::<String>(0)?))
        .collect()
}
