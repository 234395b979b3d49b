//! The reads that all nouns share, set-based: one statement for a page, for the rows of a key set, for the first N
//! of each of many parents. No statement here runs once per row, and none without asking what the viewer may see.

pub(super) mod keys;
pub(super) mod statement;
mod told;

use std::collections::{HashMap, HashSet};

use entity::Stored;
use sea_orm::sea_query::{
    Condition, Expr, ExprTrait, IntoCondition, JoinType, Query, SelectStatement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, Iterable, ModelTrait,
    PrimaryKeyToColumn,
};
use uuid::Uuid;

use super::filter::Filter;
use super::page::{Order, Page, Slice};
use super::relation::Among;
use super::scope::{Reach, Scope, Scoped};
pub(super) use keys::Keys;
use statement::rows;
pub use told::Told;

/// As many columns a page tells on SQLite, which takes rows of fewer for so cheap to sort that it would rather sort all
/// that a filter lets through than walk the index of the order until the page is full.
const WIDE: usize = 31;

/// For how many rows of a parent there is room from the start.
const MOST_ROOM: usize = 16;

/// A count stops here: nobody waits for the exact number of a very long list.
pub const COUNT_LIMIT: u64 = 10_000;

/// Which rows are asked for, in which order, and what is told of them.
#[derive(Debug)]
pub struct List<'a, E: EntityTrait> {
    /// Only the rows that fulfil this.
    pub filter: &'a Filter<E::Column>,
    /// Their order.
    pub order: &'a Order<E::Column>,
    /// Which stretch of them.
    pub page: &'a Page,
    /// What is told of them, beside what their order needs.
    pub told: Told<E>,
}

impl<E: Stored> List<'_, E> {
    /// The columns that are read.
    pub(super) fn read(&self) -> Told<E> {
        self.told.and(self.order.columns())
    }
}

/// What of a table a viewer may see.
pub(super) fn visible<E: Scoped>(scope: &Scope, backend: DbBackend) -> Condition {
    match scope {
        Scope::Operator => Condition::all(),
        _ if E::FOR_OPERATORS => no(),
        Scope::All => Condition::all(),
        Scope::Claims(claims) => E::covered(&Reach::new(claims, backend)),
    }
}

/// The rows that a viewer may see and for which `filter` holds. What the viewer would not be shown of a row is null to
/// the filter too, or asking would tell it.
pub(super) fn asked<E: Scoped>(
    scope: &Scope,
    backend: DbBackend,
    filter: &Filter<E::Column>,
) -> Condition {
    // A condition of alternatives would take `filter` for one more of them.
    Condition::all()
        .add(visible::<E>(scope, backend))
        .add(narrowed::<E>(scope, backend, filter))
}

/// What `filter` means to a viewer, of rows that the viewer sees.
pub(super) fn narrowed<E: Scoped>(
    scope: &Scope,
    backend: DbBackend,
    filter: &Filter<E::Column>,
) -> Condition {
    let shown = |column| match scope {
        Scope::Operator | Scope::All => None,
        Scope::Claims(claims) => E::shown(&Reach::new(claims, backend), column),
    };
    let among = |among: &Among| among.rows(scope, backend);
    filter.to_condition_where(&shown, &among)
}

/// One page of a list.
///
/// # Errors
/// What the database says.
pub async fn page<E>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    list: &List<'_, E>,
) -> Result<Slice<E::Model>, DbErr>
where
    E: Scoped,
    E::Model: ModelTrait<Entity = E>,
{
    let backend = connection.get_database_backend();
    let condition = asked::<E>(scope, backend, list.filter);
    page_of::<E>(connection, condition, list).await
}

/// One page of the rows for which `condition` holds, whatever the filter of `list`.
pub(super) async fn page_of<E>(
    connection: &impl ConnectionTrait,
    condition: Condition,
    list: &List<'_, E>,
) -> Result<Slice<E::Model>, DbErr>
where
    E: Stored,
    E::Model: ModelTrait<Entity = E>,
{
    let told = list.read();
    let mut query = Query::select();
    query
        .exprs(told.selected(E::default().table_name()))
        .from(E::default())
        .cond_where(condition);
    if connection.get_database_backend() == DbBackend::Sqlite {
        let missing = WIDE.saturating_sub(told.count());
        query.exprs((0..missing).map(|_| Expr::cust("NULL")));
    }
    list.page.apply(&mut query, list.order);
    let rows = rows(connection, &query).await?;
    let rows: Result<Vec<E::Model>, DbErr> = rows.iter().map(|row| told.row(row, 0)).collect();
    Ok(list.page.listed(rows?))
}

