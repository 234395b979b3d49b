//! The migrations on both engines.

use std::collections::BTreeSet;

use caretaker::domain::database::Database;
use caretaker::domain::migrate;
use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::support::case::{on_each_engine, on_sqlite};
use crate::support::{Case, TestDatabase};

pub fn tests() -> Vec<Case> {
    let mut tests = on_each_engine![
        up_down_and_up_again_end_in_the_same_schema,
        down_leaves_nothing_behind,
        nothing_is_pending_after_up,
        of_servers_that_start_at_once_one_applies_each_migration,
        a_database_that_a_newer_release_took_further_is_left_as_it_is,
        a_migration_that_fails_leaves_those_before_it_applied,
    ];
    tests.extend(on_sqlite![
        servers_that_open_a_new_file_at_once_wait_for_each_other,
    ]);
    tests
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

async fn of_servers_that_start_at_once_one_applies_each_migration(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let mut nodes = Vec::new();
    for _ in 0..4 {
        nodes.push(Database::open(case.url(), 1).await?);
    }
    let applied = futures_util::future::try_join_all(nodes.iter().map(migrate::up)).await?;
    let mut names: Vec<String> = applied.into_iter().flatten().collect();
    let mut all: Vec<String> = Migrator::migrations()
        .iter()
        .map(|migration| migration.name().to_owned())
        .collect();
    names.sort();
    all.sort();
    assert_eq!(names, all);
    for node in nodes {
        let status = migrate::status(&node).await?;
        assert!(
            status.iter().all(|migration| migration.is_applied),
            "{status:?}"
        );
        node.close().await;
    }
    Ok(())
}

async fn servers_that_open_a_new_file_at_once_wait_for_each_other(
    case: TestDatabase,
) -> anyhow::Result<()> {
    for _ in 0..8 {
        let new = case.another().await?;
        let nodes = (0..4).map(|_| Database::open(new.url(), 1));
        for node in futures_util::future::try_join_all(nodes).await? {
            for pool in [&node.writer, &node.readers, &node.feed] {
                let mode = Statement::from_string(DbBackend::Sqlite, "PRAGMA journal_mode");
                let mode = pool.query_one_raw(mode).await?.unwrap();
                assert_eq!(mode.try_get_by_index::<String>(0)?, "wal");
            }
            node.close().await;
        }
    }
    Ok(())
}

async fn a_database_that_a_newer_release_took_further_is_left_as_it_is(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    migrate::up(&database).await?;
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m2999', 0)";
    database.writer.execute_unprepared(newer).await?;
    let before = objects(&database).await?;
    assert!(migrate::up(&database).await?.is_empty());
    assert_eq!(objects(&database).await?, before);
    database.close().await;
    Ok(())
}

async fn a_migration_that_fails_leaves_those_before_it_applied(
    case: TestDatabase,
) -> anyhow::Result<()> {
    let database = Database::open(case.url(), 1).await?;
    let in_the_way = "CREATE TABLE search (id INTEGER)";
    database.writer.execute_unprepared(in_the_way).await?;
    assert!(migrate::up(&database).await.is_err());
    let status = migrate::status(&database).await?;
    let applied = status.iter().take_while(|one| one.is_applied).count();
    assert_eq!(status[applied].name, "m20261122_8_search");
    assert!(status[applied..].iter().all(|one| !one.is_applied));
    database
        .writer
        .execute_unprepared("DROP TABLE search")
        .await?;
    let names: Vec<String> = status
        .into_iter()
        .skip(applied)
        .map(|one| one.name)
        .collect();
    assert_eq!(migrate::up(&database).await?, names);
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
