//! Table `search`: the words by which a building, zone, incident or task is found. On SQLite triggers keep an FTS5 table
//! for each kind in line with it; on PostgreSQL there is a GIN index for each kind.

use crate::Searched;
use sea_orm::entity::prelude::*;

/// One row of `search`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "search")]
pub struct Model {
    /// What is found: the id of a row of the table of its kind.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What sort of thing it is.
    pub kind: Searched,
    /// Its words, folded, each once, in order, with spaces between.
    pub words: String,
}

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
