//! What an older release writes beside this one: found by the generation of its activities, and brought into line.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::{BuildingId, IncidentId, TaskId, ZoneId, incident};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement};
use uuid::Uuid;

use super::portion::Portion;
use crate::domain::bulk::{self, Keys};
use crate::domain::database::Database;
use crate::domain::search::document::Stale;
use crate::domain::{batch, journal, notice, operator};

/// The setting that says through which activity what older releases wrote was looked at.
const LOOKED_THROUGH: &str = "older_than_1_through_seq";

/// The index's own condition, in its words; `{by}` names it to SQLite, which would walk all activities since.
const OLDER: &str = "SELECT seq, incident_id, task_id, zone_id, building_id FROM activity {by}
    WHERE generation < 1 AND seq > {after} ORDER BY seq LIMIT 1000";

#[derive(FromQueryResult)]
struct Older {
    seq: i64,
    incident_id: Option<IncidentId>,
    task_id: Option<TaskId>,
    zone_id: Option<ZoneId>,
    building_id: Option<BuildingId>,
}

/// Brings into line what a page of the activities of older releases speaks of. What was answered of the time before it is
/// not answered any more: these releases do not keep all changes. Gives whether there is more.
///
/// # Errors
/// What the database says; nothing is changed then.
pub(super) async fn heal(database: &Database, now: DateTime<Utc>) -> Result<bool, DbErr> {
    if older(&database.feed).await?.is_empty() {
        return Ok(false);
    }
    let transaction = batch::begin(database).await?;
    let rows = older(&transaction).await?;
    let Some(last) = rows.last().map(|row| row.seq) else {
        transaction.rollback().await?;
        return Ok(false);
    };
    fn ids(ids: impl Iterator<Item = Uuid>) -> BTreeSet<Uuid> {
        ids.collect()
    }
    let incidents = ids(rows.iter().filter_map(|row| Some(row.incident_id?.0)));
    let zones = ids(rows.iter().filter_map(|row| Some(row.zone_id?.0)));
    let at = batch::recorded_at(&transaction, now).await?;
    let rule = operator::sla::rule(&transaction).await?;
    let keys: Vec<Uuid> = incidents.iter().copied().collect();
    let keys = [Keys::Uuids(&keys)];
    let of = bulk::rows::<incident::Entity>(&transaction, "id IN {0}", &keys).await?;
    let of = Portion::Incidents(of, &rule, at);
    if of.bring_into_line(&transaction).await? {
        notice::look_again(&transaction).await?;
    }
    let keys = zones.iter().copied().collect();
    Portion::Zones(keys).bring_into_line(&transaction).await?;
    let stale = Stale {
        buildings: ids(rows.iter().filter_map(|row| Some(row.building_id?.0))),
        zones,
        incidents,
        tasks: ids(rows.iter().filter_map(|row| Some(row.task_id?.0))),
    };
    Portion::words(&stale).bring_into_line(&transaction).await?;
    journal::forget_before(&transaction, at).await?;
    journal::keep(&transaction, LOOKED_THROUGH, last.to_string()).await?;
    transaction.commit().await?;
    Ok(true)
}

async fn older(connection: &impl ConnectionTrait) -> Result<Vec<Older>, DbErr> {
    let through = journal::setting(connection, LOOKED_THROUGH).await?;
    let through: i64 = through.and_then(|seq| seq.parse().ok()).unwrap_or(0);
    let backend = connection.get_database_backend();
    let (by, after) = match backend {
        DbBackend::Sqlite => ("INDEXED BY activity_older_than_1", "?1"),
        _ => ("", "$1"),
    };
    let sql = OLDER.replace("{by}", by).replace("{after}", after);
    let select = Statement::from_sql_and_values(backend, sql, [through.into()]);
    let rows = connection.query_all_raw(select).await?;
    rows.iter()
        .map(|row| Older::from_query_result(row, ""))
        .collect()
}
