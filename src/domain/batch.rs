//! One transaction: lock, load, fold, store, commit.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{DeliveryId, Json, Outcome, activity, delivery, delivery_body, quarantine};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};

use super::bulk::{self, Existing, Keys};
use super::database::Database;
use super::delivery::{Delivery, Misfit, Receipt};
use super::fact::Fact;
use super::fold::{self, Verdict};
use super::{id, load, store};

/// The advisory lock that makes one logical writer of all nodes: seq order is then commit order.
const LOCK: i64 = 0x0ca2_e7a4_e200_0001;
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
            "SELECT pg_advisory_xact_lock($1)",
            [LOCK.into()],
        );
        transaction.execute_raw(lock).await?;
    }
    Ok(transaction)
}

/// Writes `deliveries` and tells what became of each.
///
/// # Errors
/// What the database says; then nothing is stored, or it is not known whether it is.
pub async fn write(
    database: &Database,
    deliveries: &[Delivery],
    now: DateTime<Utc>,
) -> Result<Vec<Receipt>, DbErr> {
    let transaction = begin(database).await?;
    let recorded_at = recorded_at(&transaction, now).await?;
    let facts: Vec<&Fact> = deliveries
        .iter()
        .flat_map(|delivery| delivery.content.facts.iter().map(|(_, fact)| fact))
        .collect();
    let mut state = load::load(&transaction, &facts).await?;
    let mut activities: Vec<activity::Model> = Vec::with_capacity(facts.len());
    let mut counts = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let mut count = Count::default();
        for (_, fact) in &delivery.content.facts {
            let (verdict, folded) = fold::apply(&mut state, fact);
            count.add(verdict);
            activities.extend(folded.activities.into_iter().map(|new| activity::Model {
                recorded_at,
                delivery_id: Some(delivery.id),
                ..new.row
            }));
        }
        counts.push(count);
    }
    let latest = facts
        .iter()
        .map(|fact| fact.occurred_at)
        .max()
        .unwrap_or(recorded_at);
    activities.extend(
        fold::finish(&mut state, latest)
            .into_iter()
            .map(|new| activity::Model {
                recorded_at,
                ..new.row
            }),
    );
    for row in &mut activities {
        fold::refile(&state, row);
    }
    store::store(&transaction, &state, &activities).await?;
    let receipts = store_deliveries(&transaction, deliveries, &counts, recorded_at).await?;
    notify(&transaction, &activities).await?;
    transaction.commit().await?;
    Ok(receipts)
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

fn micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

#[derive(Clone, Copy, Default)]
struct Count {
    facts: usize,
    duplicates: usize,
    conflicts: usize,
}

impl Count {
    fn add(&mut self, verdict: Verdict) {
        self.facts += 1;
        match verdict {
            Verdict::Applied => {}
            Verdict::Duplicate => self.duplicates += 1,
            Verdict::Conflict => self.conflicts += 1,
        }
    }

    fn outcome(self, misfits: usize) -> Outcome {
        match (self.facts, misfits) {
            (0, 1..) => Outcome::Rejected,
            (_, 1..) => Outcome::PartlyQuarantined,
            (1.., 0) if self.duplicates == self.facts => Outcome::Duplicate,
            _ if self.conflicts > 0 => Outcome::Conflict,
            _ => Outcome::Applied,
        }
    }
}

