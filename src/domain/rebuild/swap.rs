//! Adopting a rebuilt model: in one transaction under the writer's lock, so that no call is lost and no cursor moves.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use entity::{
    ActivityId, ActivityKind, BuildingId, Change, DeliveryId, IncidentId, Json, PropertyId, SiteId,
    TaskId, ZoneId, activity, building, delivery,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Statement};
use uuid::Uuid;

use super::compare::{Difference, compare};
use super::timeline;
use crate::domain::bulk::{self, Existing, Keys};
use crate::domain::database::Database;
use crate::domain::row::{Columns, FieldChange, RowChange, RowVerdict};
use crate::domain::{batch, id, journal, notice};

/// How many activities are appended with one statement.
const PORTION: usize = 1000;

/// The tables, children before their parents.
const TABLES: [&str; 11] = [
    "search",
    "chase",
    "note",
    "status_change",
    "task",
    "incident",
    "zone",
    "level",
    "site",
    "building",
    "property",
];

/// The columns that say where something stands.
const HOMES: [&str; 4] = ["building_id", "zone_id", "incident_id", "task_id"];

/// What is still to be done once the rows are in their place.
#[derive(Debug, Default)]
pub struct Adopt {
    gone: BTreeMap<&'static str, Vec<Uuid>>,
    moved: Vec<Moved>,
}

/// A row that stands elsewhere now.
#[derive(Debug)]
struct Moved {
    change: RowChange,
    row: Columns,
}

impl Moved {
    fn id(&self, column: &str) -> Option<Uuid> {
        Uuid::try_parse(self.row.get(column)?.as_str()?).ok()
    }
}

impl Adopt {
    pub(super) fn let_go(&mut self, table: &'static str, id: Uuid) {
        self.gone.entry(table).or_default().push(id);
    }

    /// Takes note of a row that is adopted.
    pub(super) fn note(&mut self, change: &RowChange, after: Option<Columns>) {
        let is_home = |change: &FieldChange| HOMES.contains(&change.field);
        // Zones and levels move with their sites only.
        let is_told = !matches!(change.table, "zone" | "level" | "building" | "property");
        if let (RowVerdict::Changed, Some(row)) = (change.verdict, after)
            && is_told
            && change.fields.iter().any(is_home)
        {
            let mut change = change.clone();
            change.fields.retain(is_home);
            self.moved.push(Moved { change, row });
        }
    }

    /// What moved, as activities: a thing that went with its site is told by the site.
    fn linked(
        &self,
        properties: &HashMap<Uuid, PropertyId>,
        at: DateTime<Utc>,
    ) -> Vec<activity::Model> {
        let sites = self
            .moved
            .iter()
            .filter(|moved| moved.change.table == "site");
        let sites: HashSet<Uuid> = sites.map(|moved| moved.change.id).collect();
        let linked = self.moved.iter().filter_map(|moved| {
            let (table, id) = (moved.change.table, moved.change.id);
            let (subject, task, incident) = match table {
                "site" => (id, None, None),
                "task" => (id, Some(id), moved.id("incident_id")),
                "incident" => (id, moved.id("task_id"), Some(id)),
                _ => {
                    let task = moved.id("task_id")?;
                    (task, Some(task), None)
                }
            };
            let site = if table == "site" {
                Some(id)
            } else {
                moved.id("site_id")
            };
            let goes_along = |field: &str| matches!(field, "building_id" | "zone_id");
            let mut fields = moved.change.fields.iter();
            if table != "site"
                && site.is_some_and(|site| sites.contains(&site))
                && fields.all(|change| goes_along(change.field))
            {
                return None;
            }
            let prefix = match table {
                "task" | "incident" => String::new(),
                table => format!("{table}."),
            };
            let change = |change: &FieldChange| Change {
                of: id,
                field: format!("{prefix}{}", change.field),
                from: change.from.clone(),
                to: change.to.clone(),
            };
            let building = moved.id("building_id");
            Some(activity::Model {
                seq: 0,
                id: id::activity(&("adopted", table, id, at)),
                kind: ActivityKind::Linked,
                occurred_at: at,
                recorded_at: at,
                late: false,
                subject_id: subject,
                site_id: site.map(SiteId),
                property_id: building.and_then(|id| properties.get(&id).copied()),
                building_id: building.map(BuildingId),
                zone_id: moved.id("zone_id").map(ZoneId),
                incident_id: incident.map(IncidentId),
                task_id: task.map(TaskId),
                tenant: moved
                    .row
                    .get("tenant")
                    .and_then(|tenant| tenant.as_str())
                    .filter(|_| table != "site")
                    .map(str::to_owned),
                delivery_id: None,
                changes: Json(moved.change.fields.iter().map(change).collect()),
                data: None,
                generation: activity::GENERATION,
            })
        });
        linked.collect()
    }

