//! A kept call driven again: the same load, fold and store, with what it changes; for good, or in a transaction that is
//! rolled back.

use std::collections::{HashSet, VecDeque};

use chrono::{DateTime, Utc};
use entity::{ActivityId, activity, delivery};
use sea_orm::{DatabaseTransaction, DbErr, TransactionTrait};

use super::apply::Call;
use super::touched::{self, Touched};
use super::{apply, begin, calls, facts_of, notify, receipt, recorded_at};
use crate::domain::bulk::{self, Keys};
use crate::domain::database::Database;
use crate::domain::delivery::{Delivery, Occasion, Receipt};
use crate::domain::fact::Fact;
use crate::domain::failure::{Failure, classify};
use crate::domain::row::RowChange;
use crate::domain::{load, store};

/// What driving a call again came to.
#[derive(Clone, Debug)]
pub struct Again {
    /// What became of it.
    pub receipt: Receipt,
    /// The rows that it changed, in the order of their tables' names.
    pub rows: Vec<RowChange>,
    /// The activities that it added; their `seq` is not known here.
    pub activities: Vec<activity::Model>,
    /// How many entries timelines got of what was filed before its place was known.
    pub linked: u64,
}

/// What driving a call again would come to.
#[derive(Clone, Debug)]
pub enum Rehearsed {
    /// All that is understood of it would go through.
    Driven(Again),
    /// The database would refuse some of its elements, the others would go through.
    PartlyRefused(Again),
    /// It was pruned meanwhile.
    Gone,
}

/// What is taken for known beside what is stored.
pub type Known = HashSet<ActivityId>;

/// Drives `delivery` again. None when it was pruned meanwhile: then nothing is stored.
///
/// # Errors
/// What the database says; nothing is stored then.
pub async fn replay(
    database: &Database,
    delivery: &Delivery,
    now: DateTime<Utc>,
) -> Result<Option<Again>, DbErr> {
    let transaction = begin(database).await?;
    let at = recorded_at(&transaction, now).await?;
    let again = replay_in(&transaction, delivery, &Known::new(), at).await?;
    if let Some(again) = &again {
        notify(&transaction, &again.activities).await?;
    }
    transaction.commit().await?;
    Ok(again)
}

/// What driving `deliveries` again, one after another, would come to. Everything is rolled back. What earlier rehearsals
/// had found to be news is given as `known`, so that it is no news twice.
///
/// # Errors
/// What the database says, when it is not the data.
pub async fn rehearse(
    database: &Database,
    deliveries: &[Delivery],
    known: &Known,
    now: DateTime<Utc>,
) -> Result<Vec<Rehearsed>, DbErr> {
    let transaction = begin(database).await?;
    let mut told = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        // What an earlier one would change is seen by the later ones, as it will be.
        told.push(rehearse_one(&transaction, delivery, known, now).await?);
    }
    transaction.rollback().await?;
    Ok(told)
}

async fn rehearse_one(
    transaction: &DatabaseTransaction,
    delivery: &Delivery,
    known: &Known,
    now: DateTime<Utc>,
) -> Result<Rehearsed, DbErr> {
    let at = recorded_at(transaction, now).await?;
    let error = match attempt(transaction, delivery, known, at).await {
        Ok(Some(again)) => return Ok(Rehearsed::Driven(again)),
        Ok(None) => return Ok(Rehearsed::Gone),
        Err(error) => error,
    };
    if classify(&error) != Failure::Data {
        return Err(error);
    }
    // As the writer does: element by element, then all that is left together, then none of it.
    let apart = sift(transaction, delivery, known, at).await?;
    let again = match attempt(transaction, &apart, known, at).await {
        Err(error) if classify(&error) == Failure::Data => {
            let mut none = apart;
            for (element, _) in std::mem::take(&mut none.content.facts) {
                let refused = receipt::refused(delivery, element);
                none.content.misfits.push(refused);
            }
            attempt(transaction, &none, known, at).await?
        }
        again => again?,
    };
    Ok(again.map_or(Rehearsed::Gone, Rehearsed::PartlyRefused))
}