async fn store_deliveries(
    transaction: &DatabaseTransaction,
    deliveries: &[Delivery],
    counts: &[Count],
    recorded_at: DateTime<Utc>,
) -> Result<Vec<Receipt>, DbErr> {
    let ids: Vec<uuid::Uuid> = deliveries.iter().map(|delivery| delivery.id.0).collect();
    let mut rows: HashMap<DeliveryId, delivery::Model> =
        bulk::rows::<delivery::Entity>(transaction, "id IN {0}", &[Keys::Uuids(&ids)])
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
    let (mut bodies, mut quarantined, mut receipts) = (Vec::new(), Vec::new(), Vec::new());
    for (delivery, count) in deliveries.iter().zip(counts) {
        let misfits = &delivery.content.misfits;
        match rows.get_mut(&delivery.id) {
            Some(row) => {
                row.received_count += 1;
                row.last_received_at = row.last_received_at.max(micros(delivery.received_at));
                // A repeat changes nothing; unless it went better this time, the first outcome stands.
                if count.facts > count.duplicates {
                    *row = delivery::Model {
                        received_at: row.received_at,
                        last_received_at: row.last_received_at,
                        received_count: row.received_count,
                        ..new_row(delivery, *count)
                    };
                }
            }
            None => {
                rows.insert(delivery.id, new_row(delivery, *count));
                bodies.push(delivery_body::Model {
                    delivery_id: delivery.id,
                    body: delivery.body.clone(),
                });
            }
        }
        quarantined.extend(
            misfits
                .iter()
                .enumerate()
                .map(|(index, misfit)| quarantine_row(delivery.id, index, misfit, recorded_at)),
        );
        receipts.push(Receipt {
            id: delivery.id,
            outcome: count.outcome(misfits.len()),
            quarantined: misfits.len(),
        });
    }
    let mut rows: Vec<delivery::Model> = rows.into_values().collect();
    rows.sort_unstable_by_key(|row| row.id);
    bulk::write::<delivery::Entity>(transaction, &rows, &[], Existing::Replace).await?;
    bulk::write::<delivery_body::Entity>(transaction, &bodies, &[], Existing::Keep).await?;
    bulk::write::<quarantine::Entity>(transaction, &quarantined, &[], Existing::Keep).await?;
    Ok(receipts)
}

fn new_row(delivery: &Delivery, count: Count) -> delivery::Model {
    let misfits = &delivery.content.misfits;
    delivery::Model {
        id: delivery.id,
        source: delivery.source,
        operation: delivery.operation,
        credential: delivery.credential.clone(),
        credential_position: i32::try_from(delivery.credential_position).unwrap_or(i32::MAX),
        signed_at: delivery.signed_at.clone(),
        body_hash: delivery.body_hash.clone(),
        size: i64::try_from(delivery.body.len()).unwrap_or(i64::MAX),
        outcome: count.outcome(misfits.len()),
        problem: misfits
            .first()
            .map(|misfit| format!("{}: {}", misfit.path, misfit.reason)),
        flags: Json(delivery.content.flags.clone()),
        events: number(count.facts + misfits.len()),
        duplicates: number(count.duplicates),
        quarantined: number(misfits.len()),
        received_at: micros(delivery.received_at),
        last_received_at: micros(delivery.received_at),
        received_count: 1,
    }
}

