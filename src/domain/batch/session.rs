//! The write transaction of which there is one at a time, its time, and its signal to other nodes.

use chrono::{DateTime, Utc};
use entity::activity;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};

use crate::domain::database::Database;

/// The advisory lock that makes one logical writer of all nodes: seq order is then commit order.
const LOCK: i64 = 0x0ca2_e7a4_e200_0001;
/// Takes the lock, and says how the statements that follow are planned: once for all batches, since planning them for their
/// keys costs more than running them; and by an index where there is one, since that plan outlives the day on which a
/// table was small enough to be read whole. Where there is none the plan looks so dear that it would be compiled: not that.
const BEGIN: &str = "SELECT pg_advisory_xact_lock($1), set_config('plan_cache_mode', 'force_generic_plan', true), \
                     set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)";
/// The channel on which PostgreSQL tells other nodes that there is something new; the payload is empty.
pub const CHANNEL: &str = "caretaker";

/// Begins a write transaction and makes it the only one.
///
/// # Errors
/// When the lock is not had in time, or the database is away.
pub async fn begin(database: &Database) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        // A deferred transaction that reads before it writes fails with BUSY_SNAPSHOT whatever the timeout.
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = database.writer.begin_with_options(options).await?;
    if database.backend() == DbBackend::Postgres {
        // Its own first statement: a snapshot taken before the wait would miss what was committed meanwhile.
        let lock = Statement::from_sql_and_values(
            DbBackend::Postgres,
            BEGIN,
            [(LOCK + i64::from(database.is_side)).into()],
        );
        transaction.execute_raw(lock).await?;
    }
    Ok(transaction)
}

/// Tells the other nodes, when there is something to tell.
///
/// # Errors
/// What the database says.
pub async fn notify(
    transaction: &DatabaseTransaction,
    activities: &[activity::Model],
) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres && !activities.is_empty() {
        transaction
            .execute_unprepared(&format!("NOTIFY {CHANNEL}"))
            .await?;
    }
    Ok(())
}

/// Never earlier than what is recorded already, whatever the clocks of the nodes say. Taken under the lock.
///
/// # Errors
/// What the database says.
pub async fn recorded_at(
    transaction: &DatabaseTransaction,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, DbErr> {
    let last = Statement::from_string(
        transaction.get_database_backend(),
        "SELECT recorded_at FROM activity ORDER BY seq DESC LIMIT 1",
    );
    let last: Option<DateTime<Utc>> = transaction
        .query_one_raw(last)
        .await?
        .map(|row| row.try_get_by_index(0))
        .transpose()?;
    Ok(last.map_or(micros(now), |last| last.max(micros(now))))
}

pub(super) fn micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}
