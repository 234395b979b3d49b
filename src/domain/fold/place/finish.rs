//! After the last fact of a batch: buildings, the zones that Urgent sites are, and all that stands on a site that moved.

use entity::{Json, SetBy, SiteId, Source, building, site, zone};

use super::root::{key_of, members, root};
use crate::domain::state::{Rehomed, State};

/// Brings the buildings and the zones that Urgent sites are into line with the sites touched, and moves what stands
/// on a site that moved. Run once, after the last fact of a batch.
pub(in crate::domain::fold) fn finish(state: &mut State) {
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
        let stored = state.sites.stored(row.id).unwrap_or(&row);
        let moved = Rehomed {
            site: row.id,
            from: stored.building_id,
            to: row.building_id,
            from_zone: stored.zone_id,
            to_zone: row.zone_id,
        };
        state.rehomed.insert(moved);
        // A building is a building only while its site is a root.
        let own = key_of(&row).building();
        if own != row.building_id {
            state.buildings.remove(own);
        }
    }
    follow_sites(state);
}

fn finish_building(state: &mut State, root: SiteId) {
    let members = members(state, root);
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
                last_cleaned_at: None,
                last_cleaning_task_id: None,
                open_incident_count: 0,
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
