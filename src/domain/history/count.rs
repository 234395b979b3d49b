//! How many incidents were open in a building: those that are open now on the sites that stood there, less what began
//! and ended there since. One statement for any number of buildings.

use std::collections::HashMap;

use entity::BuildingId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use uuid::Uuid;

use super::Moment;
use crate::domain::bulk::{self, Keys};
use crate::domain::read::COUNT_LIMIT;
use crate::domain::scope::{Claims, Scope};

/// `{0}` are the buildings, `{1}` and `{2}` the claimed buildings and properties, `{after}` the moment.
///
/// CROSS JOIN keeps SQLite from walking the sites, COALESCE both engines from reading a site's closed incidents. A site that
/// moved since stood where it came from first. `{is_open}` takes a change apart; a field that was set for the
/// first time was null before.
const SITES: &str = "WITH moved AS (
        SELECT m.subject_id AS site, MIN(m.seq) AS seq FROM activity m
            WHERE m.kind = 'LINKED' AND m.subject_id = m.site_id AND m.seq > {after}
                AND m.changes LIKE '%\"site.building_id\"%'
            GROUP BY m.subject_id
    ), home AS (
        SELECT s.id AS site, s.building_id AS building FROM site s
            WHERE s.building_id IN {0} AND s.id NOT IN (SELECT moved.site FROM moved)
        UNION ALL
        SELECT came.site, came.building FROM (
            SELECT moved.site, {came_from} AS building FROM moved
                JOIN activity a ON a.seq = moved.seq CROSS JOIN {changes} AS c
                WHERE {field} = 'site.building_id'
        ) AS came WHERE came.building IN {0}
    )
    SELECT home.building AS building,
        (SELECT COUNT(*) FROM (
            SELECT 1 FROM incident i
                WHERE i.building_id = s.building_id AND i.is_open = TRUE AND COALESCE(i.site_id, s.id) = s.id LIMIT {most}
        ) AS open_now) AS open_now,
        (SELECT COUNT(*) FROM (
            SELECT 1 FROM activity x
                WHERE x.site_id = s.id AND x.incident_id IS NOT NULL AND x.tenant IS NULL AND x.seq > {after} LIMIT {most}
        ) AS since) AS since,
        (SELECT COALESCE(SUM(CASE {to} WHEN 'true' THEN 1 ELSE 0 END - CASE {from} WHEN 'true' THEN 1 ELSE 0 END), 0)
            FROM (
                SELECT read.changes FROM (
                    SELECT x.changes FROM activity x
                        WHERE x.site_id = s.id AND x.incident_id IS NOT NULL AND x.tenant IS NULL AND x.seq > {after}
                        LIMIT {most}
                ) AS read WHERE read.changes LIKE '%\"is_open\"%'
            ) AS a CROSS JOIN {changes} AS c WHERE {field} = 'is_open') AS opened
        FROM home CROSS JOIN site s WHERE s.id = home.site AND {covered}";

/// Who sees everything.
const ALL: &str = "1 = 1";
/// Claims cover where the site stands now, and where it stood. What is no building any more is claimed by its id only.
const CLAIMED: &str = "(s.building_id IN {1} OR s.building_id IN (SELECT id FROM building WHERE property_id IN {2}))
    AND (home.building IN {1} OR home.building IN (SELECT id FROM building WHERE property_id IN {2}))";

/// The words in which the engines take the changes of an activity apart.
fn words(backend: DbBackend) -> [(&'static str, &'static str); 5] {
    match backend {
        DbBackend::Sqlite => [
            ("{changes}", "json_each(a.changes)"),
            ("{field}", "(c.value ->> '$.field')"),
            ("{came_from}", "unhex(c.value ->> '$.from', '-')"),
            ("{to}", "c.value -> '$.to'"),
            ("{from}", "c.value -> '$.from'"),
        ],
        _ => [
            (
                "{changes}",
                "LATERAL json_array_elements(CAST(a.changes AS json))",
            ),
            ("{field}", "(c.value ->> 'field')"),
            ("{came_from}", "CAST(c.value ->> 'from' AS uuid)"),
            ("{to}", "(c.value ->> 'to')"),
            ("{from}", "(c.value ->> 'from')"),
        ],
    }
}

/// How many incidents were open in each of these buildings at `moment`; null where more than [`COUNT_LIMIT`] were, are or
/// were heard of since. A building that is not among them had none.
///
/// # Errors
/// What the database says.
pub async fn open_incidents(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    moment: &Moment,
    buildings: &[Uuid],
) -> Result<HashMap<Uuid, Option<u64>>, DbErr> {
    if buildings.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = statement(scope, connection.get_database_backend(), moment, buildings);
    let mut counts: HashMap<Uuid, Option<i64>> = HashMap::new();
    let limit = i64::try_from(COUNT_LIMIT).unwrap_or(i64::MAX);
    for row in connection.query_all_raw(statement).await? {
        let BuildingId(building) = row.try_get("", "building")?;
        let (now, since): (i64, i64) = (row.try_get("", "open_now")?, row.try_get("", "since")?);
        let opened: i64 = row.try_get("", "opened")?;
        let count = (now <= limit && since <= limit).then(|| now - opened);
        let sum = counts.entry(building).or_insert(Some(0));
        *sum = sum.zip(count).map(|(sum, count)| sum + count);
    }
    let capped = |count: i64| {
        u64::try_from(count)
            .ok()
            .filter(|count| *count <= COUNT_LIMIT)
    };
    let counts = counts.into_iter();
    Ok(counts
        .map(|(id, count)| (id, count.and_then(capped)))
        .collect())
}

fn statement(scope: &Scope, backend: DbBackend, moment: &Moment, buildings: &[Uuid]) -> Statement {
    let nobody = Claims::default();
    let (covered, claims) = match scope {
        Scope::Operator | Scope::All => (ALL, &nobody),
        Scope::Claims(claims) => (CLAIMED, claims.as_ref()),
    };
    let text = words(backend)
        .into_iter()
        .fold(
            SITES.replace("{covered}", covered),
            |text, (word, meaning)| text.replace(word, meaning),
        )
        .replace("{after}", &moment.seq.to_string())
        .replace("{most}", &(COUNT_LIMIT + 1).to_string());
    let claimed: Vec<Uuid> = claims.buildings.iter().map(|id| id.0).collect();
    let properties: Vec<Uuid> = claims.properties.iter().map(|id| id.0).collect();
    let keys = [
        Keys::Uuids(buildings),
        Keys::Uuids(&claimed),
        Keys::Uuids(&properties),
    ];
    let keys = if covered == ALL {
        &keys[..1]
    } else {
        &keys[..]
    };
    let mut sql = String::new();
    let values = bulk::place_keys(&mut sql, &text, keys, backend);
    Statement::from_sql_and_values(backend, sql, values)
}