fn quarantine_row(
    delivery: DeliveryId,
    index: usize,
    misfit: &Misfit,
    recorded_at: DateTime<Utc>,
) -> quarantine::Model {
    let element = number(misfit.element.unwrap_or(index));
    quarantine::Model {
        id: id::quarantine(delivery, element),
        delivery_id: delivery,
        element,
        path: misfit.path.clone(),
        reason: misfit.reason.clone(),
        content: misfit.content.clone(),
        quarantined_at: recorded_at,
        resolved_at: None,
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Whether the database takes `facts` together, found out in a transaction that is rolled back.
///
/// # Errors
/// Why it does not.
pub async fn try_facts(
    database: &Database,
    facts: &[(usize, Fact)],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let transaction = begin(database).await?;
    let recorded_at = recorded_at(&transaction, now).await?;
    let facts: Vec<&Fact> = facts.iter().map(|(_, fact)| fact).collect();
    let mut state = load::load(&transaction, &facts).await?;
    let mut activities: Vec<activity::Model> = Vec::with_capacity(facts.len());
    for fact in &facts {
        activities.extend(
            fold::apply(&mut state, fact)
                .1
                .activities
                .into_iter()
                .map(|new| new.row),
        );
    }
    activities.extend(
        fold::finish(&mut state, recorded_at)
            .into_iter()
            .map(|new| new.row),
    );
    for row in &mut activities {
        row.recorded_at = recorded_at;
        fold::refile(&state, row);
    }
    let stored = store::store(&transaction, &state, &activities).await;
    transaction.rollback().await?;
    stored
}

/// The quarantine entry of an element that the database refused.
pub fn refused(delivery: &Delivery, element: usize) -> Misfit {
    let elements: Vec<&serde_json::value::RawValue> =
        serde_json::from_slice(&delivery.body).unwrap_or_default();
    let content = match elements.get(element) {
        Some(element) => element.get().to_owned(),
        None => String::from_utf8_lossy(&delivery.body).into_owned(),
    };
    Misfit {
        element: Some(element),
        path: format!("$[{element}]"),
        reason: "the database refused this element; it is kept here and can be driven again after an upgrade"
            .to_owned(),
        // PostgreSQL takes no NUL in a text.
        content: content.replace('\0', "\u{fffd}"),
    }
}

#[cfg(test)]
mod tests {
    //! P2 with a real database between the batches: what `load` brings back must be enough for the fold.

    use std::collections::BTreeMap;

    use entity::{Operation, Source};
    use migration::MigratorTrait as _;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::delivery::Content;
    use crate::domain::fold::tests::history::{Step, histories};
    use crate::domain::operator::{self, Declared};

    const TABLES: [&str; 11] = [
        "property",
        "building",
        "site",
        "level",
        "zone",
        "incident",
        "task",
        "status_change",
        "note",
        "chase",
        "place_link",
    ];
    /// What P2 promises of the activities.
    const TOLD: &str = "SELECT quote(id) || kind || occurred_at || quote(subject_id) FROM activity
        WHERE kind <> 'LINKED' ORDER BY 1";

    fn delivery(number: (usize, usize), facts: &[Fact]) -> Delivery {
        let body_hash = format!("{number:?}");
        Delivery {
            id: id::delivery(Source::Matrix, Operation::Events, None, &body_hash),
            source: Source::Matrix,
            operation: Operation::Events,
            credential: "test".to_owned(),
            credential_position: 0,
            signed_at: None,
            body_hash,
            body: b"[]".to_vec(),
            received_at: DateTime::UNIX_EPOCH,
            content: Content {
                facts: facts.iter().cloned().enumerate().collect(),
                ..Content::default()
            },
        }
    }

    async fn rows(database: &Database) -> BTreeMap<String, Vec<String>> {
        let mut tables = BTreeMap::new();
        for table in TABLES {
            let columns = Statement::from_string(
                DbBackend::Sqlite,
                format!("SELECT name FROM pragma_table_info('{table}')"),
            );
            let columns: Vec<String> = database
                .readers
                .query_all_raw(columns)
                .await
                .unwrap()
                .iter()
                .map(|row| format!("quote({})", row.try_get_by_index::<String>(0).unwrap()))
                .collect();
            let all = format!(
                "SELECT {} FROM {table} ORDER BY 1",
                columns.join(" || ' ' || ")
            );
            tables.insert(table.to_owned(), texts(database, &all).await);
        }
        tables.insert("activity".to_owned(), texts(database, TOLD).await);
        tables
    }

    async fn texts(database: &Database, sql: &str) -> Vec<String> {
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let rows = database.readers.query_all_raw(statement).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    async fn play(steps: &[Step], per_batch: usize) -> BTreeMap<String, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("test.db").display()
        );
        let database = Database::open(&url, 1).await.unwrap();
        migration::Migrator::up(&database.writer, None)
            .await
            .unwrap();
        let now = DateTime::UNIX_EPOCH;
        for (number, steps) in steps.chunks(per_batch).enumerate() {
            let mut facts = Vec::new();
            for (part, step) in steps.iter().enumerate() {
                let places = match step {
                    Step::Fact(fact) => {
                        facts.push(Fact::clone(fact));
                        continue;
                    }
                    Step::Places(places) => places.clone(),
                };
                // The operator's word is a transaction of its own: what came before it is written before it.
                let before = delivery((number, part), &std::mem::take(&mut facts));
                write(&database, &[before], now).await.unwrap();
                let declared = Declared {
                    places,
                    ..Declared::default()
                };
                operator::import(&database, &declared, now).await.unwrap();
            }
            let rest = delivery((number, per_batch), &facts);
            write(&database, &[rest], now).await.unwrap();
        }
        let rows = rows(&database).await;
        database.close().await;
        rows
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn what_is_loaded_is_enough_for_the_fold((steps, other) in histories(), per_batch in 1..6_usize) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                prop_assert_eq!(play(&steps, steps.len()).await, play(&other, per_batch).await);
                Ok(())
            })?;
        }
    }
}
