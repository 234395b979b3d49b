//! Loads sites with all that decides where they stand, and the properties, buildings, levels and zones of them.

use std::collections::BTreeSet;

use entity::{building, level, place_link, property, site, zone};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::key::{KeySet, uuids};
use crate::domain::bulk::{self, Keys};
use crate::domain::fold;
use crate::domain::state::State;

/// The sites named, all above them, those the operator declared the same place, and, where a site gets another
/// parent, all that stand under the same building.
pub(super) async fn load_sites(
    connection: &impl ConnectionTrait,
    keys: &KeySet,
    state: &mut State,
) -> Result<(), DbErr> {
    if keys.sites.is_empty() {
        return Ok(());
    }
    let named = uuids(&keys.sites);
    for row in bulk::rows::<site::Entity>(connection, FROM_NAMES, &[Keys::Uuids(&named)]).await? {
        state.sites.load(row.id, row);
    }
    load_links(connection, state).await?;
    let moving: BTreeSet<Uuid> = keys
        .parented
        .iter()
        .filter_map(|(site, parent)| {
            state
                .sites
                .get(*site)
                .filter(|row| row.parent_id != *parent)
        })
        .chain(
            state
                .sites
                .iter()
                .map(|(_, row)| row)
                .filter(|row| fold::is_astray(state, row)),
        )
        .map(|row| row.building_id.0)
        .collect();
    if !moving.is_empty() {
        let buildings = uuids(&moving);
        let members = bulk::rows::<site::Entity>(
            connection,
            "building_id IN {0}",
            &[Keys::Uuids(&buildings)],
        )
        .await?;
        for row in members {
            if state.sites.get(row.id).is_none() {
                state.sites.load(row.id, row);
            }
        }
        load_links(connection, state).await?;
    }
    Ok(())
}

/// All that a change of the operator's word on `sites` can move.
///
/// # Errors
/// What the database says.
pub async fn load_places_of(
    connection: &impl ConnectionTrait,
    named: &[Uuid],
) -> Result<State, DbErr> {
    let mut state = State::default();
    let mut keys = KeySet::default();
    for row in bulk::rows::<site::Entity>(connection, FROM_NAMES, &[Keys::Uuids(named)]).await? {
        state.sites.load(row.id, row);
    }
    let buildings: Vec<Uuid> = state
        .sites
        .iter()
        .map(|(_, row)| row.building_id.0)
        .collect();
    for row in
        bulk::rows::<site::Entity>(connection, "building_id IN {0}", &[Keys::Uuids(&buildings)])
            .await?
    {
        if state.sites.get(row.id).is_none() {
            state.sites.load(row.id, row);
        }
    }
    load_links(connection, &mut state).await?;
    load_places(connection, &mut keys, &mut state).await?;
    Ok(state)
}

/// From the sites named up to their roots; a place link is a step up as a parent is, and
/// both are taken: once the link goes, the parent counts again. IN and not JOIN: SQLite walks through all sites to join
/// them.
const FROM_NAMES: &str = "id IN (WITH RECURSIVE up (id) AS (
        SELECT id FROM site WHERE id IN {0}
        UNION SELECT above.id
            FROM up JOIN site s ON s.id = up.id LEFT JOIN place_link l ON l.site_id = s.id
            JOIN site above ON above.id IN (l.root_site_id, s.parent_id)
    ), same (id) AS (
        SELECT id FROM up
        UNION SELECT l.site_id FROM same JOIN place_link l ON l.root_site_id = same.id
    )
    SELECT id FROM same)";

async fn load_links(connection: &impl ConnectionTrait, state: &mut State) -> Result<(), DbErr> {
    let ids: Vec<Uuid> = state.sites.iter().map(|(id, _)| id.0).collect();
    for row in
        bulk::rows::<place_link::Entity>(connection, "site_id IN {0}", &[Keys::Uuids(&ids)]).await?
    {
        state.place_links.insert(row.site_id, row);
    }
    Ok(())
}

/// Properties, buildings, levels and zones: of the facts, and of the sites loaded.
pub(super) async fn load_places(
    connection: &impl ConnectionTrait,
    keys: &mut KeySet,
    state: &mut State,
) -> Result<(), DbErr> {
    keys.zones.extend(
        state
            .sites
            .iter()
            .filter_map(|(_, row)| row.zone_id)
            .map(|zone| zone.0),
    );
    keys.zones.extend(
        state
            .incidents
            .iter()
            .filter_map(|(_, row)| row.zone_id)
            .map(|zone| zone.0),
    );
    let buildings: BTreeSet<Uuid> = state
        .sites
        .iter()
        .map(|(_, row)| row.building_id.0)
        .collect();
    for row in by_id::<property::Entity>(connection, &keys.properties).await? {
        state.properties.load(row.id, row);
    }
    for row in by_id::<building::Entity>(connection, &buildings).await? {
        state.buildings.load(row.id, row);
    }
    for row in by_id::<level::Entity>(connection, &keys.levels).await? {
        state.levels.load(row.id, row);
    }
    for row in by_id::<zone::Entity>(connection, &keys.zones).await? {
        state.zones.load(row.id, row);
    }
    Ok(())
}

async fn by_id<E: entity::Stored>(
    connection: &impl ConnectionTrait,
    keys: &BTreeSet<Uuid>,
) -> Result<Vec<E::Model>, DbErr> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    bulk::rows::<E>(connection, "id IN {0}", &[Keys::Uuids(&uuids(keys))]).await
}
