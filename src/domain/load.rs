//! Load: everything a batch of facts can touch, one SELECT per table, however many facts there are.
//!
//! The order matters: what was loaded first names the keys of what comes next (a task's incident, a site's ancestors).

use std::collections::BTreeSet;

use entity::{
    ActivityId, SiteId, building, chase, incident, level, note, place_link, property, site,
    status_change, task, zone,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use uuid::Uuid;

use super::bulk::{self, Keys};
use super::fact::{Fact, Place, Told, What};
use super::fold;
use super::id::{self, SiteKey};
use super::state::State;

/// The rows that `facts` can touch.
///
/// # Errors
/// What the database says.
pub async fn load(connection: &impl ConnectionTrait, facts: &[&Fact]) -> Result<State, DbErr> {
    let mut keys = KeySet::of(facts);
    let mut state = State::default();
    load_known(connection, &keys, &mut state).await?;
    load_acts(connection, &mut keys, &mut state).await?;
    load_tasks(connection, &mut keys, &mut state).await?;
    load_incidents(connection, &keys, &mut state).await?;
    load_sites(connection, &keys, &mut state).await?;
    load_places(connection, &mut keys, &mut state).await?;
    Ok(state)
}

/// The keys that the facts name; sorted and without repeats.
#[derive(Default)]
struct KeySet {
    facts: BTreeSet<Uuid>,
    properties: BTreeSet<Uuid>,
    sites: BTreeSet<Uuid>,
    /// Sites that are told a parent: their building's other sites may move with them.
    parented: Vec<(SiteId, Option<SiteId>)>,
    levels: BTreeSet<Uuid>,
    zones: BTreeSet<Uuid>,
    incident_codes: BTreeSet<String>,
    tasks: BTreeSet<Uuid>,
    external_identifiers: BTreeSet<String>,
    status_changes: BTreeSet<Uuid>,
    chases: BTreeSet<Uuid>,
    notes: BTreeSet<Uuid>,
    tenants: BTreeSet<String>,
    references: BTreeSet<String>,
    has_unnamed_note: bool,
}

impl KeySet {
    fn of(facts: &[&Fact]) -> Self {
        let mut keys = Self::default();
        for fact in facts {
            keys.facts.insert(fact.id.0);
            match &fact.what {
                What::Incident(work) => {
                    keys.place(Some(&work.building), &work.place);
                    keys.incident_codes.insert(work.code.clone());
                    keys.external_identifiers.insert(work.code.clone());
                }
                What::MatrixTask(work) => {
                    keys.place(Some(&work.building), &work.place);
                    keys.tasks
                        .insert(id::matrix_task(&work.building, &work.code).0);
                }
                What::Zone(event) => {
                    keys.place(Some(&event.building), &event.place);
                    keys.zones
                        .insert(id::zone(&event.building, &event.zone.code).0);
                }
                What::Level(event) => {
                    keys.place(Some(&event.building), &event.place);
                    keys.levels
                        .insert(id::level(&event.building, &event.level.code).0);
                }
                What::Other(place) => keys.place(place.building.as_deref(), place),
                What::Description(told) => {
                    keys.task(&told.tenant, &told.identifier);
                    if let Told::Value(reference) = &told.reference {
                        keys.references.insert(reference.clone());
                    }
                    if let Told::Value(code) = &told.external_identifier {
                        keys.incident_codes.insert(code.clone());
                    }
                    if let Some(site) = &told.site {
                        let parent = match &site.parent_code {
                            Told::Value(code) => {
                                Some(Some(SiteKey::urgent(&told.tenant, code).id()))
                            }
                            Told::Null => Some(None),
                            Told::Absent => None,
                        };
                        let site = SiteKey::urgent(&told.tenant, &site.code).id();
                        keys.sites.insert(site.0);
                        keys.sites.extend(parent.flatten().map(|parent| parent.0));
                        keys.parented.extend(parent.map(|parent| (site, parent)));
                    }
                }
                What::Status(told) => {
                    keys.task(&told.tenant, &told.task);
                    keys.references.insert(told.reference.clone());
                    keys.status_changes
                        .insert(id::status_change(&told.tenant, &told.identifier).0);
                }
                What::Chase(told) => {
                    keys.task(&told.tenant, &told.task);
                    keys.references.insert(told.reference.clone());
                    keys.chases
                        .insert(id::chase(&told.tenant, &told.identifier).0);
                }
                What::Note(told) => {
                    keys.tenants.insert(told.task.tenant.clone());
                    keys.references.insert(told.task.reference.clone());
                    keys.notes
                        .insert(id::note(&told.task.tenant, &told.identifier).0);
                    match &told.task.identifier {
                        Some(identifier) => keys.task(&told.task.tenant, identifier),
                        None => keys.has_unnamed_note = true,
                    }
                }
            }
        }
        keys
    }

    fn place(&mut self, building: Option<&str>, place: &Place) {
        self.properties
            .extend(place.property.as_deref().map(|code| id::property(code).0));
        let Some(building) = building else { return };
        self.sites.insert(SiteKey::matrix(building).id().0);
        self.zones.extend(
            place
                .zone
                .as_ref()
                .map(|zone| id::zone(building, &zone.code).0),
        );
        self.levels.extend(
            place
                .level
                .as_ref()
                .map(|level| id::level(building, &level.code).0),
        );
    }

    fn task(&mut self, tenant: &str, identifier: &str) {
        self.tasks.insert(id::urgent_task(tenant, identifier).0);
        self.tenants.insert(tenant.to_owned());
    }
}

fn uuids(keys: &BTreeSet<Uuid>) -> Vec<Uuid> {
    keys.iter().copied().collect()
}

fn texts(keys: &BTreeSet<String>) -> Vec<String> {
    keys.iter().cloned().collect()
}

async fn load_known(
    connection: &impl ConnectionTrait,
    keys: &KeySet,
    state: &mut State,
) -> Result<(), DbErr> {
    let backend = connection.get_database_backend();
    let mut sql = String::from("SELECT id FROM activity WHERE ");
    let ids = uuids(&keys.facts);
    let values = bulk::place_keys(&mut sql, "id IN {0}", &[Keys::Uuids(&ids)], backend);
    for row in connection
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?
    {
        state.known.insert(row.try_get_by_index::<ActivityId>(0)?);
    }
    Ok(())
}

/// Status changes, chases and notes; they may name further tasks.
async fn load_acts(
    connection: &impl ConnectionTrait,
    keys: &mut KeySet,
    state: &mut State,
) -> Result<(), DbErr> {
    if keys.tenants.is_empty() {
        return Ok(());
    }
    let tasks = uuids(&keys.tasks);
    // The statuses of every task touched, for its current one; also of a task that held one of these GUIDs before.
    let ids = uuids(&keys.status_changes);
    let of_tasks = "task_id IN (SELECT named.id FROM task named WHERE named.id IN {0} \
                    UNION SELECT held.task_id FROM status_change held WHERE held.id IN {1})";
    for row in bulk::rows::<status_change::Entity>(
        connection,
        of_tasks,
        &[Keys::Uuids(&tasks), Keys::Uuids(&ids)],
    )
    .await?
    {
        keys.tasks.insert(row.task_id.0);
        state.status_changes.load(row.id, row);
    }
    if !keys.chases.is_empty() {
        let ids = uuids(&keys.chases);
        let of_tasks = "task_id IN (SELECT named.id FROM task named WHERE named.id IN {0} \
                    UNION SELECT held.task_id FROM chase held WHERE held.id IN {1})";
        for row in bulk::rows::<chase::Entity>(
            connection,
            of_tasks,
            &[Keys::Uuids(&tasks), Keys::Uuids(&ids)],
        )
        .await?
        {
            keys.tasks.insert(row.task_id.0);
            state.chases.load(row.id, row);
        }
    }
    if !keys.notes.is_empty() {
        let ids = uuids(&keys.notes);
        for row in bulk::rows::<note::Entity>(connection, "id IN {0}", &[Keys::Uuids(&ids)]).await?
        {
            keys.references.insert(row.reference.clone());
            keys.tasks.extend(row.task_id.map(|task| task.0));
            keys.has_unnamed_note |= !row.is_task_named;
            state.notes.load(row.id, row);
        }
    }
    Ok(())
}

async fn load_tasks(
    connection: &impl ConnectionTrait,
    keys: &mut KeySet,
    state: &mut State,
) -> Result<(), DbErr> {
    let ids = uuids(&keys.tasks);
    let codes = texts(&keys.external_identifiers);
    if !ids.is_empty() || !codes.is_empty() {
        // UNION, so that each half uses its own index.
        let either = "id IN (SELECT named.id FROM task named WHERE named.id IN {0} \
                      UNION SELECT joined.id FROM task joined WHERE joined.external_identifier IN {1})";
        for row in bulk::rows::<task::Entity>(
            connection,
            either,
            &[Keys::Uuids(&ids), Keys::Texts(&codes)],
        )
        .await?
        {
            keep_task(keys, state, row);
        }
    }
    if keys.tenants.is_empty() {
        return Ok(());
    }
    let tenants = texts(&keys.tenants);
    let references = texts(&keys.references);
    let pairs = [Keys::Texts(&tenants), Keys::Texts(&references)];
    let unnamed = "NOT is_task_named AND tenant IN {0} AND reference IN {1}";
    for row in bulk::rows::<note::Entity>(connection, unnamed, &pairs).await? {
        keys.has_unnamed_note = true;
        if state.notes.get(row.id).is_none() {
            state.notes.load(row.id, row);
        }
    }
    if keys.has_unnamed_note {
        for row in
            bulk::rows::<task::Entity>(connection, "tenant IN {0} AND reference IN {1}", &pairs)
                .await?
        {
            if state.tasks.get(row.id).is_none() {
                keep_task(keys, state, row);
            }
        }
    }
    Ok(())
}

fn keep_task(keys: &mut KeySet, state: &mut State, row: task::Model) {
    keys.incident_codes.extend(row.external_identifier.clone());
    keys.references.extend(row.reference.clone());
    keys.sites.extend(row.site_id.map(|site| site.0));
    state.load_task(row);
}

async fn load_incidents(
    connection: &impl ConnectionTrait,
    keys: &KeySet,
    state: &mut State,
) -> Result<(), DbErr> {
    if keys.incident_codes.is_empty() {
        return Ok(());
    }
    let codes = texts(&keys.incident_codes);
    for row in
        bulk::rows::<incident::Entity>(connection, "code IN {0}", &[Keys::Texts(&codes)]).await?
    {
        state.load_incident(row);
    }
    Ok(())
}

/// The sites named, all above them, those the operator declared the same place, and, where a site gets another
/// parent, all that stand under the same building.
async fn load_sites(
    connection: &impl ConnectionTrait,
    keys: &KeySet,
    state: &mut State,
) -> Result<(), DbErr> {
    if keys.sites.is_empty() {
        return Ok(());
    }
    let named = uuids(&keys.sites);
    for row in sites(connection, FROM_NAMES, &[Keys::Uuids(&named)]).await? {
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
    for row in sites(connection, FROM_NAMES, &[Keys::Uuids(named)]).await? {
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
/// both are taken: once the link goes, the parent counts again.
const FROM_NAMES: &str = "WITH RECURSIVE up (id) AS (
        SELECT id FROM site WHERE id IN {0}
        UNION SELECT above.id
            FROM up JOIN site s ON s.id = up.id LEFT JOIN place_link l ON l.site_id = s.id
            JOIN site above ON above.id IN (l.root_site_id, s.parent_id)
    ), same (id) AS (
        SELECT id FROM up UNION SELECT l.site_id FROM place_link l JOIN up ON up.id = l.root_site_id
    )
    SELECT site.* FROM site JOIN same ON same.id = site.id";

async fn sites(
    connection: &impl ConnectionTrait,
    query: &str,
    keys: &[Keys<'_>],
) -> Result<Vec<site::Model>, DbErr> {
    let backend = connection.get_database_backend();
    let mut sql = String::new();
    let values = bulk::place_keys(&mut sql, query, keys, backend);
    let rows = connection
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    rows.iter()
        .map(|row| site::Model::from_query_result(row, ""))
        .collect()
}

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
async fn load_places(
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

async fn by_id<E: sea_orm::EntityTrait>(
    connection: &impl ConnectionTrait,
    keys: &BTreeSet<Uuid>,
) -> Result<Vec<E::Model>, DbErr> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    bulk::rows::<E>(connection, "id IN {0}", &[Keys::Uuids(&uuids(keys))]).await
}
