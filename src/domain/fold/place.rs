//! Places: a site is the identity, the building is the root of its known chain, a site below a root is a zone of it.
//! Learning more moves foreign keys, never ids.

use std::collections::BTreeSet;

use entity::{
    BuildingId, Json, LevelId, PropertyId, SetBy, Setter, SiteId, Source, ZoneId, building, level,
    property, site, zone,
};

use crate::domain::fact::{NamedPlace, Place, SiteDescription};
use crate::domain::id::{self, SiteKey};
use crate::domain::register::Registers;
use crate::domain::state::{Rehomed, State};

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
    let site = site(state, &SiteKey::matrix(building));
    if let Some(code) = property {
        let property = self::property(state, code);
        edit_site(state, site, setter, |row, registers| {
            registers.write("property_id", &mut row.property_id, Some(property));
        });
    }
    site
}

/// The site as an Urgent description gives it; its parent is known by code before anything else is.
pub(super) fn describe_site(
    state: &mut State,
    tenant: &str,
    told: &SiteDescription,
    is_change: bool,
    setter: Setter,
) -> SiteId {
    let site = site(state, &SiteKey::urgent(tenant, &told.code));
    let parent = told
        .parent_code
        .clone()
        .map(|code| self::site(state, &SiteKey::urgent(tenant, &code)));
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
    site
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
        place_members(state, root)
            .into_iter()
            .find_map(|member| member.property_id)
    })
}

/// The root of the known chain above `site`. The operator's word goes before the platform's; a cycle is cut at its
/// smallest id, so that every member finds the same root.
pub(super) fn root(state: &State, site: SiteId) -> SiteId {
    let mut path = vec![site];
    let mut current = site;
    loop {
        let next = match state.place_links.get(&current) {
            Some(link) if link.root_site_id == current => return current,
            Some(link) => Some(link.root_site_id),
            None => state.sites.get(current).and_then(|row| row.parent_id),
        };
        let Some(next) = next else { return current };
        if let Some(start) = path.iter().position(|visited| *visited == next) {
            return path[start..].iter().min().copied().unwrap_or(next);
        }
        path.push(next);
        current = next;
    }
}

/// Lets `site`, and all that stood under the same building, find their root again.
pub(super) fn settle(state: &mut State, site: SiteId) {
    let Some(row) = state.sites.get(site) else {
        return;
    };
    let before = row.building_id;
    let members: Vec<SiteId> = state
        .sites
        .iter()
        .filter(|(id, row)| **id == site || row.building_id == before)
        .map(|(id, _)| *id)
        .collect();
    for member in members {
        let root = root(state, member);
        let (Some(root_row), Some(row)) = (state.sites.get(root), state.sites.get(member)) else {
            continue;
        };
        let building_id = key_of(root_row).building();
        let shares_root = member == root || state.place_links.contains_key(&member);
        let zone_id = (!shares_root).then(|| key_of(row).zone());
        state.touched_sites.insert(root);
        if row.building_id != building_id || row.zone_id != zone_id {
            let mut row = row.clone();
            row.building_id = building_id;
            row.zone_id = zone_id;
            state.sites.put(member, row);
            state.touched_sites.insert(member);
        }
    }
}

/// The words that name a stored site.
pub(super) fn key_of(row: &site::Model) -> SiteKey {
    SiteKey {
        source: row.source,
        tenant: row.tenant.clone(),
        code: row.code.clone(),
    }
}

/// The sites that are the same building as `root`, the root first, then by id.
fn place_members(state: &State, root: SiteId) -> Vec<&site::Model> {
    let linked = state
        .place_links
        .values()
        .filter(|link| link.root_site_id == root && link.site_id != root)
        .map(|link| link.site_id)
        .collect::<BTreeSet<_>>();
    std::iter::once(root)
        .chain(linked)
        .filter_map(|site| state.sites.get(site))
        .collect()
}

/// Brings the buildings and the zones that Urgent sites are into line with the sites touched, and moves what stands
/// on a site that moved. Run once, after the last fact of a batch.
pub(super) fn finish(state: &mut State) {
    for site in std::mem::take(&mut state.touched_sites) {
        let root = root(state, site);
        finish_building(state, root);
        finish_zone(state, site);
    }
    let moved: Vec<site::Model> = state
        .sites
        .iter()
        .filter(|(id, row)| {
            state.sites.stored(**id).is_some_and(|stored| {
                (stored.building_id, stored.zone_id) != (row.building_id, row.zone_id)
            })
        })
        .map(|(_, row)| row.clone())
        .collect();
    for row in moved {
        let from = state
            .sites
            .stored(row.id)
            .map_or(row.building_id, |stored| stored.building_id);
        state.rehomed.insert(Rehomed {
            site: row.id,
            from,
            to: row.building_id,
        });
        // A building is a building only while its site is a root.
        let own = key_of(&row).building();
        if own != row.building_id {
            state.buildings.remove(own);
        }
    }
    follow_sites(state);
}

fn finish_building(state: &mut State, root: SiteId) {
    let members = place_members(state, root);
    let Some(row) = members.first() else { return };
    let link = state.place_links.get(&root);
    let id = key_of(row).building();
    let urgent = || {
        members
            .iter()
            .filter(|member| member.source == Source::Urgent)
    };
    let name = link
        .and_then(|link| link.name.clone())
        .or_else(|| urgent().find_map(|member| member.name.clone()))
        .unwrap_or_else(|| row.code.clone());
    let located = urgent().find(|member| member.latitude.is_some() && member.longitude.is_some());
    let building = building::Model {
        id,
        site_id: root,
        property_id: members.iter().find_map(|member| member.property_id),
        name,
        address: urgent().find_map(|member| member.address.clone()),
        latitude: located.and_then(|member| member.latitude),
        longitude: located.and_then(|member| member.longitude),
    };
    state.buildings.put(id, building);
}

fn finish_zone(state: &mut State, site: SiteId) {
    let Some(row) = state.sites.get(site).cloned() else {
        return;
    };
    if row.source != Source::Urgent {
        return;
    }
    match row.zone_id {
        Some(id) => state.zones.put(
            id,
            zone::Model {
                id,
                source: Source::Urgent,
                site_id: row.id,
                building_id: row.building_id,
                level_id: None,
                code: row.code,
                name: row.name,
                status: None,
                removed_at: None,
                set_by: Json(SetBy::new()),
            },
        ),
        None => state.zones.remove(key_of(&row).zone()),
    }
}

/// Everything in memory stands where its site stands.
fn follow_sites(state: &mut State) {
    let sites = &state.sites;
    let home = |site: SiteId| sites.get(site).map(|row| (row.building_id, row.zone_id));
    for row in state.levels.values_mut() {
        if let Some((building, _)) = home(row.site_id) {
            row.building_id = building;
        }
    }
    for row in state.zones.values_mut() {
        if let Some((building, _)) = home(row.site_id) {
            row.building_id = building;
        }
    }
    for row in state.incidents.values_mut() {
        if let Some((building, _)) = home(row.site_id) {
            row.building_id = building;
        }
    }
    for row in state.tasks.values_mut() {
        let Some((building, zone)) = row.site_id.and_then(home) else {
            continue;
        };
        row.building_id = Some(building);
        if row.source == Source::Urgent {
            row.zone_id = zone;
        }
    }
}
