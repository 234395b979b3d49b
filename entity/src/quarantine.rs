//! Table `quarantine`: an element of a delivery that could not be taken in, kept until it is driven again.

use crate::{DeliveryId, QuarantineId};
use sea_orm::entity::prelude::*;

/// One row of `quarantine`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "quarantine")]
pub struct Model {
    /// Derived from (delivery, index).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: QuarantineId,
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// The position of the element in the batch, from 0.
    pub element: i32,
    /// The JSON path at which it went wrong.
    pub path: String,
    /// What was wrong and what was expected.
    pub reason: String,
    /// The element as received.
    pub content: String,
    /// When it was put here.
    pub quarantined_at: DateTimeUtc,
    /// When it was taken in after all.
    pub resolved_at: Option<DateTimeUtc>,
}

crate::stored::stored!(
    id,
    delivery_id,
    element,
    path,
    reason,
    content,
    quarantined_at,
    resolved_at,
);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
