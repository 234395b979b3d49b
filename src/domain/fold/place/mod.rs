//! Places: a site is the identity, the building is the root of its known chain, a site below a root is a zone of it.
//! Learning more moves foreign keys, never ids. Here is what facts say of places, and what is filed under them.

mod finish;
mod root;

use entity::{
    BuildingId, Change, Json, LevelId, PropertyId, SetBy, Setter, SiteId, Source, ZoneId, level,
    property, site, zone,
};

pub(super) use self::finish::finish;
pub use self::root::{declare_places, is_astray};
use self::root::{members, root, settle};
use crate::domain::diff;
use crate::domain::fact::{NamedPlace, Place, SiteDescription};
use crate::domain::id::{self, SiteKey};
use crate::domain::register::Registers;
use crate::domain::state::State;

/// In `set_by` of a site: only the operator spoke of it so far.
const OF_OPERATOR: &str = "operator";
/// The setter of that: less than any fact's.
const NOBODY: Setter = Setter(0, 0, 0, uuid::Uuid::nil(), 0);

/// What an activity is filed under, as known now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filed {
    /// The site.
    pub(super) site: Option<SiteId>,
    /// The building.
    pub(super) building: Option<BuildingId>,
    /// The property.
    pub(super) property: Option<PropertyId>,
    /// The zone.
    pub(super) zone: Option<ZoneId>,
}

/// The site of a Matrix building, with the property that the fact names.
pub(super) fn matrix_site(
    state: &mut State,
    building: &str,
    property: Option<&str>,
    setter: Setter,
) -> SiteId {
    let site = told_site(state, &SiteKey::matrix(building));
    if let Some(code) = property {
        let property = self::property(state, code);
        edit_site(state, site, setter, |row, registers| {
            registers.write("property_id", &mut row.property_id, Some(property));
        });
    }
    site
}

/// What a description says of a site itself. Where the site stands by it shows in its tasks.
const TOLD_OF_SITES: [&str; 5] = [
    "site.name",
    "site.address",
    "site.latitude",
    "site.longitude",
    "site.parent_id",
];

/// The site as an Urgent description gives it, and what that changed; its parent is known by code before anything else is.
pub(super) fn describe_site(
    state: &mut State,
    tenant: &str,
    told: &SiteDescription,
    is_change: bool,
    setter: Setter,
) -> (SiteId, Vec<Change>) {
    let site = told_site(state, &SiteKey::urgent(tenant, &told.code));
    let before = state.sites.get(site).cloned();
    let parent = told
        .parent_code
        .clone()
        .map(|code| told_site(state, &SiteKey::urgent(tenant, &code)));
    edit_site(state, site, setter, |row, registers| {
        registers.tell("parent_id", &mut row.parent_id, parent, is_change);
        registers.tell("name", &mut row.name, told.name.clone(), is_change);
        registers.tell(
            "latitude",
            &mut row.latitude,
            told.latitude.clone(),
            is_change,
        );
        registers.tell(
            "longitude",
            &mut row.longitude,
            told.longitude.clone(),
            is_change,
        );
        let address = told.address.clone().map(Json);
        registers.tell("address", &mut row.address, address, is_change);
    });
    settle(state, site);
    let mut changes = state
        .sites
        .get(site)
        .map(|row| diff::changes::<site::Entity>(site.0, "site.", before.as_ref(), row))
        .unwrap_or_default();
    changes.retain(|change| TOLD_OF_SITES.contains(&change.field.as_str()));
    (site, changes)
}

