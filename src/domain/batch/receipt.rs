//! What became of each delivery: its row, its body, its quarantined elements, and the receipt for its caller.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use entity::{
    DeliveryId, Json, Outcome, QuarantineId, delivery, delivery_body, delivery_key, quarantine,
};
use sea_orm::{DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::session::micros;
use crate::domain::bulk::{self, Existing, Keys};
use crate::domain::delivery::{Delivery, EXCERPT, Misfit, Occasion, Receipt, Text};
use crate::domain::fold::Verdict;
use crate::domain::id;

/// What became of the facts of one delivery.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    facts: usize,
    duplicates: usize,
    conflicts: usize,
    /// What the first conflict is about.
    contradiction: Option<String>,
}

impl Count {
    pub(super) fn add(&mut self, verdict: Verdict) {
        self.facts += 1;
        match verdict {
            Verdict::Applied => {}
            Verdict::Duplicate => self.duplicates += 1,
            Verdict::Conflict(contradiction) => {
                self.conflicts += 1;
                self.contradiction.get_or_insert(contradiction);
            }
        }
    }

    /// Whether all of it was known.
    fn is_no_news(&self) -> bool {
        self.facts == self.duplicates
    }

    fn outcome(&self, misfits: usize) -> Outcome {
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
    occasion: Occasion,
) -> Result<Vec<Receipt>, DbErr> {
    if occasion == Occasion::Rebuild {
        let pairs = deliveries.iter().zip(counts);
        return Ok(pairs
            .map(|(delivery, count)| told(delivery, count))
            .collect());
    }
    let mut held = Held::load(transaction, deliveries).await?;
    let (mut bodies, mut quarantined, mut receipts) = (Vec::new(), BTreeMap::new(), Vec::new());
    for (delivery, count) in deliveries.iter().zip(counts) {
        let mut receipt = told(delivery, count);
        let mut is_settled = false;
        let misfits = &delivery.content.misfits;
        if let Some(row) = held.rows.get_mut(&delivery.id) {
            if occasion == Occasion::Arrival {
                row.received_count += 1;
                row.last_received_at = row.last_received_at.max(micros(delivery.received_at));
            }
            take_in(row, delivery, count);
            if occasion == Occasion::Arrival && row.quarantined > 0 {
                // What is in quarantine is driven again from its bytes: those that were pruned are here once more.
                bodies.push(body_of(delivery));
            }
            // All of it went through before: that another release reads it otherwise takes nothing back.
            is_settled = row.quarantined == 0;
            receipt.outcome = match occasion {
                Occasion::Replay => row.outcome,
                _ => receipt.outcome,
            };
        } else if occasion == Occasion::Replay {
            // It was pruned while it was driven again: that brings no call back.
            receipts.push(receipt);
            continue;
        } else if held.is_pruned(delivery.id) && count.is_no_news() && misfits.is_empty() {
            // An old call whose row is no longer kept: it stays a repeat, and its bytes stay away. What could not be
            // taken in is no repeat of anything in the model, and is kept.
            receipt.outcome = Outcome::Duplicate;
            receipts.push(receipt);
            continue;
        } else {
            held.rows.insert(delivery.id, new_row(delivery, count));
            bodies.push(body_of(delivery));
        }
        let known = held.quarantined.entry(delivery.id).or_default();
        let misfits: &[Misfit] = if is_settled { &[] } else { misfits };
        let now = quarantine_rows(delivery.id, misfits, recorded_at);
        receipt.resolved = set_apart(known, now, &mut quarantined, recorded_at);
        let open = known.iter().filter(|row| row.resolved_at.is_none()).count();
        receipt.quarantined = open;
        if let Some(row) = held.rows.get_mut(&delivery.id) {
            row.quarantined = number(open);
        }
        receipts.push(receipt);
    }
    let mut rows: Vec<delivery::Model> = held.rows.into_values().collect();
    rows.sort_unstable_by_key(|row| row.id);
    let quarantined: Vec<quarantine::Model> = quarantined.into_values().collect();
    bulk::write::<delivery::Entity>(transaction, &rows, &[], Existing::Replace).await?;
    bulk::write::<delivery_body::Entity>(transaction, &bodies, &[], Existing::Keep).await?;
    bulk::write::<quarantine::Entity>(transaction, &quarantined, &[], Existing::Replace).await?;
    Ok(receipts)
}

fn body_of(delivery: &Delivery) -> delivery_body::Model {
    delivery_body::Model {
        delivery_id: delivery.id,
        body: delivery.body.clone(),
    }
}

/// How many elements `misfits` speak of: of one there may be several complaints.
fn elements(misfits: &[Misfit]) -> usize {
    let elements = misfits.iter().enumerate();
    let elements = elements.map(|(index, misfit)| misfit.element.unwrap_or(index));
    elements.collect::<HashSet<usize>>().len()
}

/// The quarantined elements of a delivery, by their position. Of several complaints about one the first is kept.
fn quarantine_rows(
    delivery: DeliveryId,
    misfits: &[Misfit],
    recorded_at: DateTime<Utc>,
) -> BTreeMap<i32, quarantine::Model> {
    let rows = misfits.iter().enumerate();
    let rows = rows.map(|(index, misfit)| quarantine_row(delivery, index, misfit, recorded_at));
    rows.rev().map(|row| (row.element, row)).collect()
}

/// Brings the quarantine of a delivery into line with what could not be taken in `now`; `known` is what it holds,
/// `changed` what has to be written. Gives how many elements left it.
fn set_apart(
    known: &mut Vec<quarantine::Model>,
    now: BTreeMap<i32, quarantine::Model>,
    changed: &mut BTreeMap<QuarantineId, quarantine::Model>,
    recorded_at: DateTime<Utc>,
) -> usize {
    let mut resolved = 0;
    for row in known.iter_mut() {
        if row.resolved_at.is_none() && !now.contains_key(&row.element) {
            row.resolved_at = Some(recorded_at);
            resolved += 1;
            changed.insert(row.id, row.clone());
        }
    }
    for row in now.into_values() {
        match known.iter_mut().find(|known| known.id == row.id) {
            Some(known) if known.resolved_at.is_some() => {}
            Some(known) if (&known.path, &known.reason) == (&row.path, &row.reason) => {}
            Some(known) => {
                known.path = row.path;
                known.reason = row.reason;
                changed.insert(known.id, known.clone());
            }
            None => {
                changed.insert(row.id, row.clone());
                known.push(row);
            }
        }
    }
    resolved
}

/// What the database holds of the deliveries of a batch.
struct Held {
    rows: HashMap<DeliveryId, delivery::Model>,
    quarantined: HashMap<DeliveryId, Vec<quarantine::Model>>,
    pruned: HashSet<DeliveryId>,
}

impl Held {
    async fn load(
        transaction: &DatabaseTransaction,
        deliveries: &[Delivery],
    ) -> Result<Self, DbErr> {
        let ids: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.id.0).collect();
        let keys = [Keys::Uuids(&ids)];
        let rows = bulk::rows::<delivery::Entity>(transaction, "id IN {0}", &keys).await?;
        let rows: HashMap<DeliveryId, delivery::Model> =
            rows.into_iter().map(|row| (row.id, row)).collect();
        let (known, unknown): (Vec<Uuid>, Vec<Uuid>) = ids
            .iter()
            .partition(|id| rows.contains_key(&DeliveryId(**id)));
        let mut quarantined: HashMap<DeliveryId, Vec<quarantine::Model>> = HashMap::new();
        if !known.is_empty() {
            let of = "delivery_id IN {0}";
            let keys = [Keys::Uuids(&known)];
            for row in bulk::rows::<quarantine::Entity>(transaction, of, &keys).await? {
                quarantined.entry(row.delivery_id).or_default().push(row);
            }
        }
        let mut pruned = HashSet::new();
        if !unknown.is_empty() {
            let keys = [Keys::Uuids(&unknown)];
            let found = bulk::rows::<delivery_key::Entity>(transaction, "id IN {0}", &keys).await?;
            pruned.extend(found.into_iter().map(|row| row.id));
        }
        Ok(Self {
            rows,
            quarantined,
            pruned,
        })
    }

