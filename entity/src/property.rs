//! Table `property`: a customer estate, as Matrix names it.

use crate::{PropertyId, Source};
use sea_orm::entity::prelude::*;

/// One row of `property`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "property")]
pub struct Model {
    /// Derived from (source, code).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PropertyId,
    /// The platform that knows it.
    pub source: Source,
    /// The platform's id.
    pub code: String,
    /// The operator's name for it, from `[[properties]]`.
    pub name: Option<String>,
}

crate::stored::stored!(id, source, code, name,);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
