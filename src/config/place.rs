//! What the operator says of places and of status names; imported into tables at the start.

use std::path::Path;

use entity::StatusTypeName;
use serde::Deserialize;

use super::{Config, ConfigError, check, file};

/// Beside the database: places for a server whose settings name none.
pub const PLACES_FILE: &str = "places.toml";

/// A place: its name and the sites of the platforms that are it. The first Matrix building, else the first Urgent site,
/// is the building; the others are shown as it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its name; Matrix sends none.
    pub name: String,
    /// The ids of Matrix buildings.
    #[serde(default)]
    pub matrix: Vec<String>,
    /// Urgent sites.
    #[serde(default)]
    pub urgent: Vec<UrgentSite>,
}

/// A site of an Urgent tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrgentSite {
    /// The tenant.
    pub tenant: String,
    /// The site code.
    pub site: String,
}

/// A Matrix property.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Property {
    /// Its id.
    pub matrix: String,
    /// Its name.
    pub name: String,
}

/// What a status name means; goes before the meaning that usual English names have without an entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusType {
    /// The tenant whose workflows use the name; `*` for all.
    #[serde(default = "any")]
    pub tenant: String,
    /// The name in any case; `*` for all names not listed.
    pub status: String,
    /// What it means.
    #[serde(rename = "type")]
    pub means: StatusTypeName,
}

fn any() -> String {
    "*".to_owned()
}

/// What a places file says. The file is the declaration: where it names no place, none is declared any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// Its places.
    #[serde(default)]
    pub places: Vec<Place>,
    /// Its properties.
    #[serde(default)]
    pub properties: Vec<Property>,
}

/// Takes places and properties from the file in the data folder where the settings name none.
/// Gives whether there was one.
pub(super) fn from_data_dir(config: &mut Config) -> Result<bool, ConfigError> {
    if config.places.is_some() || !config.properties.is_empty() {
        return Ok(false);
    }
    let path = config.data_dir.join(PLACES_FILE);
    let found = places_at(&path)?;
    config.places_file = Some(path);
    let Some(found) = found else {
        return Ok(false);
    };
    config.places = Some(found.places);
    config.properties = found.properties;
    Ok(true)
}

/// The places and properties that the file at `path` names, if there is one.
///
/// # Errors
/// With the line, when it cannot be understood.
pub fn places_at(path: &Path) -> Result<Option<Places>, ConfigError> {
    let Some(text) = file::read_if_there(path)? else {
        return Ok(None);
    };
    let found: Places = file::parse(path, &text)?;
    check::check_places(&Config {
        places: Some(found.places.clone()),
        properties: found.properties.clone(),
        ..Config::default()
    })?;
    Ok(Some(found))
}
