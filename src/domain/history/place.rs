//! Where sites stood. Their names are those of today: only where things stand has a history.

use std::collections::{HashMap, HashSet};

use entity::{BuildingId, Json, SetBy, SiteId, Source, ZoneId, building, site, zone};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use serde_json::Value;
use uuid::Uuid;

use super::past::Past;
use super::{Moment, Unanswered};
use crate::domain::id::SiteKey;
use crate::domain::read::{self, Keys};
use crate::domain::scope::Scope;

/// Where a site stood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home {
    pub(super) building: BuildingId,
    pub(super) zone: Option<ZoneId>,
}

/// Where sites stood at `moment`. Two statements.
pub(super) async fn homes(
    connection: &impl ConnectionTrait,
    moment: &Moment,
    sites: impl Iterator<Item = SiteId>,
) -> Result<HashMap<SiteId, Home>, Unanswered> {
    let sites: HashSet<Uuid> = sites.map(|site| site.0).collect();
    if sites.is_empty() {
        return Ok(HashMap::new());
    }
    let sites: Vec<Uuid> = sites.into_iter().collect();
    let keys = Keys::new(connection.get_database_backend(), &sites);
    let rows: Vec<(SiteId, BuildingId, Option<ZoneId>)> = site::Entity::find()
        .select_only()
        .columns([
            site::Column::Id,
            site::Column::BuildingId,
            site::Column::ZoneId,
        ])
        .filter(keys.hold(site::Column::Id.into_expr()))
        .into_tuple()
        .all(connection)
        .await?;
    let past = Past::of_moves(connection, moment, &sites).await?;
    let id = |was: &Value| was.as_str().and_then(|id| Uuid::try_parse(id).ok());
    let homes = rows.into_iter().map(|(site, building, zone)| {
        let building = match past.was(site.0, "building_id").and_then(id) {
            Some(was) => BuildingId(was),
            None => building,
        };
        let zone = match past.was(site.0, "zone_id") {
            Some(was) => id(was).map(ZoneId),
            None => zone,
        };
        (site, Home { building, zone })
    });
    Ok(homes.collect())
}

/// Which of these buildings a viewer's claims cover; what only a tenant stands in is not. A building that is none any
/// more is covered by its own name only. At most one statement.
pub(super) async fn covered(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    buildings: impl Iterator<Item = BuildingId>,
) -> Result<HashSet<BuildingId>, DbErr> {
    let asked: HashSet<BuildingId> = buildings.collect();
    let Scope::Claims(claims) = scope else {
        return Ok(asked);
    };
    let claimed = asked.iter().copied();
    let mut covered: HashSet<BuildingId> =
        claimed.filter(|id| claims.buildings.contains(id)).collect();
    if claims.properties.is_empty() || asked.is_empty() {
        return Ok(covered);
    }
    let backend = connection.get_database_backend();
    let ids: Vec<Uuid> = asked.iter().map(|id| id.0).collect();
    let properties: Vec<Uuid> = claims.properties.iter().map(|id| id.0).collect();
    let of_properties: Vec<BuildingId> = building::Entity::find()
        .select_only()
        .column(building::Column::Id)
        .filter(Keys::new(backend, &ids).fetch(building::Column::Id.into_expr()))
        .filter(Keys::new(backend, &properties).hold(building::Column::PropertyId.into_expr()))
        .into_tuple()
        .all(connection)
        .await?;
    covered.extend(of_properties);
    Ok(covered)
}

/// The buildings with these ids, as they are called now; one that is none any more as its site tells it, to whom may see
/// that.
///
/// # Errors
/// As [`super::tasks`].
pub async fn buildings(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    moment: &Moment,
    ids: &[Uuid],
) -> Result<Vec<building::Model>, Unanswered> {
    let mut rows =
        read::by_keys::<building::Entity>(scope, connection, building::Column::Id, ids).await?;
    let known = rows.iter().map(|row| row.id.0).collect();
    for site in gone(scope, connection, moment, "building_id", ids, known).await? {
        let id = key_of(&site).building();
        if ids.contains(&id.0) {
            rows.push(building::Model {
                id,
                site_id: site.id,
                property_id: site.property_id,
                name: site.name.unwrap_or(site.code),
                address: site.address,
                latitude: site.latitude,
                longitude: site.longitude,
            });
        }
    }
    Ok(rows)
}

/// The zones with these ids, as they are called now; one that is none any more as its site tells it.
///
/// # Errors
/// As [`super::tasks`].
pub async fn zones(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    moment: &Moment,
    ids: &[Uuid],
) -> Result<Vec<zone::Model>, Unanswered> {
    let mut rows = read::by_keys::<zone::Entity>(scope, connection, zone::Column::Id, ids).await?;
    let known = rows.iter().map(|row| row.id.0).collect();
    for site in gone(scope, connection, moment, "zone_id", ids, known).await? {
        let id = key_of(&site).zone();
        if ids.contains(&id.0) {
            rows.push(zone::Model {
                id,
                source: Source::Urgent,
                site_id: site.id,
                building_id: site.building_id,
                level_id: None,
                code: site.code,
                name: site.name,
                status: None,
                removed_at: None,
                last_cleaned_at: None,
                last_cleaning_task_id: None,
                open_incident_count: 0,
                set_by: Json(SetBy::new()),
            });
        }
    }
    Ok(rows)
}

/// The sites that stood in those of `ids` that are not `known` any more: whose own they were is among them. Two
/// statements, where any is gone.
async fn gone(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    moment: &Moment,
    column: &str,
    ids: &[Uuid],
    known: HashSet<Uuid>,
) -> Result<Vec<site::Model>, Unanswered> {
    let mut gone: Vec<Uuid> = ids.to_vec();
    gone.retain(|id| !known.contains(id));
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let past = Past::of_all_moves(connection, moment).await?;
    let sites: Vec<Uuid> = gone.iter().flat_map(|id| past.had(column, *id)).collect();
    let key = site::Column::Id;
    let mut rows = read::by_keys::<site::Entity>(&Scope::All, connection, key, &sites).await?;
    if let Scope::Claims(claims) = scope {
        let seen = read::seen::<site::Entity>(scope, connection, &sites).await?;
        rows.retain(|row| {
            seen.contains(&row.id.0) || claims.buildings.contains(&key_of(row).building())
        });
    }
    Ok(rows)
}

fn key_of(row: &site::Model) -> SiteKey {
    SiteKey {
        source: row.source,
        tenant: row.tenant.clone(),
        code: row.code.clone(),
    }
}
