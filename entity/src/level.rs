//! Table `level`: a floor of a building, as Matrix tells it.

use crate::{BuildingId, Json, LevelId, SetBy, SiteId};
use sea_orm::entity::prelude::*;

/// One row of `level`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "level")]
pub struct Model {
    /// Derived from (Matrix building, level id).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LevelId,
    /// The site it was told for.
    pub site_id: SiteId,
    /// The building it is in now.
    pub building_id: BuildingId,
    /// The Matrix level id.
    pub code: String,
    /// Its name.
    pub name: Option<String>,
    /// Which fact set which field.
    pub set_by: Json<SetBy>,
}

crate::stored::stored!(id, site_id, building_id, code, name, set_by,);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