    fn is_pruned(&self, id: DeliveryId) -> bool {
        self.pruned.contains(&id)
    }
}

fn told(delivery: &Delivery, count: &Count) -> Receipt {
    let misfits = elements(&delivery.content.misfits);
    Receipt {
        id: delivery.id,
        outcome: count.outcome(misfits),
        quarantined: misfits,
        applied: count.facts - count.duplicates,
        resolved: 0,
        is_told: false,
    }
}

/// Takes a call that is known into its row: a repeat, or one driven again. It changes nothing there unless it went
/// better this time.
fn take_in(row: &mut delivery::Model, delivery: &Delivery, count: &Count) {
    let position = position(delivery);
    if position < row.credential_position {
        // Of the credentials that one call came under the first counts, as of the versions of an act: a rebuild has
        // only this one to go by.
        row.credential = delivery.credential.clone();
        row.credential_position = position;
    }
    let misfits = elements(&delivery.content.misfits);
    if count.is_no_news() && number(misfits) >= row.quarantined {
        return;
    }
    // What this call itself told before is no duplicate of another call.
    let own = row.events - row.quarantined;
    let duplicates = row.duplicates + (number(count.duplicates) - own).max(0);
    let was_conflict = row.outcome == Outcome::Conflict;
    let fresh = new_row(delivery, count);
    let all_known = duplicates >= number(count.facts) && count.facts > 0;
    let outcome = match (misfits, all_known) {
        (1.., _) => fresh.outcome,
        (0, true) => Outcome::Duplicate,
        (0, false) if was_conflict || count.conflicts > 0 => Outcome::Conflict,
        (0, false) => Outcome::Applied,
    };
    *row = delivery::Model {
        outcome,
        problem: fresh.problem.or_else(|| {
            let before = row.problem.take();
            before.filter(|_| outcome == Outcome::Conflict)
        }),
        flags: fresh.flags,
        events: fresh.events,
        duplicates,
        quarantined: fresh.quarantined,
        ..row.clone()
    };
}

