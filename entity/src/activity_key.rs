//! Table `activity_key`: the ids of activities that are no longer kept, so that an old repeat stays a duplicate.

use crate::ActivityId;
use sea_orm::entity::prelude::*;

/// One row of `activity_key`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_key")]
pub struct Model {
    /// The id that the activity had.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ActivityId,
}

crate::stored::stored!(id,);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
