//! Table `site`: a place in a platform's own words. The root of a chain of sites is a building; a site below it is a zone of that building.

use crate::{BuildingId, Json, PropertyId, SetBy, SiteId, Source, ZoneId};
use sea_orm::entity::prelude::*;

/// One row of `site`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "site")]
pub struct Model {
    /// Derived from (source, tenant, code).
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SiteId,
    /// The platform that knows it.
    pub source: Source,
    /// The Urgent tenant; empty for Matrix.
    pub tenant: String,
    /// The Matrix building id, or the Urgent site code.
    pub code: String,
    /// The site above it, as far as it was told.
    pub parent_id: Option<SiteId>,
    /// The name that the platform gives, if any.
    pub name: Option<String>,
    /// The address as the platform gives it.
    pub address: Option<Json<serde_json::Value>>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// The property that Matrix files it under.
    pub property_id: Option<PropertyId>,
    /// The building at the root of its chain.
    pub building_id: BuildingId,
    /// The zone that it is, when it is not a root.
    pub zone_id: Option<ZoneId>,
    /// Which fact set which field.
    pub set_by: Json<SetBy>,
}

crate::stored::stored!(
    id,
    source,
    tenant,
    code,
    parent_id,
    name,
    address,
    latitude,
    longitude,
    property_id,
    building_id,
    zone_id,
    set_by,
);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
