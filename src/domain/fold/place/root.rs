//! Where a site stands: the root of its chain, by the operator's word before the platform's.

use std::collections::BTreeSet;

use entity::{SiteId, place_link, site};

use super::OF_OPERATOR;
use crate::domain::id::SiteKey;
use crate::domain::state::State;

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

/// Whether a site is stored under another building than the root of its chain.
pub fn is_astray(state: &State, row: &site::Model) -> bool {
    let root = root(state, row.id);
    state
        .sites
        .get(root)
        .is_some_and(|root| key_of(root).building() != row.building_id)
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
            state.stirred.insert(member);
            state.touched_sites.insert(member);
        }
    }
}

/// Takes in the operator's word on places: the sites it names are known from now on, and all that it moves is settled.
/// `finish` has to follow.
pub fn declare_places(state: &mut State, links: Vec<(SiteKey, place_link::Model)>) {
    let before: Vec<SiteId> = state.place_links.keys().copied().collect();
    state.place_links.clear();
    let keys: Vec<SiteKey> = links
        .into_iter()
        .map(|(key, link)| {
            state.place_links.insert(link.site_id, link);
            key
        })
        .collect();
    // All of them are known before the first is settled: a site needs the row of its root.
    for key in &keys {
        let is_new = state.sites.get(key.id()).is_none();
        let id = super::site(state, key);
        if is_new && let Some(mut row) = state.sites.get(id).cloned() {
            row.set_by.0.insert(OF_OPERATOR.to_owned(), super::NOBODY);
            state.sites.put(id, row);
        }
    }
    for site in keys.iter().map(SiteKey::id).chain(before.iter().copied()) {
        state.touched_sites.insert(site);
        settle(state, site);
    }
    for site in before {
        forget(state, site);
    }
}

/// Takes away a site that only the operator spoke of, once he speaks of it no more: the calls alone do not tell of it.
fn forget(state: &mut State, site: SiteId) {
    let is_named = |link: &place_link::Model| link.site_id == site || link.root_site_id == site;
    let Some(row) = state.sites.get(site) else {
        return;
    };
    if row.set_by.0.contains_key(OF_OPERATOR) && !state.place_links.values().any(is_named) {
        let building = key_of(row).building();
        state.sites.remove(site);
        state.buildings.remove(building);
        state.touched_sites.remove(&site);
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

/// The sites that are the same building as `root`, the root first, then by id. One may be linked to another that the
/// operator linked on.
pub(super) fn members(state: &State, root: SiteId) -> Vec<&site::Model> {
    let linked = state
        .place_links
        .values()
        .map(|link| link.site_id)
        .filter(|site| *site != root && self::root(state, *site) == root)
        .collect::<BTreeSet<_>>();
    std::iter::once(root)
        .chain(linked)
        .filter_map(|site| state.sites.get(site))
        .collect()
}