/// How many rows a list has; null beyond [`COUNT_LIMIT`].
///
/// # Errors
/// What the database says.
pub async fn count<E: Scoped>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    filter: &Filter<E::Column>,
) -> Result<Option<u64>, DbErr> {
    let backend = connection.get_database_backend();
    count_where::<E>(connection, asked::<E>(scope, backend, filter)).await
}

/// How many rows there are for which `condition` holds; null beyond [`COUNT_LIMIT`].
pub(super) async fn count_where<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    condition: Condition,
) -> Result<Option<u64>, DbErr> {
    let total = Query::select()
        .expr_as(counted::<E>(condition), "total")
        .take();
    let rows = rows(connection, &total).await?;
    let total = rows.first().map(|row| row.try_get_by_index(0));
    Ok(capped(total.transpose()?.unwrap_or_default()))
}

/// The rows whose `column` is one of `keys`, with all their columns.
///
/// # Errors
/// What the database says.
pub async fn by_keys<E: Scoped>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    column: E::Column,
    keys: &[Uuid],
) -> Result<Vec<E::Model>, DbErr> {
    told_by_keys::<E>(scope, connection, column, keys, Told::all()).await
}

/// The same with what is `told` only.
///
/// # Errors
/// What the database says.
pub async fn told_by_keys<E: Scoped>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    column: E::Column,
    keys: &[Uuid],
    told: Told<E>,
) -> Result<Vec<E::Model>, DbErr> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let backend = connection.get_database_backend();
    let keys = Keys::new(backend, keys);
    let query = Query::select()
        .exprs(told.selected(E::default().table_name()))
        .from(E::default())
        .cond_where(visible::<E>(scope, backend))
        .and_where(keys.fetch(column.into_expr()))
        .take();
    let rows = rows(connection, &query).await?;
    rows.iter().map(|row| told.row(row, 0)).collect()
}

/// One page of the rows of each parent: those whose `parent` column names it.
///
/// # Errors
/// What the database says.
pub async fn children<E>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    parent: E::Column,
    parents: &[Uuid],
    list: &List<'_, E>,
) -> Result<HashMap<Uuid, Slice<E::Model>>, DbErr>
where
    E: Scoped,
    E::Model: ModelTrait<Entity = E>,
{
    if parents.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = connection.get_database_backend();
    let keys = Keys::new(backend, parents);
    let told = list.read();
    let mut inner = Query::select();
    inner
        .from(E::default())
        .cond_where(asked::<E>(scope, backend, list.filter))
        .and_where(parent.into_expr().eq(keys.each()));
    list.page.apply(&mut inner, list.order);
    let mut outer = keys.select();
    outer.exprs(told.selected("k"));
    match backend {
        DbBackend::Sqlite => {
            let key = primary_key::<E>();
            inner.expr(key.into_expr());
            outer
                .cross_join_as::<E>("k")
                .and_where(Expr::col(("k", key)).in_subquery(inner));
        }
        _ => {
            inner.exprs(told.selected(E::default().table_name()));
            outer.join_lateral(JoinType::InnerJoin, inner, "k", yes());
        }
    }
    grouped(connection, &outer, list).await
}

/// How many rows each parent has; null beyond [`COUNT_LIMIT`].
///
/// # Errors
/// What the database says.
pub async fn count_children<E: Scoped>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    parent: E::Column,
    parents: &[Uuid],
    filter: &Filter<E::Column>,
) -> Result<HashMap<Uuid, Option<u64>>, DbErr> {
    if parents.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = connection.get_database_backend();
    let keys = Keys::new(backend, parents);
    let condition = asked::<E>(scope, backend, filter).add(parent.into_expr().eq(keys.each()));
    let mut outer = keys.select();
    outer.expr_as(counted::<E>(condition), "total");
    totals(connection, &outer).await
}

