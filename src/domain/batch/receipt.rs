//! What became of each delivery: its row, its body, its quarantined elements, and the receipt for its caller.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{DeliveryId, Json, Outcome, delivery, delivery_body, quarantine};
use sea_orm::{DatabaseTransaction, DbErr};

use super::session::micros;
use crate::domain::bulk::{self, Existing, Keys};
use crate::domain::delivery::{Delivery, Misfit, Receipt};
use crate::domain::fold::Verdict;
use crate::domain::id;

/// What became of the facts of one delivery.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    facts: usize,
    duplicates: usize,
    conflicts: usize,
}

impl Count {
    pub(super) fn add(&mut self, verdict: Verdict) {
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

/// Stores the deliveries beside what they told.
pub(super) async fn store_deliveries(
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
