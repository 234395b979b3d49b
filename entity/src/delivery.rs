//! Table `delivery`: one authentic call, kept whatever became of it. A repeat is counted, not stored again.

use crate::{DeliveryId, Json, Operation, Outcome, Source};
use sea_orm::entity::prelude::*;

/// One row of `delivery`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    /// Derived from (source, operation, signed time, body hash).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DeliveryId,
    /// The platform.
    pub source: Source,
    /// The call.
    pub operation: Operation,
    /// The name of the credential that proved the sender.
    pub credential: String,
    /// The position of that credential in the settings.
    pub credential_position: i32,
    /// The time that was signed with the call, exactly as sent.
    pub signed_at: Option<String>,
    /// SHA-256 of the body, hexadecimal.
    pub body_hash: String,
    /// Length of the body in bytes.
    pub size: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in plain words, when it was not simply applied.
    pub problem: Option<String>,
    /// What was odd about it but accepted: `JSON path: what`.
    pub flags: Json<Vec<String>>,
    /// How many events it told.
    pub events: i32,
    /// How many of them were known already.
    pub duplicates: i32,
    /// How many elements were quarantined.
    pub quarantined: i32,
    /// When it came first.
    pub received_at: DateTimeUtc,
    /// When it came last.
    pub last_received_at: DateTimeUtc,
    /// How often it came.
    pub received_count: i32,
}

crate::stored::stored!(
    id,
    source,
    operation,
    credential,
    credential_position,
    signed_at,
    body_hash,
    size,
    outcome,
    problem,
    flags,
    events,
    duplicates,
    quarantined,
    received_at,
    last_received_at,
    received_count,
);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