/// Drives it again under a savepoint, which stays only when it goes through.
async fn attempt(
    transaction: &DatabaseTransaction,
    delivery: &Delivery,
    known: &Known,
    at: DateTime<Utc>,
) -> Result<Option<Again>, DbErr> {
    let savepoint = transaction.begin().await?;
    match replay_in(&savepoint, delivery, known, at).await {
        Ok(again) => savepoint.commit().await.map(|()| again),
        Err(error) => {
            savepoint.rollback().await?;
            Err(error)
        }
    }
}

/// The delivery with the elements that the database refuses set apart.
async fn sift(
    transaction: &DatabaseTransaction,
    delivery: &Delivery,
    known: &Known,
    at: DateTime<Utc>,
) -> Result<Delivery, DbErr> {
    let mut sifted = delivery.clone();
    let facts = std::mem::take(&mut sifted.content.facts);
    let mut parts = VecDeque::from([facts.as_slice()]);
    while let Some(part) = parts.pop_front() {
        let savepoint = transaction.begin().await?;
        let call = Call {
            delivery: None,
            facts: facts_of(part),
        };
        let tried = async {
            let applied = apply_known(&savepoint, vec![call], known, at).await?;
            store::store(&savepoint, &applied.state, &applied.activities, at).await
        };
        let tried = tried.await;
        savepoint.rollback().await?;
        match (tried, part) {
            (Ok(_), part) => sifted.content.facts.extend_from_slice(part),
            (Err(error), _) if classify(&error) != Failure::Data => return Err(error),
            (Err(_), [(element, _)]) => {
                let refused = receipt::refused(delivery, *element);
                sifted.content.misfits.push(refused);
            }
            (Err(_), part) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.push_front(second);
                parts.push_front(first);
            }
        }
    }
    Ok(sifted)
}

async fn apply_known(
    transaction: &DatabaseTransaction,
    calls: Vec<Call>,
    known: &Known,
    at: DateTime<Utc>,
) -> Result<apply::Applied, DbErr> {
    let facts = calls.iter().flat_map(|call| &call.facts);
    let facts: Vec<&Fact> = facts.map(AsRef::as_ref).collect();
    let mut state = load::load(transaction, &facts).await?;
    let known = facts
        .iter()
        .map(|fact| fact.id)
        .filter(|id| known.contains(id));
    state.known.extend(known);
    apply::apply(state, calls, at).await
}

/// None when the delivery is not kept any more, as the lock shows it.
async fn replay_in(
    transaction: &DatabaseTransaction,
    delivery: &Delivery,
    known: &Known,
    at: DateTime<Utc>,
) -> Result<Option<Again>, DbErr> {
    let own = [delivery.id.0];
    let own = [Keys::Uuids(&own)];
    let kept = bulk::rows::<delivery::Entity>(transaction, "id IN {0}", &own).await?;
    if kept.is_empty() {
        return Ok(None);
    }
    let one = std::slice::from_ref(delivery);
    let applied = apply_known(transaction, calls(one), known, at).await?;
    let touched = Touched::by(transaction, &applied.state, delivery.id).await?;
    let before = touched.read(transaction).await?;
    let linked = store::store(transaction, &applied.state, &applied.activities, at).await?;
    let counts = &applied.counts;
    let receipts =
        receipt::store_deliveries(transaction, one, counts, at, Occasion::Replay).await?;
    let after = touched.read(transaction).await?;
    let missing = || DbErr::Custom("a replayed delivery gave no receipt".to_owned());
    Ok(Some(Again {
        receipt: receipts.into_iter().next().ok_or_else(missing)?,
        rows: touched::compare(&before, &after),
        activities: applied.activities,
        linked,
    }))
}
