//! Table `delivery_body`: the raw bytes of a delivery, apart because they have their own retention.

use crate::DeliveryId;
use sea_orm::entity::prelude::*;

/// One row of `delivery_body`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_body")]
pub struct Model {
    /// The delivery.
    #[sea_orm(primary_key, auto_increment = false)]
    pub delivery_id: DeliveryId,
    /// The body exactly as received.
    pub body: Vec<u8>,
}

crate::stored::stored!(delivery_id, body,);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
