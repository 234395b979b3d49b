//! One transaction: lock, load, fold, store, commit.

mod again;
mod apply;
mod receipt;
mod session;
#[cfg(test)]
pub(crate) mod tests;
mod touched;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, DbErr};

pub use self::again::{Again, Known, Rehearsed, rehearse, replay};
use self::apply::{Applied, Call};
pub use self::receipt::refused;
pub use self::session::{CHANNEL, begin, notify, recorded_at};
use super::database::Database;
use super::delivery::{Delivery, Occasion, Receipt};
use super::fact::Fact;
use super::{load, store};

/// Writes `deliveries` and tells what became of each.
///
/// # Errors
/// What the database says; then nothing is stored, or it is not known whether it is.
pub async fn write(
    database: &Database,
    deliveries: &[Delivery],
    now: DateTime<Utc>,
) -> Result<Vec<Receipt>, DbErr> {
    write_on(database, deliveries, now, Occasion::Arrival).await
}

/// The same on any occasion.
///
/// # Errors
/// As [`write()`].
pub async fn write_on(
    database: &Database,
    deliveries: &[Delivery],
    now: DateTime<Utc>,
    occasion: Occasion,
) -> Result<Vec<Receipt>, DbErr> {
    let transaction = begin(database).await?;
    let recorded_at = recorded_at(&transaction, now).await?;
    let applied = load_and_apply(&transaction, calls(deliveries), recorded_at).await?;
    store::store(
        &transaction,
        &applied.state,
        &applied.activities,
        recorded_at,
    )
    .await?;
    let counts = &applied.counts;
    let mut receipts =
        receipt::store_deliveries(&transaction, deliveries, counts, recorded_at, occasion).await?;
    for receipt in &mut receipts {
        receipt.is_told = !applied.activities.is_empty();
    }
    if occasion != Occasion::Rebuild {
        notify(&transaction, &applied.activities).await?;
    }
    transaction.commit().await?;
    Ok(receipts)
}

fn calls(deliveries: &[Delivery]) -> Vec<Call> {
    let call = |delivery: &Delivery| Call {
        delivery: Some(delivery.id),
        facts: facts_of(&delivery.content.facts),
    };
    deliveries.iter().map(call).collect()
}

fn facts_of(facts: &[(usize, Arc<Fact>)]) -> Vec<Arc<Fact>> {
    facts.iter().map(|(_, fact)| Arc::clone(fact)).collect()
}

async fn load_and_apply(
    transaction: &DatabaseTransaction,
    calls: Vec<Call>,
    recorded_at: DateTime<Utc>,
) -> Result<Applied, DbErr> {
    let facts: Vec<&Fact> = calls
        .iter()
        .flat_map(|call| call.facts.iter().map(Arc::as_ref))
        .collect();
    let state = load::load(transaction, &facts).await?;
    apply::apply(state, calls, recorded_at).await
}

/// Whether the database takes `facts` together, found out in a transaction that is rolled back.
///
/// # Errors
/// Why it does not.
pub async fn try_facts(
    database: &Database,
    facts: &[(usize, Arc<Fact>)],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let transaction = begin(database).await?;
    let recorded_at = recorded_at(&transaction, now).await?;
    let call = Call {
        delivery: None,
        facts: facts_of(facts),
    };
    let applied = load_and_apply(&transaction, vec![call], recorded_at).await?;
    let stored = store::store(
        &transaction,
        &applied.state,
        &applied.activities,
        recorded_at,
    )
    .await;
    transaction.rollback().await?;
    stored.map(drop)
}
