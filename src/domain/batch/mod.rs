//! One transaction: lock, load, fold, store, commit.

mod receipt;
mod session;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use entity::activity;
use sea_orm::DbErr;

use self::receipt::Count;
pub use self::receipt::refused;
pub use self::session::{CHANNEL, begin, notify, recorded_at};
use super::database::Database;
use super::delivery::{Delivery, Receipt};
use super::fact::Fact;
use super::{fold, load, store};

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
    let receipts =
        receipt::store_deliveries(&transaction, deliveries, &counts, recorded_at).await?;
    notify(&transaction, &activities).await?;
    transaction.commit().await?;
    Ok(receipts)
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
