//! Table `activity_link`: activities that belong to the timeline of a thing although they were filed before that was known.

use sea_orm::entity::prelude::*;

/// One row of `activity_link`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_link")]
pub struct Model {
    /// The building, incident or task whose timeline it joins.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: Uuid,
    /// The activity.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// When it happened, copied for the order of timelines.
    pub occurred_at: DateTimeUtc,
    /// When it was taken in; null where that was not kept: then it was there before the history can be asked.
    pub linked_at: Option<DateTimeUtc>,
}

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