fn edit_site(
    state: &mut State,
    site: SiteId,
    setter: Setter,
    edit: impl FnOnce(&mut site::Model, &mut Registers<'_>),
) {
    let Some(mut row) = state.sites.get(site).cloned() else {
        return;
    };
    let mut set_by = std::mem::take(&mut row.set_by.0);
    edit(&mut row, &mut Registers::new(&mut set_by, setter));
    row.set_by = Json(set_by);
    state.sites.put(site, row);
    state.touched_sites.insert(site);
}

/// A property, known from its first mention on.
pub(super) fn property(state: &mut State, code: &str) -> PropertyId {
    let id = id::property(code);
    if state.properties.get(id).is_none() {
        state.properties.put(
            id,
            property::Model {
                id,
                source: Source::Matrix,
                code: code.to_owned(),
                name: None,
            },
        );
    }
    id
}

/// A site that a fact speaks of: no longer the operator's alone.
fn told_site(state: &mut State, key: &SiteKey) -> SiteId {
    let id = site(state, key);
    let is_of_operator = |row: &&site::Model| row.set_by.0.contains_key(OF_OPERATOR);
    if let Some(mut row) = state.sites.get(id).filter(is_of_operator).cloned() {
        row.set_by.0.remove(OF_OPERATOR);
        state.sites.put(id, row);
    }
    id
}

/// A site, known from its first mention on; until a parent is told it is a building.
pub(super) fn site(state: &mut State, key: &SiteKey) -> SiteId {
    let id = key.id();
    if state.sites.get(id).is_none() {
        let row = site::Model {
            id,
            source: key.source,
            tenant: key.tenant.clone(),
            code: key.code.clone(),
            parent_id: None,
            name: None,
            address: None,
            latitude: None,
            longitude: None,
            property_id: None,
            building_id: key.building(),
            zone_id: None,
            set_by: Json(SetBy::new()),
        };
        state.sites.put(id, row);
        // A site that nobody spoke of before is its own root, unless the operator says otherwise.
        if state.place_links.contains_key(&id) {
            settle(state, id);
        }
    }
    state.touched_sites.insert(id);
    id
}

/// A Matrix zone, with the name and the level that the fact gives.
pub(super) fn zone(
    state: &mut State,
    site: SiteId,
    building: &str,
    told: &NamedPlace,
    level: Option<LevelId>,
    setter: Setter,
) -> ZoneId {
    let id = id::zone(building, &told.code);
    let mut row = state.zones.get(id).cloned().unwrap_or_else(|| zone::Model {
        id,
        source: Source::Matrix,
        site_id: site,
        building_id: building_of(state, site),
        level_id: None,
        code: told.code.clone(),
        name: None,
        status: None,
        removed_at: None,
        last_cleaned_at: None,
        last_cleaning_task_id: None,
        open_incident_count: 0,
        set_by: Json(SetBy::new()),
    });
    let mut registers = Registers::new(&mut row.set_by.0, setter);
    registers.write_some("name", &mut row.name, told.name.clone());
    registers.write_some("level_id", &mut row.level_id, level);
    state.zones.put(id, row);
    id
}

/// A Matrix level, with the name that the fact gives.
pub(super) fn level(
    state: &mut State,
    site: SiteId,
    building: &str,
    told: &NamedPlace,
    setter: Setter,
) -> LevelId {
    let id = id::level(building, &told.code);
    let mut row = state
        .levels
        .get(id)
        .cloned()
        .unwrap_or_else(|| level::Model {
            id,
            site_id: site,
            building_id: building_of(state, site),
            code: told.code.clone(),
            name: None,
            set_by: Json(SetBy::new()),
        });
    let mut registers = Registers::new(&mut row.set_by.0, setter);
    registers.write_some("name", &mut row.name, told.name.clone());
    state.levels.put(id, row);
    id
}

/// The level and the zone that a Matrix fact mentions.
pub(super) fn mentioned(
    state: &mut State,
    site: SiteId,
    building: &str,
    place: &Place,
    setter: Setter,
) -> Option<ZoneId> {
    let level = place
        .level
        .as_ref()
        .map(|told| level(state, site, building, told, setter));
    place
        .zone
        .as_ref()
        .map(|told| zone(state, site, building, told, level, setter))
}

/// What something at `site` is filed under.
pub(super) fn filed(state: &State, site: SiteId, zone: Option<ZoneId>) -> Filed {
    let row = state.sites.get(site);
    let building = row.map(|row| row.building_id);
    Filed {
        site: Some(site),
        building,
        property: building_property(state, site),
        zone: zone.or_else(|| row.and_then(|row| row.zone_id)),
    }
}

/// The building that `site` stands in.
pub(super) fn building_of(state: &State, site: SiteId) -> BuildingId {
    // A site is put into the state before anything is said of it.
    state
        .sites
        .get(site)
        .map_or(BuildingId(site.0), |row| row.building_id)
}

fn building_property(state: &State, site: SiteId) -> Option<PropertyId> {
    let row = state.sites.get(site)?;
    let root = root(state, site);
    row.property_id.or_else(|| {
        members(state, root)
            .into_iter()
            .find_map(|member| member.property_id)
    })
}
