//! Adopting a rebuilt model: in one transaction under the writer's lock, so that no call is lost and no cursor moves.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use entity::{ActivityId, activity, activity_link};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, Statement};
use uuid::Uuid;

use super::compare::{Difference, compare};
use crate::domain::batch;
use crate::domain::bulk::{self, Existing, Keys};
use crate::domain::database::Database;

/// How many activities are appended with one statement.
const PORTION: usize = 1000;

/// The tables, children before their parents.
const TABLES: [&str; 10] = [
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

/// What has to go once everything else is in its place.
#[derive(Debug, Default)]
pub struct Adopt {
    gone: BTreeMap<&'static str, Vec<Uuid>>,
}

impl Adopt {
    pub(super) fn let_go(&mut self, table: &'static str, id: Uuid) {
        self.gone.entry(table).or_default().push(id);
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

/// Makes the present model the rebuilt one and appends the activities that it lacks. What the feed has stays as it is.
/// Gives what differed; the caller commits.
///
/// # Errors
/// What either database says; the caller rolls back.
pub async fn adopt(
    present: &DatabaseTransaction,
    rebuilt: &impl ConnectionTrait,
    now: DateTime<Utc>,
) -> Result<Difference, DbErr> {
    let mut adopt = Adopt::default();
    let difference = compare(present, rebuilt, Some(&mut adopt)).await?;
    adopt.remove(present).await?;
    append(present, rebuilt, &difference.missing, now).await?;
    if !difference.missing.is_empty() && present.get_database_backend() == DbBackend::Postgres {
        let notify = format!("NOTIFY {}", batch::CHANNEL);
        present.execute_unprepared(&notify).await?;
    }
    Ok(difference)
}

async fn append(
    present: &DatabaseTransaction,
    rebuilt: &impl ConnectionTrait,
    missing: &[ActivityId],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let recorded_at = batch::recorded_at(present, now).await?;
    let mut rows = Vec::with_capacity(missing.len());
    for portion in missing.chunks(PORTION) {
        let ids: Vec<Uuid> = portion.iter().map(|id| id.0).collect();
        let keys = [Keys::Uuids(&ids)];
        rows.extend(bulk::rows::<activity::Entity>(rebuilt, "id IN {0}", &keys).await?);
    }
    rows.sort_unstable_by_key(|row| row.seq);
    for portion in rows.chunks(PORTION) {
        let news: Vec<activity::Model> = portion
            .iter()
            .map(|row| activity::Model {
                recorded_at,
                ..row.clone()
            })
            .collect();
        bulk::write::<activity::Entity>(present, &news, &["seq"], Existing::Keep).await?;
        link(present, rebuilt, portion).await?;
    }
    Ok(())
}

/// The timelines that take in what was filed before its place was known follow under the new numbers.
async fn link(
    present: &DatabaseTransaction,
    rebuilt: &impl ConnectionTrait,
    rows: &[activity::Model],
) -> Result<(), DbErr> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let keys = [Keys::Uuids(&ids)];
    let numbered = bulk::rows::<activity::Entity>(present, "id IN {0}", &keys).await?;
    let numbers: HashMap<ActivityId, i64> =
        numbered.into_iter().map(|row| (row.id, row.seq)).collect();
    let of = "seq IN (SELECT told.seq FROM activity told WHERE told.id IN {0})";
    let links = bulk::rows::<activity_link::Entity>(rebuilt, of, &keys).await?;
    let ids: HashMap<i64, ActivityId> = rows.iter().map(|row| (row.seq, row.id)).collect();
    let links: Vec<activity_link::Model> = links
        .into_iter()
        .filter_map(|link| {
            let seq = *numbers.get(ids.get(&link.seq)?)?;
            Some(activity_link::Model { seq, ..link })
        })
        .collect();
    bulk::write::<activity_link::Entity>(present, &links, &[], Existing::Keep).await
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
    let rows: Vec<(entity::DeliveryId, i32)> = entity::delivery::Entity::find()
        .select_only()
        .column(entity::delivery::Column::Id)
        .column(entity::delivery::Column::CredentialPosition)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, position)| (id.0, position))
        .collect())
}
