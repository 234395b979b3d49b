//! Applying, taking back and reading the migrations. Two servers that start at once take turns: each migration is applied
//! in a transaction of its own that begins by waiting for the other. So what one of them locks is free again before the
//! next one.

use std::collections::BTreeSet;

use migration::{Migrator, MigratorTrait, SchemaManager};
use sea_orm::sea_query::{Alias, Query};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

use super::database::Database;

/// The advisory lock of whoever migrates; another one than the writer's.
const LOCK: i64 = 0x6d69_6772_6174_6531;

/// A migration of this release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its name.
    pub name: String,
    /// Whether the database has it.
    pub is_applied: bool,
}

/// Applies what is pending and gives the names. A database that a newer release has already taken further is left as
/// it is: each release runs on the schema of the next one.
///
/// # Errors
/// What the database says; those before stay applied then.
pub async fn up(database: &Database) -> Result<Vec<String>, DbErr> {
    let mut names = Vec::new();
    loop {
        let transaction = begin(database).await?;
        Migrator::install(&transaction).await?;
        let migrations = list(&transaction).await?;
        let Some(next) = migrations.into_iter().find(|one| !one.is_applied) else {
            transaction.commit().await?;
            return Ok(names);
        };
        Migrator::up(&transaction, Some(1)).await?;
        transaction.commit().await?;
        names.push(next.name);
    }
}

/// Takes back the last `steps` migrations, with all that is stored in what they made.
///
/// # Errors
/// What the database says; nothing is taken back then.
pub async fn down(database: &Database, steps: u32) -> Result<(), DbErr> {
    let transaction = begin(database).await?;
    Migrator::down(&transaction, Some(steps)).await?;
    transaction.commit().await
}

/// The migrations of this release in order; writes nothing.
///
/// # Errors
/// What the database says.
pub async fn status(database: &Database) -> Result<Vec<Migration>, DbErr> {
    // Readiness asks this: it must not wait for a reader's query.
    let readers = &database.feed;
    let table = Migrator::migration_table_name().to_string();
    if SchemaManager::new(readers).has_table(table).await? {
        list(readers).await
    } else {
        Ok(against(&BTreeSet::new()))
    }
}

async fn list(connection: &impl ConnectionTrait) -> Result<Vec<Migration>, DbErr> {
    // The migrator's own reading makes its table first, which a reader may not.
    let select = Query::select()
        .column(Alias::new("version"))
        .from(Migrator::migration_table_name())
        .to_owned();
    let rows = connection.query_all(&select).await?;
    let applied: Result<_, _> = rows.iter().map(|row| row.try_get_by_index(0)).collect();
    Ok(against(&applied?))
}

fn against(applied: &BTreeSet<String>) -> Vec<Migration> {
    let migrations = Migrator::migrations();
    let migrations = migrations.iter().map(|migration| Migration {
        is_applied: applied.contains(migration.name()),
        name: migration.name().to_owned(),
    });
    migrations.collect()
}

async fn begin(database: &Database) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = database.writer.begin_with_options(options).await?;
    if database.backend() == DbBackend::Postgres {
        // The other one may take its time, and so may we between two statements.
        transaction
            .execute_unprepared(
                "SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
            )
            .await?;
        transaction
            .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
            .await?;
    }
    Ok(transaction)
}
