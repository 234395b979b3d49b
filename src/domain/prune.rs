//! Pruning: what is older than its age goes, in bounded batches under the writer's lock. Keys stay, so that an old
//! repeat stays a repeat; where the kept history begins is stored with each batch, never inferred from gaps.

use chrono::{DateTime, Utc};
use entity::setting;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, Statement, Value};

use super::bulk::{self, Existing};
use super::database::Database;
use super::{batch, journal};

/// What has an age of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The bytes of calls that have nothing in quarantine.
    Bodies,
    /// Calls that have nothing in quarantine, with all that is known of them: outcome, bytes.
    Deliveries,
    /// Calls that have something in quarantine, with all that is known of them.
    Quarantined,
    /// Activities.
    Activities,
}

/// What went, or would go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many rows.
    pub rows: i64,
    /// How many bytes of bodies with them.
    pub bytes: i64,
    /// How many calls of that age stay for what they have in quarantine.
    pub held: i64,
}

/// The calls whose bytes go next. Below the mark there are none but those that were in quarantine when it passed them:
/// without it each batch would walk through all calls that lost their bytes long ago.
const BODIES: &str = "SELECT d.id, d.received_at, d.size FROM delivery d
        WHERE d.received_at >= $2 AND d.received_at < $1 AND d.quarantined = 0
            AND EXISTS (SELECT 1 FROM delivery_body b WHERE b.delivery_id = d.id)
    UNION ALL SELECT d.id, d.received_at, d.size FROM delivery d
        WHERE d.id IN (SELECT q.delivery_id FROM quarantine q WHERE q.resolved_at IS NOT NULL)
            AND d.received_at < $2 AND d.received_at < $1 AND d.quarantined = 0
            AND EXISTS (SELECT 1 FROM delivery_body b WHERE b.delivery_id = d.id)";
/// Since when bytes are kept.
const BODIES_KEPT: &str = "bodies_kept_from";
/// Since when calls are kept.
const DELIVERIES_KEPT: &str = "deliveries_kept_from";

/// Which calls go at an age.
fn of_calls(kept: Kept) -> &'static str {
    match kept {
        Kept::Quarantined => "quarantined > 0",
        _ => "quarantined = 0",
    }
}

/// How much is older than `before`. Bodies from before `bodies_before` went already and are not counted with their calls.
///
/// # Errors
/// What the database says.
pub async fn count(
    connection: &impl ConnectionTrait,
    kept: Kept,
    before: DateTime<Utc>,
    bodies_before: Option<DateTime<Utc>>,
) -> Result<Count, DbErr> {
    let held = "(SELECT COUNT(*) FROM delivery d WHERE d.received_at < $1 AND d.quarantined > 0)";
    let (sql, values): (String, Vec<Value>) = match kept {
        Kept::Bodies => {
            let mark = mark(connection, BODIES_KEPT).await?;
            let sql = format!(
                "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT), {held} FROM ({BODIES}) AS gone"
            );
            (sql, vec![before.into(), mark.into()])
        }
        Kept::Deliveries | Kept::Quarantined => {
            let of_calls = of_calls(kept);
            let held = if kept == Kept::Deliveries {
                held
            } else {
                "CAST(0 AS BIGINT)"
            };
            let sql = format!(
                "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN b.delivery_id IS NULL
                        OR (d.quarantined = 0 AND d.received_at < $2) THEN 0 ELSE d.size END), 0) AS BIGINT), {held}
                 FROM delivery d LEFT JOIN delivery_body b ON b.delivery_id = d.id
                 WHERE d.received_at < $1 AND d.{of_calls}"
            );
            let bodies_before = bodies_before.unwrap_or(DateTime::UNIX_EPOCH);
            (sql, vec![before.into(), bodies_before.into()])
        }
        Kept::Activities => (
            "SELECT COUNT(*), CAST(0 AS BIGINT), CAST(0 AS BIGINT) FROM activity WHERE recorded_at < $1"
                .to_owned(),
            vec![before.into()],
        ),
    };
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let Some(row) = connection.query_one_raw(statement).await? else {
        return Ok(Count::default());
    };
    Ok(Count {
        rows: row.try_get_by_index(0)?,
        bytes: row.try_get_by_index(1)?,
        held: row.try_get_by_index(2)?,
    })
}

/// Takes away up to `most` of what is older than `before`, the oldest first. Gives what went; fewer rows than `most` when
/// nothing of that age is left.
///
/// # Errors
/// What the database says; nothing went then.
pub async fn batch(
    database: &Database,
    kept: Kept,
    before: DateTime<Utc>,
    most: u32,
) -> Result<Count, DbErr> {
    let transaction = batch::begin(database).await?;
    let pruned = match kept {
        Kept::Bodies => bodies(&transaction, before, most).await?,
        Kept::Deliveries | Kept::Quarantined => {
            deliveries(&transaction, kept, before, most).await?
        }
        Kept::Activities => activities(&transaction, before, most).await?,
    };
    transaction.commit().await?;
    Ok(pruned)
}

