//! Store: what the fold changed, at most one upsert per table, whatever the size of the batch.

use chrono::{DateTime, Utc};
use entity::{
    activity, activity_link, building, chase, incident, level, note, property, site, status_change,
    task,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use uuid::Uuid;

use super::bulk::{self, Existing, Keys};
use super::search::document::{self, Stale};
use super::state::{LinkFrom, Rehomed, State, TimelineLink};
use super::zone;

/// Writes what differs between `state` and what it was loaded from, and appends `activities`, recorded at `recorded_at`, in their order. Gives how
/// many entries timelines got of what was filed before.
///
/// # Errors
/// What the database says; the caller rolls back.
pub async fn store(
    connection: &impl ConnectionTrait,
    state: &State,
    activities: &[activity::Model],
    recorded_at: DateTime<Utc>,
) -> Result<u64, DbErr> {
    // Parents before children: foreign keys are checked at once.
    bulk::write::<property::Entity>(
        connection,
        &state.properties.changed(),
        &[],
        Existing::Replace,
    )
    .await?;
    bulk::write::<building::Entity>(
        connection,
        &state.buildings.changed(),
        &[],
        Existing::Replace,
    )
    .await?;
    bulk::write::<site::Entity>(connection, &state.sites.changed(), &[], Existing::Replace).await?;
    bulk::write::<level::Entity>(connection, &state.levels.changed(), &[], Existing::Replace)
        .await?;
    bulk::write::<entity::zone::Entity>(connection, &state.zones.changed(), &[], Existing::Replace)
        .await?;
    bulk::write::<incident::Entity>(
        connection,
        &state.incidents.changed(),
        &[],
        Existing::Replace,
    )
    .await?;
    bulk::write::<task::Entity>(connection, &state.tasks.changed(), &[], Existing::Replace).await?;
    bulk::write::<status_change::Entity>(
        connection,
        &state.status_changes.changed(),
        &[],
        Existing::Replace,
    )
    .await?;
    bulk::write::<note::Entity>(connection, &state.notes.changed(), &[], Existing::Replace).await?;
    bulk::write::<chase::Entity>(connection, &state.chases.changed(), &[], Existing::Replace)
        .await?;
    bulk::write::<activity::Entity>(connection, activities, &["seq"], Existing::Keep).await?;
    zone::refresh(connection, state).await?;
    document::refresh(connection, &Stale::of(state)).await?;
    let rehomed: Vec<Rehomed> = state.rehomed.iter().copied().collect();
    let links: Vec<TimelineLink> = state.links.iter().copied().collect();
    let adopted = rehome(connection, &rehomed, recorded_at).await?;
    let linked = link(connection, &links, recorded_at).await?;
    // Children before parents.
    let zones: Vec<Uuid> = state.zones.removed().iter().map(|id| id.0).collect();
    delete(connection, "zone", &zones).await?;
    let sites: Vec<Uuid> = state.sites.removed().iter().map(|id| id.0).collect();
    delete(connection, "site", &sites).await?;
    let buildings: Vec<Uuid> = state.buildings.removed().iter().map(|id| id.0).collect();
    delete(connection, "building", &buildings).await?;
    let gone = [zones, buildings].concat();
    delete(connection, "search", &gone).await?;
    Ok(adopted + linked)
}

/// What stands on a site that moved follows it, and the timeline of its new building takes in what happened there.
async fn rehome(
    connection: &impl ConnectionTrait,
    moved: &[Rehomed],
    at: DateTime<Utc>,
) -> Result<u64, DbErr> {
    if moved.is_empty() {
        return Ok(0);
    }
    let sites: Vec<Uuid> = moved.iter().map(|moved| moved.site.0).collect();
    let backend = connection.get_database_backend();
    let moves = [
        ("level", "building_id = site.building_id"),
        ("zone", "building_id = site.building_id"),
        ("incident", "building_id = site.building_id"),
        (
            "task",
            "building_id = site.building_id, \
             zone_id = CASE WHEN task.source = 'URGENT' THEN site.zone_id ELSE task.zone_id END",
        ),
    ];
    for (table, set) in moves {
        let mut sql =
            format!("UPDATE {table} SET {set} FROM site WHERE site.id = {table}.site_id AND ");
        let values = bulk::place_keys(&mut sql, "site.id IN {0}", &[Keys::Uuids(&sites)], backend);
        connection
            .execute_raw(Statement::from_sql_and_values(backend, sql, values))
            .await?;
    }
    let old: Vec<Uuid> = moved.iter().map(|moved| moved.from.0).collect();
    let mut sql = String::new();
    let mut values = bulk::place_keys(
        &mut sql,
        &ADOPT_TIMELINE.replace("{at}", time_at(3, backend)),
        &[Keys::Uuids(&sites), Keys::Uuids(&old)],
        backend,
    );
    values.push(at.into());
    let adopt = Statement::from_sql_and_values(backend, sql, values);
    Ok(connection.execute_raw(adopt).await?.rows_affected())
}

/// What happened at a moved site: what was filed under its old building for that site, what was linked there, and what
/// its tasks did. It goes into the timeline of the building where the site stands now, and of the zone that it now is.
const ADOPT_TIMELINE: &str = "WITH moved AS (
        SELECT a.seq, a.occurred_at, a.building_id AS filed_building, a.zone_id AS filed_zone, s.id AS site
            FROM activity a JOIN site s ON s.id = a.site_id
            WHERE a.building_id IN {1} AND a.site_id IN {0}
        UNION
        SELECT a.seq, a.occurred_at, a.building_id, a.zone_id, s.id
            FROM site s JOIN task t ON t.site_id = s.id JOIN activity a ON a.task_id = t.id
            WHERE s.id IN {0}
        UNION
        SELECT a.seq, a.occurred_at, a.building_id, a.zone_id, s.id
            FROM activity_link l JOIN activity a ON a.seq = l.seq JOIN site s ON s.id = a.site_id
            WHERE l.subject_id IN {1} AND s.id IN {0}
        UNION
        SELECT a.seq, a.occurred_at, a.building_id, a.zone_id, s.id
            FROM site s JOIN task t ON t.site_id = s.id JOIN activity_link l ON l.subject_id = t.id
                JOIN activity a ON a.seq = l.seq
            WHERE s.id IN {0}
    )
    INSERT INTO activity_link (subject_id, seq, occurred_at, linked_at)
    SELECT s.building_id, moved.seq, moved.occurred_at, {at} FROM moved JOIN site s ON s.id = moved.site
        WHERE moved.filed_building IS NULL OR moved.filed_building <> s.building_id
    UNION
    SELECT s.zone_id, moved.seq, moved.occurred_at, {at} FROM moved JOIN site s ON s.id = moved.site
        WHERE s.zone_id IS NOT NULL AND (moved.filed_zone IS NULL OR moved.filed_zone <> s.zone_id)
    ON CONFLICT (subject_id, seq) DO NOTHING";

