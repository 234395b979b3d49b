//! How one thing is named: by its global id or by a platform's own words.

use async_graphql::{ID, InputObject, OneofObject};
use uuid::Uuid;

use super::enums::Source;
use super::error::Fault;
use super::id::{self, Kind};
use super::text::stored;
use crate::domain::id::{self as derived, SiteKey};

/// The longest word that names a place, in characters: as long as the platforms' own may be.
const LONGEST_WORD: usize = 255;

/// A place in a platform's own words.
#[derive(Clone, Debug, InputObject)]
pub(super) struct PlaceKey {
    /// The platform.
    pub(super) source: Source,
    /// The Urgent tenant; leave it out for Matrix.
    pub(super) tenant: Option<String>,
    /// Matrix's `BuildingId`, or Urgent's `SiteCode`.
    pub(super) code: String,
}

/// Names a building.
#[derive(Clone, Debug, OneofObject)]
pub(super) enum BuildingBy {
    /// By its global id.
    Id(ID),
    /// By any place that belongs to it.
    Place(PlaceKey),
}

/// A zone in Matrix's words.
#[derive(Clone, Debug, InputObject)]
pub(super) struct MatrixZoneKey {
    /// Matrix's `BuildingId`.
    building: String,
    /// Matrix's `ZoneId`.
    zone: String,
}

/// Names a zone.
#[derive(Clone, Debug, OneofObject)]
pub(super) enum ZoneBy {
    /// By its global id.
    Id(ID),
    /// By Matrix's own ids.
    Matrix(MatrixZoneKey),
}

/// An incident or task in Matrix's words.
#[derive(Clone, Debug, InputObject)]
pub(super) struct MatrixTaskKey {
    /// Matrix's `BuildingId`.
    building: String,
    /// Matrix's `TaskId`.
    task_id: String,
}

/// Names an incident.
#[derive(Clone, Debug, OneofObject)]
pub(super) enum IncidentBy {
    /// By its global id.
    Id(ID),
    /// By Matrix's own ids.
    Matrix(MatrixTaskKey),
}

/// A task in Urgent's words.
#[derive(Clone, Debug, InputObject)]
pub(super) struct UrgentTaskKey {
    /// The tenant.
    tenant: String,
    /// Urgent's `TaskIdentifier` (a GUID); case does not matter.
    identifier: String,
}

/// Names a task. A `TaskReference` is not unique: filter `tasks` by it.
#[derive(Clone, Debug, OneofObject)]
pub(super) enum TaskBy {
    /// By its global id.
    Id(ID),
    /// By Urgent's own ids.
    Urgent(UrgentTaskKey),
    /// By Matrix's own ids.
    Matrix(MatrixTaskKey),
}

impl PlaceKey {
    /// The site with this key.
    pub(super) fn site(&self) -> Uuid {
        self.key().id().0
    }

    fn key(&self) -> SiteKey {
        let code = stored(self.code.clone());
        match self.source {
            Source::Matrix => SiteKey::matrix(&code),
            Source::Urgent => {
                let tenant = stored(self.tenant.clone().unwrap_or_default());
                SiteKey::urgent(&tenant, &code)
            }
        }
    }

    /// The words of a place that is to be spoken of, not only looked for.
    pub(super) fn checked(&self) -> Result<SiteKey, Fault> {
        let key = self.key();
        let has_tenant = self.tenant.as_ref().is_some_and(|word| !word.is_empty());
        if has_tenant != (self.source == Source::Urgent) {
            return Err(Fault::input(
                "a place of Urgent has a `tenant`, one of Matrix has none",
            ));
        }
        for (name, word) in [("code", &key.code), ("tenant", &key.tenant)] {
            if word.chars().count() > LONGEST_WORD {
                return Err(Fault::input(format!(
                    "`{name}` has at most {LONGEST_WORD} characters"
                )));
            }
        }
        if key.code.trim().is_empty() {
            return Err(Fault::input("`code` is empty"));
        }
        Ok(key)
    }
}

impl ZoneBy {
    pub(super) fn key(&self) -> Result<Uuid, Fault> {
        match self {
            Self::Id(id) => id::decode_as(Kind::Zone, id),
            Self::Matrix(MatrixZoneKey { building, zone }) => {
                Ok(derived::zone(&stored(building.clone()), &stored(zone.clone())).0)
            }
        }
    }
}

impl IncidentBy {
    pub(super) fn key(&self) -> Result<Uuid, Fault> {
        match self {
            Self::Id(id) => id::decode_as(Kind::Incident, id),
            Self::Matrix(MatrixTaskKey { building, task_id }) => {
                Ok(derived::incident(&stored(building.clone()), &stored(task_id.clone())).0)
            }
        }
    }
}

impl TaskBy {
    pub(super) fn key(&self) -> Result<Uuid, Fault> {
        match self {
            Self::Id(id) => id::decode_as(Kind::Task, id),
            Self::Urgent(key) => {
                let identifier = stored(key.identifier.to_lowercase());
                Ok(derived::urgent_task(&stored(key.tenant.clone()), &identifier).0)
            }
            Self::Matrix(MatrixTaskKey { building, task_id }) => {
                Ok(derived::matrix_task(&stored(building.clone()), &stored(task_id.clone())).0)
            }
        }
    }
}
