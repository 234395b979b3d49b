//! The operator's word on places: what the settings declare, and what a mutation declares beside it. Here it is read and
//! replaced, with all that it moves; `decision` says what holds after a decision.

mod decision;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use entity::{Declarer, SiteId, activity, place_link, site};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Statement};
use uuid::Uuid;

pub use self::decision::declared;
pub(super) use self::decision::{imported, joined, parted};
use crate::domain::bulk::{self, Existing, Keys};
use crate::domain::id::SiteKey;
use crate::domain::{fold, load, store};

/// The links, by the words that name their sites.
pub type Links = BTreeMap<SiteKey, place_link::Model>;

/// The links as the table has them.
///
/// # Errors
/// What the database says.
pub async fn held(connection: &impl ConnectionTrait) -> Result<Links, DbErr> {
    let links = place_link::Entity::find().all(connection).await?;
    let ids: Vec<Uuid> = links.iter().map(|link| link.site_id.0).collect();
    let sites = bulk::rows::<site::Entity>(connection, "id IN {0}", &[Keys::Uuids(&ids)]).await?;
    let keys: BTreeMap<SiteId, SiteKey> = sites
        .into_iter()
        .map(|row| {
            let key = SiteKey {
                source: row.source,
                tenant: row.tenant,
                code: row.code,
            };
            (row.id, key)
        })
        .collect();
    // A site is made known before anything is said of it.
    let named = |link: place_link::Model| Some((keys.get(&link.site_id)?.clone(), link));
    Ok(links.into_iter().filter_map(named).collect())
}

/// Replaces the links and moves what they move. Gives the activities that tell of it; none when nothing is said anew.
pub(in crate::domain) async fn replace(
    transaction: &impl ConnectionTrait,
    held: &Links,
    wanted: Links,
    at: DateTime<Utc>,
) -> Result<Option<Vec<activity::Model>>, DbErr> {
    if held.values().map(says).eq(wanted.values().map(says)) {
        return Ok(None);
    }
    let links = held.values().chain(wanted.values());
    let sites: BTreeSet<Uuid> = links.map(|link| link.site_id.0).collect();
    let sites: Vec<Uuid> = sites.into_iter().collect();
    let rows: Vec<place_link::Model> = wanted.values().cloned().collect();
    let mut state = load::load_places_of(transaction, &sites).await?;
    fold::declare_places(&mut state, wanted.into_iter().collect());
    let activities: Vec<activity::Model> = fold::finish(&mut state, at)
        .into_iter()
        .map(|new| activity::Model {
            recorded_at: at,
            ..new.row
        })
        .collect();
    store::store(transaction, &state, &activities, at).await?;
    let backend = transaction.get_database_backend();
    transaction
        .execute_raw(Statement::from_string(backend, "DELETE FROM place_link"))
        .await?;
    bulk::write::<place_link::Entity>(transaction, &rows, &[], Existing::Replace).await?;
    Ok(Some(activities))
}

fn says(link: &place_link::Model) -> (SiteId, SiteId, Option<&str>, Declarer) {
    let name = link.name.as_deref();
    (link.site_id, link.root_site_id, name, link.declared_by)
}
