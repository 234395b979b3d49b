//! Places: property, building, level, zone.

use async_graphql::{Json, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{building, level, property, site, zone};

use crate::graphql::enums::Source;
use crate::graphql::id::{GlobalId, Kind};
use crate::graphql::slot::Slots;
use crate::graphql::written::written;

/// A customer estate, as Matrix names it: the buildings of one customer in one place.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Property {
    /// The global id.
    id: GlobalId,
    /// The platform that knows it.
    source: Source,
    /// The platform's id (Matrix: `PropertyId`).
    code: String,
    /// The operator's name for it; null when the operator gave none, since Matrix sends none.
    name: Option<String>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Property { id, source, code, name } and slots);

impl Property {
    pub(in crate::graphql) fn new(row: property::Model, slots: Slots) -> Self {
        Self {
            id: GlobalId(Kind::Property, row.id.0),
            source: row.source.into(),
            code: row.code,
            name: row.name,
            slots,
        }
    }
}

/// A point on the earth (WGS 84).
#[derive(SimpleObject)]
pub struct Location {
    /// Degrees north of the equator.
    latitude: f64,
    /// Degrees east of Greenwich.
    longitude: f64,
}

written!(Location {
    latitude,
    longitude
});

impl Location {
    fn of(latitude: Option<f64>, longitude: Option<f64>) -> Option<Self> {
        Some(Self {
            latitude: latitude?,
            longitude: longitude?,
        })
    }
}

/// A building: the root of the places that the platforms know.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Building {
    /// The global id.
    id: GlobalId,
    /// The operator's name for it, else the name that Urgent gives its site, else the platform's id, since Matrix sends no names.
    name: String,
    /// The address as Urgent sends it; null when none was told.
    address: Option<Json<serde_json::Value>>,
    /// Where it stands; null when none was told.
    location: Option<Location>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Building { id, name, address, location } and slots);

impl Building {
    pub(in crate::graphql) fn new(row: building::Model, slots: Slots) -> Self {
        Self {
            id: GlobalId(Kind::Building, row.id.0),
            name: row.name,
            address: row.address.map(|address| Json(address.0)),
            location: Location::of(row.latitude, row.longitude),
            slots,
        }
    }
}

/// A place in a platform's own words that belongs to a building.
#[derive(SimpleObject)]
pub struct PlaceSource {
    /// The platform that knows it.
    source: Source,
    /// The Urgent tenant; null for Matrix.
    tenant: Option<String>,
    /// The platform's id: Matrix's `BuildingId`, or Urgent's `SiteCode`.
    code: String,
    /// The name that the platform gives; null when none was told.
    name: Option<String>,
    /// The address as Urgent sends it; null when none was told.
    address: Option<Json<serde_json::Value>>,
    /// Where it stands; null when none was told.
    location: Option<Location>,
}

written!(PlaceSource {
    source,
    tenant,
    code,
    name,
    address,
    location
});

impl PlaceSource {
    pub(in crate::graphql) fn new(row: site::Model) -> Self {
        Self {
            source: row.source.into(),
            tenant: Some(row.tenant).filter(|tenant| !tenant.is_empty()),
            code: row.code,
            name: row.name,
            address: row.address.map(|address| Json(address.0)),
            location: Location::of(row.latitude, row.longitude),
        }
    }
}

/// A floor of a building, as Matrix tells it.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Level {
    /// The global id.
    id: GlobalId,
    /// Matrix's id of the level.
    code: String,
    /// Its name; null while none was told.
    name: Option<String>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Level { id, code, name } and slots);

impl Level {
    pub(in crate::graphql) fn new(row: level::Model, slots: Slots) -> Self {
        Self {
            id: GlobalId(Kind::Level, row.id.0),
            code: row.code,
            name: row.name,
            slots,
        }
    }
}

/// A part of a building: a Matrix zone, or an Urgent site below the building.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Zone {
    /// The global id.
    id: GlobalId,
    /// The platform that knows it.
    source: Source,
    /// The platform's id: Matrix's `ZoneId`, or Urgent's `SiteCode`.
    code: String,
    /// Its name; null while none was told.
    name: Option<String>,
    /// Its status in the words of Matrix; null while none was told.
    status: Option<String>,
    /// When Matrix removed it (UTC); null while it exists. A removed zone stays in history.
    removed_at: Option<DateTime<Utc>>,
    /// When it was cleaned last (UTC): the latest end (Matrix: `AEnd`) of a completed task in it. Tasks that ended without
    /// success do not count, nor do the work orders of incidents. Null when no such task is known, and always in an
    /// Urgent site, since Urgent tells no end.
    last_cleaned_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Zone { id, source, code, name, status, removed_at, last_cleaned_at } and slots);

impl Zone {
    pub(in crate::graphql) fn new(row: zone::Model, slots: Slots) -> Self {
        Self {
            id: GlobalId(Kind::Zone, row.id.0),
            source: row.source.into(),
            code: row.code,
            name: row.name,
            status: row.status,
            removed_at: row.removed_at,
            last_cleaned_at: row.last_cleaned_at,
            slots,
        }
    }
}