async fn bodies(
    transaction: &DatabaseTransaction,
    before: DateTime<Utc>,
    most: u32,
) -> Result<Count, DbErr> {
    let mark = mark(transaction, BODIES_KEPT).await?;
    let next = format!(
        "SELECT id, received_at, size FROM ({BODIES}) AS old ORDER BY received_at, id LIMIT {most}"
    );
    let last = format!(
        "SELECT MAX(received_at), COUNT(*), CAST(SUM(size) AS BIGINT) FROM ({next}) AS gone"
    );
    let values: [Value; 2] = [before.into(), mark.into()];
    let row = query(transaction, &last, values.clone()).await?;
    let Some(row) = row else {
        return Ok(Count::default());
    };
    let Some(last) = row.try_get_by_index::<Option<DateTime<Utc>>>(0)? else {
        return Ok(Count::default());
    };
    let gone = Count {
        rows: row.try_get_by_index(1)?,
        bytes: row.try_get_by_index(2)?,
        held: 0,
    };
    let delete =
        format!("DELETE FROM delivery_body WHERE delivery_id IN (SELECT id FROM ({next}) AS gone)");
    execute(transaction, &delete, values).await?;
    let is_done = gone.rows < i64::from(most);
    let through = if is_done { before } else { last };
    set_time(transaction, BODIES_KEPT, through).await?;
    Ok(gone)
}

async fn deliveries(
    transaction: &DatabaseTransaction,
    kept: Kept,
    before: DateTime<Utc>,
    most: u32,
) -> Result<Count, DbErr> {
    let of_calls = of_calls(kept);
    let next = format!(
        "SELECT d.id, CASE WHEN b.delivery_id IS NULL THEN 0 ELSE d.size END AS size
         FROM delivery d LEFT JOIN delivery_body b ON b.delivery_id = d.id
         WHERE d.received_at < $1 AND d.{of_calls} ORDER BY d.received_at, d.id LIMIT {most}"
    );
    let bytes = format!("SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM ({next}) AS gone");
    let bytes = query(transaction, &bytes, [before.into()]).await?;
    let bytes = bytes.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    // A sub-select, and WHERE: SQLite would read ON CONFLICT as a join condition.
    let keep = format!(
        "INSERT INTO delivery_key (id) SELECT id FROM ({next}) AS gone WHERE true ON CONFLICT DO NOTHING"
    );
    execute(transaction, &keep, [before.into()]).await?;
    // Bodies and quarantined elements go with it.
    let delete = format!("DELETE FROM delivery WHERE id IN (SELECT id FROM ({next}) AS gone)");
    let gone = execute(transaction, &delete, [before.into()]).await?;
    if gone > 0 {
        set_time(transaction, DELIVERIES_KEPT, before).await?;
    }
    Ok(Count {
        rows: i64::try_from(gone).unwrap_or(i64::MAX),
        bytes,
        held: 0,
    })
}

/// `recorded_at` never falls as `seq` rises, so what is older than a time is the beginning of the feed.
async fn activities(
    transaction: &DatabaseTransaction,
    before: DateTime<Utc>,
    most: u32,
) -> Result<Count, DbErr> {
    let next = format!(
        "SELECT MAX(seq) FROM (SELECT seq FROM activity WHERE recorded_at < $1
         ORDER BY recorded_at, seq LIMIT {most}) AS gone"
    );
    let row = query(transaction, &next, [before.into()]).await?;
    let through: Option<i64> = row.map_or(Ok(None), |row| row.try_get_by_index(0))?;
    let Some(through) = through else {
        return Ok(Count::default());
    };
    let keep = "INSERT INTO activity_key (id) SELECT id FROM activity WHERE seq <= $1 ON CONFLICT DO NOTHING";
    execute(transaction, keep, [through.into()]).await?;
    let links = "DELETE FROM activity_link WHERE seq <= $1";
    execute(transaction, links, [through.into()]).await?;
    let delete = "DELETE FROM activity WHERE seq <= $1";
    let gone = execute(transaction, delete, [through.into()]).await?;
    set(transaction, journal::PRUNED_THROUGH, through.to_string()).await?;
    set_time(transaction, journal::HISTORY_FROM, before).await?;
    Ok(Count {
        rows: i64::try_from(gone).unwrap_or(i64::MAX),
        ..Count::default()
    })
}

async fn mark(connection: &impl ConnectionTrait, name: &str) -> Result<DateTime<Utc>, DbErr> {
    let row = setting::Entity::find_by_id(name.to_owned())
        .one(connection)
        .await?;
    let mark = row.and_then(|row| row.value.parse().ok());
    Ok(mark.unwrap_or(DateTime::UNIX_EPOCH))
}

async fn set_time(
    transaction: &DatabaseTransaction,
    name: &str,
    time: DateTime<Utc>,
) -> Result<(), DbErr> {
    // An age that was made longer brings nothing back.
    let time = time.max(mark(transaction, name).await?);
    set(transaction, name, time.to_rfc3339()).await
}

async fn set(transaction: &DatabaseTransaction, name: &str, value: String) -> Result<(), DbErr> {
    let row = setting::Model {
        name: name.to_owned(),
        value,
    };
    bulk::write::<setting::Entity>(transaction, &[row], &[], Existing::Replace).await
}

async fn query(
    transaction: &DatabaseTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<sea_orm::QueryResult>, DbErr> {
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    transaction.query_one_raw(statement).await
}

async fn execute(
    transaction: &DatabaseTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    Ok(transaction.execute_raw(statement).await?.rows_affected())
}
