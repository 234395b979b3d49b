//! Table `place_link`: the operator's word on a site: its name, and the site whose building it shares.

use crate::{Declarer, PlaceLinkId, SiteId};
use sea_orm::entity::prelude::*;

/// One row of `place_link`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "place_link")]
pub struct Model {
    /// Derived from the site key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PlaceLinkId,
    /// The site spoken of; it may not be known yet.
    #[sea_orm(unique)]
    pub site_id: SiteId,
    /// The site that is the root of the place; itself for the leading site.
    pub root_site_id: SiteId,
    /// The name of the place.
    pub name: Option<String>,
    /// The decision that wrote it: the greatest version is the latest.
    pub version: i64,
    /// Who says so.
    pub declared_by: Declarer,
}

crate::stored::stored!(id, site_id, root_site_id, name, version, declared_by,);

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
