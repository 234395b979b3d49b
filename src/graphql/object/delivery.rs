//! Deliveries: what arrived, from whom, and what became of it. Operators only.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use entity::{delivery, quarantine};

use crate::graphql::enums::{Operation, Outcome, Source};
use crate::graphql::id::{GlobalId, Kind};
use crate::graphql::slot::Slots;
use crate::graphql::written::written;

/// One authentic call of a platform, kept whatever became of it. A repeat is counted, not stored again. Operators only.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Delivery {
    /// The global id.
    id: GlobalId,
    /// The platform.
    source: Source,
    /// The call.
    operation: Operation,
    /// The name of the credential that proved the sender.
    credential: String,
    /// The time that was signed with the call, exactly as sent; null when the platform signs none.
    signed_at: Option<String>,
    /// SHA-256 of the body, hexadecimal.
    body_hash: String,
    /// Length of the body in bytes.
    size: i64,
    /// What became of it.
    outcome: Outcome,
    /// Why, in plain words, when it was not simply taken in; null when it was.
    problem: Option<String>,
    /// What was odd about it but accepted, each as `JSON path: what`.
    flags: Vec<String>,
    /// How many events it told.
    events: i32,
    /// How many of them were known already.
    duplicates: i32,
    /// How many elements of it are in quarantine now.
    quarantined_count: i32,
    /// When it came first (UTC).
    received_at: DateTime<Utc>,
    /// When it came last (UTC).
    last_received_at: DateTime<Utc>,
    /// How often it came.
    received_count: i32,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Delivery {
    id, source, operation, credential, signed_at, body_hash, size, outcome, problem, flags,
    events, duplicates, quarantined_count, received_at, last_received_at, received_count,
} and slots);

impl Delivery {
    pub(in crate::graphql) fn new(row: delivery::Model, slots: Slots) -> Self {
        Self {
            id: GlobalId(Kind::Delivery, row.id.0),
            source: row.source.into(),
            operation: row.operation.into(),
            credential: row.credential,
            signed_at: row.signed_at,
            body_hash: row.body_hash,
            size: row.size,
            outcome: row.outcome.into(),
            problem: row.problem,
            flags: row.flags.0,
            events: row.events,
            duplicates: row.duplicates,
            quarantined_count: row.quarantined,
            received_at: row.received_at,
            last_received_at: row.last_received_at,
            received_count: row.received_count,
            slots,
        }
    }
}

/// An element of a delivery that could not be taken in, kept until it is driven again. Operators only.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct QuarantinedElement {
    /// The global id.
    id: GlobalId,
    /// Its position in the batch, from 0.
    element: i32,
    /// The JSON path at which it went wrong.
    path: String,
    /// What was wrong and what was expected.
    reason: String,
    /// The element as received.
    content: String,
    /// When it was put here (UTC).
    quarantined_at: DateTime<Utc>,
    /// When it was taken in after all (UTC); null while it was not.
    resolved_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(QuarantinedElement {
    id, element, path, reason, content, quarantined_at, resolved_at,
} and slots);

impl QuarantinedElement {
    pub(in crate::graphql) fn new(row: quarantine::Model, slots: Slots) -> Self {
        Self {
            id: GlobalId(Kind::QuarantinedElement, row.id.0),
            element: row.element,
            path: row.path,
            reason: row.reason,
            content: row.content,
            quarantined_at: row.quarantined_at,
            resolved_at: row.resolved_at,
            slots,
        }
    }
}