    /// The properties of the buildings where things stand now.
    async fn properties(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<HashMap<Uuid, PropertyId>, DbErr> {
        let buildings = self
            .moved
            .iter()
            .filter_map(|moved| moved.id("building_id"));
        let buildings: Vec<Uuid> = buildings.collect::<BTreeSet<_>>().into_iter().collect();
        let keys = [Keys::Uuids(&buildings)];
        let rows = bulk::rows::<building::Entity>(connection, "id IN {0}", &keys).await?;
        let property = |row: building::Model| Some((row.id.0, row.property_id?));
        Ok(rows.into_iter().filter_map(property).collect())
    }

    async fn remove(&self, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
        let backend = transaction.get_database_backend();
        for table in TABLES {
            let Some(ids) = self.gone.get(table) else {
                continue;
            };
            let mut sql = format!("DELETE FROM {table} WHERE ");
            let values = bulk::place_keys(&mut sql, "id IN {0}", &[Keys::Uuids(ids)], backend);
            let delete = Statement::from_sql_and_values(backend, sql, values);
            transaction.execute_raw(delete).await?;
        }
        Ok(())
    }
}

/// Begins the transaction of a swap: the writer's, with no haste between two statements.
///
/// # Errors
/// What the database says.
pub async fn begin(database: &Database) -> Result<DatabaseTransaction, DbErr> {
    let transaction = batch::begin(database).await?;
    if database.backend() == DbBackend::Postgres {
        transaction
            .execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0")
            .await?;
    }
    Ok(transaction)
}

/// Makes the present model the rebuilt one, appends the activities that it lacks, and tells by `Linked` activities what
/// stands elsewhere now; timelines take in what happened before. What the feed has stays as it is. Gives what differed;
/// the caller commits.
///
/// # Errors
/// What either database says; the caller rolls back.
pub async fn adopt(
    present: &DatabaseTransaction,
    rebuilt: &impl ConnectionTrait,
    now: DateTime<Utc>,
) -> Result<Difference, DbErr> {
    let mut adopt = Adopt::default();
    let mut difference = compare(present, rebuilt, Some(&mut adopt)).await?;
    adopt.remove(present).await?;
    let recorded_at = batch::recorded_at(present, now).await?;
    append(present, rebuilt, &difference.missing, recorded_at).await?;
    difference.unlinked += timeline::fill(present, &difference.missing, PORTION).await?;
    let properties = adopt.properties(present).await?;
    let linked = adopt.linked(&properties, recorded_at);
    for portion in linked.chunks(PORTION) {
        bulk::write::<activity::Entity>(present, portion, &["seq"], Existing::Keep).await?;
    }
    // What the rows said before stands in no activity; what was missing comes with the changes that a rebuild saw.
    if difference.is_of_the_history || !difference.missing.is_empty() || difference.unlinked > 0 {
        journal::forget_before(present, recorded_at).await?;
    }
    notice::look_again(present).await?;
    let news = difference.missing.len() + linked.len();
    if news > 0 && present.get_database_backend() == DbBackend::Postgres {
        let notify = format!("NOTIFY {}", batch::CHANNEL);
        present.execute_unprepared(&notify).await?;
    }
    Ok(difference)
}

async fn append(
    present: &DatabaseTransaction,
    rebuilt: &impl ConnectionTrait,
    missing: &[ActivityId],
    recorded_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut rows = Vec::with_capacity(missing.len());
    for portion in missing.chunks(PORTION) {
        let ids: Vec<Uuid> = portion.iter().map(|id| id.0).collect();
        let keys = [Keys::Uuids(&ids)];
        rows.extend(bulk::rows::<activity::Entity>(rebuilt, "id IN {0}", &keys).await?);
    }
    rows.sort_unstable_by_key(|row| row.seq);
    for row in &mut rows {
        row.recorded_at = recorded_at;
    }
    for portion in rows.chunks(PORTION) {
        bulk::write::<activity::Entity>(present, portion, &["seq"], Existing::Keep).await?;
    }
    Ok(())
}

/// Whether the operator's tables say in both the same.
///
/// # Errors
/// What either database says.
pub async fn same_operator(
    present: &impl ConnectionTrait,
    rebuilt: &impl ConnectionTrait,
) -> Result<bool, DbErr> {
    let here = super::operator_word(present).await?;
    Ok(here == super::operator_word(rebuilt).await?)
}

/// The keys of all kept calls, each with the position of the credential that it counts under.
///
/// # Errors
/// What the database says.
pub async fn calls(connection: &impl ConnectionTrait) -> Result<HashMap<Uuid, i32>, DbErr> {
    use sea_orm::QuerySelect;
    let rows: Vec<(DeliveryId, i32)> = delivery::Entity::find()
        .select_only()
        .column(delivery::Column::Id)
        .column(delivery::Column::CredentialPosition)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, position)| (id.0, position))
        .collect())
}