/// Timelines take in what was filed before its place was known.
async fn link(
    connection: &impl ConnectionTrait,
    links: &[TimelineLink],
    at: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let of_tasks: Vec<(Uuid, Uuid)> = links
        .iter()
        .filter_map(|link| match link.from {
            LinkFrom::Task(task) => Some((link.subject, task.0)),
            LinkFrom::Note(_) => None,
        })
        .collect();
    let of_notes: Vec<(Uuid, Uuid)> = links
        .iter()
        .filter_map(|link| match link.from {
            LinkFrom::Note(note) => Some((link.subject, note.0)),
            LinkFrom::Task(_) => None,
        })
        .collect();
    // Notes first: what was linked to a task goes where the task goes.
    let note = "activity a WHERE a.subject_id = pair.filed AND a.task_id IS NULL AND a.kind = 'NOTE_ADDED'";
    let notes = link_by(connection, note, &of_notes, at).await?;
    let filed = "activity a WHERE a.task_id = pair.filed";
    let filed = link_by(connection, filed, &of_tasks, at).await?;
    let linked =
        "activity_link l CROSS JOIN activity a WHERE l.subject_id = pair.filed AND a.seq = l.seq";
    Ok(notes + filed + link_by(connection, linked, &of_tasks, at).await?)
}

/// `filed` names the activities `a` that were filed under `pair.filed`. CROSS JOIN keeps SQLite from walking the
/// activities and looking for the pair.
async fn link_by(
    connection: &impl ConnectionTrait,
    filed: &str,
    pairs: &[(Uuid, Uuid)],
    at: DateTime<Utc>,
) -> Result<u64, DbErr> {
    if pairs.is_empty() {
        return Ok(0);
    }
    let backend = connection.get_database_backend();
    let table = activity_link::Entity;
    let time = time_at(2, backend);
    let pair = match backend {
        DbBackend::Sqlite => {
            "(SELECT unhex(value ->> 0, '-') AS subject, unhex(value ->> 1, '-') AS filed FROM json_each(?1)) AS pair"
        }
        _ => {
            "(SELECT CAST(value ->> 0 AS uuid) AS subject, CAST(value ->> 1 AS uuid) AS filed \
             FROM json_array_elements(CAST($1 AS json)) AS value) AS pair"
        }
    };
    let sql = format!(
        "INSERT INTO {} (subject_id, seq, occurred_at, linked_at)
         SELECT pair.subject, a.seq, a.occurred_at, {time} FROM {pair} CROSS JOIN {filed}
             AND pair.subject NOT IN (COALESCE(a.building_id, a.id), COALESCE(a.zone_id, a.id),
                                        COALESCE(a.incident_id, a.id), COALESCE(a.task_id, a.id))
         ON CONFLICT (subject_id, seq) DO NOTHING",
        sea_orm::EntityName::table_name(&table)
    );
    let json = serde_json::to_string(pairs).unwrap_or_else(|_| "[]".to_owned());
    let link = Statement::from_sql_and_values(backend, sql, [json.into(), at.into()]);
    Ok(connection.execute_raw(link).await?.rows_affected())
}

/// A time as a parameter whose type a SELECT does not tell.
fn time_at(parameter: u8, backend: DbBackend) -> &'static str {
    match (backend, parameter) {
        (DbBackend::Sqlite, 2) => "?2",
        (DbBackend::Sqlite, _) => "?3",
        (_, 2) => "CAST($2 AS timestamptz)",
        _ => "CAST($3 AS timestamptz)",
    }
}

async fn delete(connection: &impl ConnectionTrait, table: &str, ids: &[Uuid]) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    let backend = connection.get_database_backend();
    let mut sql = format!("DELETE FROM {table} WHERE ");
    let values = bulk::place_keys(&mut sql, "id IN {0}", &[Keys::Uuids(ids)], backend);
    connection
        .execute_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    Ok(())
}
