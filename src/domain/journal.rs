//! The spine read in commit order: the tip, and pages of activities by seq.

use chrono::{DateTime, Utc};
use entity::{activity, setting};
use sea_orm::sea_query::{Order, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Statement};

use super::activity::filter::Filter;
use super::bulk::{self, Existing};
use super::read::Told;
use super::read::statement::rows;

/// The setting that holds the seq up to which the history was pruned: seqs have gaps, it cannot be inferred.
pub(super) const PRUNED_THROUGH: &str = "pruned_through_seq";
/// The setting that holds the time from which on all activities are kept.
pub(super) const HISTORY_FROM: &str = "history_from";

/// The setting that holds the time from which on activities hold every change of what they tell of: before it a release
/// kept less, or a swap made rows others without telling how.
pub(super) const CHANGES_WHOLE_FROM: &str = "changes_whole_from";

/// The seq of the latest activity; 0 when there never was one.
///
/// # Errors
/// What the database says.
pub async fn tip(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let latest = Statement::from_string(
        connection.get_database_backend(),
        "SELECT seq FROM activity ORDER BY seq DESC LIMIT 1",
    );
    let row = connection.query_one_raw(latest).await?;
    match row {
        Some(row) => row.try_get_by_index(0),
        // Where all of it was pruned, the next one comes after that.
        None => pruned_through(connection).await,
    }
}

/// The activities with `after < seq <= through` that `filter` lets through, in seq order, at most `limit`.
///
/// # Errors
/// What the database says.
pub async fn page(
    connection: &impl ConnectionTrait,
    filter: &Filter,
    after: i64,
    through: i64,
    limit: u64,
) -> Result<Vec<activity::Model>, DbErr> {
    let told = Told::<activity::Entity>::all();
    let query = Query::select()
        .exprs(told.selected(activity::Entity))
        .from(activity::Entity)
        .and_where(activity::Column::Seq.gt(after))
        .and_where(activity::Column::Seq.lte(through))
        .cond_where(filter.to_condition())
        .order_by(activity::Column::Seq, Order::Asc)
        .limit(limit)
        .take();
    let rows = rows(connection, &query).await?;
    rows.iter().map(|row| told.row(row, 0)).collect()
}

/// The seq up to which the history was pruned: a cursor before it has lost rows. 0 when all is kept.
///
/// # Errors
/// What the database says.
pub async fn pruned_through(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let value = setting(connection, PRUNED_THROUGH).await?;
    Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0))
}

/// The time from which on all activities are kept, by when they were recorded; none when all there ever were are.
///
/// # Errors
/// What the database says.
pub async fn history_from(
    connection: &impl ConnectionTrait,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let value = setting(connection, HISTORY_FROM).await?;
    Ok(value.and_then(|value| value.parse().ok()))
}

/// Takes note that rows were changed with no activity that tells how: what was before `at` is not answered any more.
///
/// # Errors
/// What the database says.
pub(super) async fn forget_before(
    connection: &impl ConnectionTrait,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    keep(connection, CHANGES_WHOLE_FROM, at.to_rfc3339()).await
}

/// Sets a setting of this database.
///
/// # Errors
/// What the database says.
pub(super) async fn keep(
    connection: &impl ConnectionTrait,
    name: &str,
    value: String,
) -> Result<(), DbErr> {
    let row = setting::Model {
        name: name.to_owned(),
        value,
    };
    bulk::write::<setting::Entity>(connection, &[row], &[], Existing::Replace).await
}

/// The value of a setting of this database.
///
/// # Errors
/// What the database says.
pub(super) async fn setting(
    connection: &impl ConnectionTrait,
    name: &str,
) -> Result<Option<String>, DbErr> {
    let row = setting::Entity::find_by_id(name.to_owned())
        .one(connection)
        .await?;
    Ok(row.map(|row| row.value))
}
