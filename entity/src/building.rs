//! Table `building`: the root of a chain of sites. The row exists only while its site is a root.

use crate::{BuildingId, Json, PropertyId, SiteId};
use sea_orm::entity::prelude::*;

/// One row of `building`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "building")]
pub struct Model {
    /// Derived from the key of the root site.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BuildingId,
    /// The root site.
    #[sea_orm(unique)]
    pub site_id: SiteId,
    /// The property it belongs to.
    pub property_id: Option<PropertyId>,
    /// The operator's name for it, else the name of its Urgent site, else the code of its root site.
    pub name: String,
    /// The address, from the Urgent site.
    pub address: Option<Json<serde_json::Value>>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
}

crate::stored::stored!(id, site_id, property_id, name, address, latitude, longitude,);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
