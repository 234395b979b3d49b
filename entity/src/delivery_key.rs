//! Table `delivery_key`: the repeat keys of calls that are no longer kept: the id is derived from source, operation,
//! signed time and body hash.

use crate::DeliveryId;
use sea_orm::entity::prelude::*;

/// One row of `delivery_key`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_key")]
pub struct Model {
    /// The id that the delivery had.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DeliveryId,
}

crate::stored::stored!(id,);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