fn new_row(delivery: &Delivery, count: &Count) -> delivery::Model {
    let misfits = &delivery.content.misfits;
    let apart = elements(misfits);
    delivery::Model {
        id: delivery.id,
        source: delivery.source,
        operation: delivery.operation,
        credential: delivery.credential.clone(),
        credential_position: position(delivery),
        signed_at: delivery.signed_at.clone(),
        body_hash: delivery.body_hash.clone(),
        size: i64::try_from(delivery.body.len()).unwrap_or(i64::MAX),
        outcome: count.outcome(apart),
        problem: misfits
            .first()
            .map(|misfit| format!("{}: {}", misfit.path, misfit.reason))
            .or_else(|| count.contradiction.clone()),
        flags: Json(delivery.content.flags.clone()),
        events: number(count.facts + apart),
        duplicates: number(count.duplicates),
        quarantined: number(apart),
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

fn position(delivery: &Delivery) -> i32 {
    i32::try_from(delivery.credential_position).unwrap_or(i32::MAX)
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The quarantine entry of an element that the database refused.
pub fn refused(delivery: &Delivery, element: usize) -> Misfit {
    let origins = &delivery.content.origins;
    let origin = origins.iter().find(|origin| origin.element == element);
    let (path, text) = match origin {
        Some(origin) => (origin.path.clone(), &origin.text),
        None => ("$".to_owned(), &Text::OfBody(0..delivery.body.len())),
    };
    let bytes = match text {
        Text::OfBody(range) => delivery.body.get(range.clone()).unwrap_or_default(),
        Text::Own(text) => text.as_bytes(),
    };
    let excerpt = bytes.get(..EXCERPT).unwrap_or(bytes);
    Misfit {
        element: Some(element),
        path,
        reason: "the database refused this element; it is kept here and can be driven again after an upgrade"
            .to_owned(),
        // PostgreSQL takes no NUL in a text.
        content: String::from_utf8_lossy(excerpt).replace('\0', "\u{fffd}"),
    }
}
