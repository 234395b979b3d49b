//! The operator's decisions: tables, imported from the settings under the writer's lock with a version.
//! Fold and reads use only the tables, so two nodes with different files do not fight.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{Source, StatusTypeName, activity, place_link, property, status_type};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Statement};
use uuid::Uuid;

use super::database::Database;
use super::id::{self, SiteKey};
use super::{batch, bulk, bulk::Existing, fold, load, store};

/// What the settings declare. What is empty leaves its table as it is.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Each place: its name, and its sites, the one that is the building first.
    pub places: Vec<(String, Vec<SiteKey>)>,
    /// Each Matrix property: its id and its name.
    pub properties: Vec<(String, String)>,
    /// What a status name of a tenant means: (tenant, status, type).
    pub status_types: Vec<(String, String, StatusTypeName)>,
}

/// Brings the operator tables into line with `declared`. Gives whether anything changed.
///
/// # Errors
/// What the database says; then nothing is changed.
pub async fn import(
    database: &Database,
    declared: &Declared,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let transaction = batch::begin(database).await?;
    let at = batch::recorded_at(&transaction, now).await?;
    let mut changed = name_properties(&transaction, &declared.properties).await?;
    changed |= map_statuses(&transaction, &declared.status_types).await?;
    let activities = link_places(&transaction, &declared.places, at).await?;
    changed |= activities.is_some();
    batch::notify(&transaction, &activities.unwrap_or_default()).await?;
    transaction.commit().await?;
    Ok(changed)
}

async fn name_properties(
    transaction: &impl ConnectionTrait,
    declared: &[(String, String)],
) -> Result<bool, DbErr> {
    let rows: Vec<property::Model> = declared
        .iter()
        .map(|(code, name)| property::Model {
            id: id::property(code),
            source: Source::Matrix,
            code: code.clone(),
            name: Some(name.clone()),
        })
        .collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let held = bulk::rows::<property::Entity>(transaction, "id IN {0}", &[bulk::Keys::Uuids(&ids)])
        .await?;
    let new: Vec<property::Model> = rows.into_iter().filter(|row| !held.contains(row)).collect();
    bulk::write::<property::Entity>(transaction, &new, &[], Existing::Replace).await?;
    Ok(!new.is_empty())
}

async fn map_statuses(
    transaction: &impl ConnectionTrait,
    declared: &[(String, String, StatusTypeName)],
) -> Result<bool, DbErr> {
    if declared.is_empty() {
        return Ok(false);
    }
    let key =
        |row: &status_type::Model| ((row.tenant.clone(), row.status.clone()), row.status_type);
    let held = status_type::Entity::find().all(transaction).await?;
    let version = held.iter().map(|row| row.version).max().unwrap_or(0) + 1;
    let wanted: Vec<status_type::Model> = declared
        .iter()
        .map(|(tenant, status, status_type)| status_type::Model {
            tenant: tenant.clone(),
            status: super::status_type::key(status),
            status_type: *status_type,
            version,
        })
        .collect();
    if held.iter().map(key).collect::<BTreeMap<_, _>>()
        == wanted.iter().map(key).collect::<BTreeMap<_, _>>()
    {
        return Ok(false);
    }
    status_type::Entity::delete_many().exec(transaction).await?;
    bulk::write::<status_type::Entity>(transaction, &wanted, &[], Existing::Replace).await?;
    Ok(true)
}

/// The activities that tell what moved; none when the table says the same already.
async fn link_places(
    transaction: &impl ConnectionTrait,
    declared: &[(String, Vec<SiteKey>)],
    at: DateTime<Utc>,
) -> Result<Option<Vec<activity::Model>>, DbErr> {
    if declared.is_empty() {
        return Ok(None);
    }
    let held = place_link::Entity::find().all(transaction).await?;
    let version = held.iter().map(|row| row.version).max().unwrap_or(0) + 1;
    let wanted = links(declared, version);
    let key = |row: &place_link::Model| (row.site_id, (row.root_site_id, row.name.clone()));
    if held.iter().map(key).collect::<BTreeMap<_, _>>()
        == wanted
            .iter()
            .map(|(_, row)| key(row))
            .collect::<BTreeMap<_, _>>()
    {
        return Ok(None);
    }
    let held = held.iter().map(|row| row.site_id.0).collect();
    declare(transaction, wanted, held, at).await.map(Some)
}

/// Makes `wanted` the operator's word on places; `held` are the sites that it spoke of before. Gives the activities that
/// tell what moved.
///
/// # Errors
/// What the database says.
pub(super) async fn declare(
    transaction: &impl ConnectionTrait,
    wanted: Vec<(SiteKey, place_link::Model)>,
    held: Vec<Uuid>,
    at: DateTime<Utc>,
) -> Result<Vec<activity::Model>, DbErr> {
    let mut sites: Vec<Uuid> = held
        .into_iter()
        .chain(wanted.iter().map(|(_, row)| row.site_id.0))
        .collect();
    sites.sort_unstable();
    sites.dedup();
    let rows: Vec<place_link::Model> = wanted.iter().map(|(_, row)| row.clone()).collect();
    let mut state = load::load_places_of(transaction, &sites).await?;
    fold::declare_places(&mut state, wanted);
    let activities: Vec<activity::Model> = fold::finish(&mut state, at)
        .into_iter()
        .map(|new| activity::Model {
            recorded_at: at,
            ..new.row
        })
        .collect();
    store::store(transaction, &state, &activities).await?;
    let backend = transaction.get_database_backend();
    transaction
        .execute_raw(Statement::from_string(backend, "DELETE FROM place_link"))
        .await?;
    bulk::write::<place_link::Entity>(transaction, &rows, &[], Existing::Replace).await?;
    Ok(activities)
}

/// The rows that say what `declared` says, each with the words that name its site.
pub(super) fn links(
    declared: &[(String, Vec<SiteKey>)],
    version: i64,
) -> Vec<(SiteKey, place_link::Model)> {
    let mut links = BTreeMap::new();
    for (name, sites) in declared {
        let Some(root) = sites.first() else { continue };
        for site in sites {
            let link = place_link::Model {
                id: id::place_link(site),
                site_id: site.id(),
                root_site_id: root.id(),
                name: Some(name.clone()),
                version,
            };
            links.insert(site.clone(), link);
        }
    }
    links.into_iter().collect()
}