/// Which of the rows with these `keys` the viewer may see, by key.
///
/// # Errors
/// What the database says.
pub async fn seen<E: Scoped>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    keys: &[Uuid],
) -> Result<HashSet<Uuid>, DbErr> {
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let backend = connection.get_database_backend();
    let key = primary_key::<E>();
    let query = Query::select()
        .expr_as(key.into_expr(), "key")
        .from(E::default())
        .and_where(Keys::new(backend, keys).fetch(key.into_expr()))
        .cond_where(visible::<E>(scope, backend))
        .take();
    let rows = rows(connection, &query).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Runs a statement that tells `parent_` and what is told of a row, and sorts the rows into pages.
pub(super) async fn grouped<E>(
    connection: &impl ConnectionTrait,
    query: &SelectStatement,
    list: &List<'_, E>,
) -> Result<HashMap<Uuid, Slice<E::Model>>, DbErr>
where
    E: Stored,
    E::Model: ModelTrait<Entity = E>,
{
    let told = list.read();
    let room = usize::try_from(list.page.size).map_or(0, |size| size.saturating_add(1));
    let mut groups: HashMap<Uuid, Vec<E::Model>> = HashMap::new();
    for row in rows(connection, query).await? {
        let parent: Uuid = row.try_get_by_index(0)?;
        let group = groups.entry(parent);
        let group = group.or_insert_with(|| Vec::with_capacity(room.min(MOST_ROOM)));
        group.push(told.row(&row, 1)?);
    }
    let cut = |(parent, rows)| (parent, list.page.sorted(rows, list.order));
    Ok(groups.into_iter().map(cut).collect())
}

/// Runs a statement that tells `parent_` and `total`.
pub(super) async fn totals(
    connection: &impl ConnectionTrait,
    query: &SelectStatement,
) -> Result<HashMap<Uuid, Option<u64>>, DbErr> {
    let mut totals = HashMap::new();
    for row in rows(connection, query).await? {
        let total: i64 = row.try_get_by_index(1)?;
        totals.insert(row.try_get_by_index(0)?, capped(total));
    }
    Ok(totals)
}

fn capped(total: i64) -> Option<u64> {
    u64::try_from(total)
        .ok()
        .filter(|total| *total <= COUNT_LIMIT)
}

fn counted<E: EntityTrait>(condition: Condition) -> Expr {
    let rows = Query::select()
        .expr(Expr::cust("1"))
        .from(E::default())
        .cond_where(condition)
        .limit(COUNT_LIMIT + 1)
        .take();
    count_of(rows)
}

/// `(SELECT count(*) FROM (rows))`
pub(super) fn count_of(rows: SelectStatement) -> Expr {
    let count = Query::select()
        .expr(Expr::cust("count(*)"))
        .from_subquery(rows, "counted_")
        .take();
    Expr::SubQuery(None, Box::new(count.into()))
}

pub(super) fn yes() -> Condition {
    Expr::cust("1=1").into_condition()
}

pub(super) fn no() -> Condition {
    Expr::cust("1=0").into_condition()
}

pub(super) fn primary_key<E: EntityTrait>() -> E::Column {
    #[expect(
        clippy::expect_used,
        reason = "SeaORM does not compile an entity without a primary key"
    )]
    E::PrimaryKey::iter()
        .next()
        .map(PrimaryKeyToColumn::into_column)
        .expect("an entity has a primary key")
}

/// `CROSS JOIN table AS alias`: SQLite keeps the order of a CROSS JOIN, so the keys stay the outer loop.
pub(super) trait CrossJoin {
    fn cross_join_as<E: EntityTrait>(&mut self, alias: &'static str) -> &mut Self;
}

impl CrossJoin for SelectStatement {
    fn cross_join_as<E: EntityTrait>(&mut self, alias: &'static str) -> &mut Self {
        use sea_orm::sea_query::{IntoIden, IntoTableRef};
        self.cross_join(E::default().into_table_ref().alias(alias.into_iden()))
    }
}
