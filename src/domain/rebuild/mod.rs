//! Rebuild, the database's side of it: a consistent view of the present, a side database, what the operator said, the
//! comparison, and the swap. Decoding and folding go the usual way, see `operate`.

mod compare;
mod side;
mod swap;
mod timeline;

use chrono::{DateTime, Utc};
use entity::{place_link, property, setting, status_type};
use sea_orm::{
    AccessMode, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    IsolationLevel, QueryFilter, QueryOrder, Statement, TransactionTrait,
};

pub use self::compare::{Difference, compare};
pub use self::side::Side;
pub use self::swap::{adopt, begin, calls, same_operator};
use super::bulk::{self, Existing};
use super::database::Database;
use super::sla::Rule;
use super::{batch, operator};

/// The present as it is at one moment, for as long as the transaction is open; nobody waits for it.
///
/// # Errors
/// What the database says.
pub async fn view(database: &Database) -> Result<DatabaseTransaction, DbErr> {
    let readers = &database.readers;
    match database.backend() {
        DbBackend::Sqlite => readers.begin().await,
        _ => {
            let level = Some(IsolationLevel::RepeatableRead);
            readers
                .begin_with_config(level, Some(AccessMode::ReadOnly))
                .await
        }
    }
}

/// From when on raw calls are kept; none when nothing was ever pruned.
///
/// # Errors
/// What the database says.
pub async fn whole_from(connection: &impl ConnectionTrait) -> Result<Option<DateTime<Utc>>, DbErr> {
    let names = ["bodies_kept_from", "deliveries_kept_from"];
    let rows = setting::Entity::find()
        .filter(setting::Column::Name.is_in(names))
        .all(connection)
        .await?;
    let times = rows.iter().filter_map(|row| row.value.parse().ok());
    Ok(times.max())
}

/// How many kept calls have no bytes any more.
///
/// # Errors
/// What the database says.
pub async fn without_body(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let count = Statement::from_string(
        connection.get_database_backend(),
        "SELECT (SELECT COUNT(*) FROM delivery) - (SELECT COUNT(*) FROM delivery_body)",
    );
    let row = connection.query_one_raw(count).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0))
}

/// What the operator said: places, named properties, and the meaning of status names.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorWord {
    links: Vec<place_link::Model>,
    properties: Vec<property::Model>,
    statuses: Vec<status_type::Model>,
    sla: Rule,
}

async fn operator_word(connection: &impl ConnectionTrait) -> Result<OperatorWord, DbErr> {
    Ok(OperatorWord {
        links: place_link::Entity::find()
            .order_by_asc(place_link::Column::Id)
            .all(connection)
            .await?,
        properties: property::Entity::find()
            .filter(property::Column::Name.is_not_null())
            .order_by_asc(property::Column::Id)
            .all(connection)
            .await?,
        statuses: status_type::Entity::find()
            .order_by_asc(status_type::Column::Tenant)
            .order_by_asc(status_type::Column::Status)
            .all(connection)
            .await?,
        sla: operator::sla::rule(connection).await?,
    })
}

/// Says to the side database what the operator said to the present one.
///
/// # Errors
/// What either database says.
pub async fn copy_operator(
    present: &impl ConnectionTrait,
    side: &Database,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let word = operator_word(present).await?;
    let links = operator::place::held(present).await?;
    let transaction = batch::begin(side).await?;
    bulk::write::<property::Entity>(&transaction, &word.properties, &[], Existing::Replace).await?;
    bulk::write::<status_type::Entity>(&transaction, &word.statuses, &[], Existing::Replace)
        .await?;
    operator::sla::import(&transaction, &word.sla, now).await?;
    operator::place::replace(&transaction, &operator::place::Links::new(), links, now).await?;
    transaction.commit().await
}
