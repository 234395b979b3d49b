//! A kept call driven again: the same load, fold and store, with what it changes; for good, or in a transaction that is
//! rolled back.

use chrono::{DateTime, Utc};
use entity::activity;
use sea_orm::{DatabaseTransaction, DbErr, TransactionTrait};

use super::touched::{self, Touched};
use super::{begin, calls, load_and_apply, notify, receipt, recorded_at};
use crate::domain::database::Database;
use crate::domain::delivery::{Delivery, Occasion, Receipt};
use crate::domain::row::RowChange;
use crate::domain::{failure, store};

/// What driving a call again came to.
#[derive(Clone, Debug)]
pub struct Again {
    /// What became of it.
    pub receipt: Receipt,
    /// The rows that it changed, in the order of their tables' names.
    pub rows: Vec<RowChange>,
    /// The activities that it added; their `seq` is not known here.
    pub activities: Vec<activity::Model>,
}

/// Drives `delivery` again.
///
/// # Errors
/// What the database says; nothing is stored then.
pub async fn replay(
    database: &Database,
    delivery: &Delivery,
    now: DateTime<Utc>,
) -> Result<Again, DbErr> {
    let transaction = begin(database).await?;
    let at = recorded_at(&transaction, now).await?;
    let again = replay_in(&transaction, delivery, at).await?;
    notify(&transaction, &again.activities).await?;
    transaction.commit().await?;
    Ok(again)
}

/// What driving `deliveries` again, one after another, would come to. Everything is rolled back. A delivery whose data
/// the database refuses gives the refusal, and the others go on.
///
/// # Errors
/// What the database says, when it is not the data.
pub async fn rehearse(
    database: &Database,
    deliveries: &[Delivery],
    now: DateTime<Utc>,
) -> Result<Vec<Result<Again, DbErr>>, DbErr> {
    let transaction = begin(database).await?;
    let mut told = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        // What an earlier one would change is seen by the later ones, as it will be.
        let savepoint = transaction.begin().await?;
        let at = recorded_at(&savepoint, now).await?;
        match replay_in(&savepoint, delivery, at).await {
            Ok(again) => {
                savepoint.commit().await?;
                told.push(Ok(again));
            }
            Err(error) if failure::classify(&error) == failure::Failure::Data => {
                savepoint.rollback().await?;
                told.push(Err(error));
            }
            Err(error) => return Err(error),
        }
    }
    transaction.rollback().await?;
    Ok(told)
}

async fn replay_in(
    transaction: &DatabaseTransaction,
    delivery: &Delivery,
    at: DateTime<Utc>,
) -> Result<Again, DbErr> {
    let one = std::slice::from_ref(delivery);
    let applied = load_and_apply(transaction, calls(one), at).await?;
    let touched = Touched::by(transaction, &applied.state, delivery.id).await?;
    let before = touched.read(transaction).await?;
    store::store(transaction, &applied.state, &applied.activities).await?;
    let counts = &applied.counts;
    let receipts =
        receipt::store_deliveries(transaction, one, counts, at, Occasion::Replay).await?;
    let after = touched.read(transaction).await?;
    let missing = || DbErr::Custom("a replayed delivery gave no receipt".to_owned());
    Ok(Again {
        receipt: receipts.into_iter().next().ok_or_else(missing)?,
        rows: touched::compare(&before, &after),
        activities: applied.activities,
    })
}
