//! The reads that all nouns share, set-based: one statement for a page, for the rows of a key set, for the first N
//! of each of many parents. No statement here runs once per row, and none without asking what the viewer may see.

pub(super) mod keys;

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::{
    Condition, Expr, ExprTrait, IntoCondition, IntoIden, JoinType, Query, SelectExpr,
    SelectStatement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, IdenStatic,
    Iterable, ModelTrait, PrimaryKeyToColumn, QueryFilter, QueryTrait, Select,
};
use uuid::Uuid;

use super::filter::Filter;
use super::page::{Order, Page, Slice};
use super::relation::Among;
use super::scope::{Reach, Scope, Scoped};
pub(super) use keys::Keys;

/// A count stops here: nobody waits for the exact number of a very long list.
pub const COUNT_LIMIT: u64 = 10_000;

/// Columns that are dear to read and that nobody asked for, each with the SQL that stands in its place. The rows tell
/// nothing of them.
pub type Spared<C> = [(C, &'static str)];

/// Which rows are asked for, in which order, and what is told of them.
#[derive(Clone, Copy, Debug)]
pub struct List<'a, C> {
    /// Only the rows that fulfil this.
    pub filter: &'a Filter<C>,
    /// Their order.
    pub order: &'a Order<C>,
    /// Which stretch of them.
    pub page: &'a Page,
    /// What is not told of them.
    pub spared: &'a Spared<C>,
}

/// What is told of the rows of `table`.
pub(super) fn told<E: EntityTrait>(
    table: impl IntoIden,
    spared: &Spared<E::Column>,
) -> impl Iterator<Item = SelectExpr> {
    let table = table.into_iden();
    E::Column::iter().map(move |column| {
        let name = column.as_str();
        let spared = spared.iter().find(|(spared, _)| spared.as_str() == name);
        let told = match spared {
            Some((_, instead)) => Expr::cust(*instead),
            None => Expr::col((table.clone(), column)),
        };
        SelectExpr {
            alias: Some(name.into_iden()),
            ..told.into()
        }
    })
}

/// All rows of a table, without what is `spared`.
fn find<E: EntityTrait>(spared: &Spared<E::Column>) -> Select<E> {
    let mut query = E::find();
    if !spared.is_empty() {
        let columns = told::<E>(E::default().table_name(), spared);
        QueryTrait::query(&mut query).clear_selects().exprs(columns);
    }
    query
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
    list: &List<'_, E::Column>,
) -> Result<Slice<E::Model>, DbErr>
where
    E: Scoped,
    E::Model: ModelTrait<Entity = E>,
{
    let backend = connection.get_database_backend();
    let condition = asked::<E>(scope, backend, list.filter);
    page_of::<E>(connection, condition, list.order, list.page, list.spared).await
}

/// One page of the rows for which `condition` holds.
pub(super) async fn page_of<E>(
    connection: &impl ConnectionTrait,
    condition: Condition,
    order: &Order<E::Column>,
    page: &Page,
    spared: &Spared<E::Column>,
) -> Result<Slice<E::Model>, DbErr>
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E>,
{
    let mut query = find::<E>(spared).filter(condition);
    page.apply(QueryTrait::query(&mut query), order);
    Ok(page.cut(query.all(connection).await?, order))
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
    let row = connection.query_one(&total).await?;
    let total = row.map_or(Ok(0), |row| row.try_get::<i64>("", "total"))?;
    Ok(capped(total))
}

/// The rows whose `column` is one of `keys`.
///
/// # Errors
/// What the database says.
pub async fn by_keys<E: Scoped>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    column: E::Column,
    keys: &[Uuid],
) -> Result<Vec<E::Model>, DbErr> {
    by_keys_without::<E>(scope, connection, column, keys, &[]).await
}

/// The same without what is `spared`.
///
/// # Errors
/// What the database says.
pub async fn by_keys_without<E: Scoped>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    column: E::Column,
    keys: &[Uuid],
    spared: &Spared<E::Column>,
) -> Result<Vec<E::Model>, DbErr> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let backend = connection.get_database_backend();
    let keys = Keys::new(backend, keys);
    find::<E>(spared)
        .filter(visible::<E>(scope, backend))
        .filter(keys.hold(column.into_expr()))
        .all(connection)
        .await
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
    list: &List<'_, E::Column>,
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
    let mut query = E::find()
        .filter(asked::<E>(scope, backend, list.filter))
        .filter(parent.into_expr().eq(keys.each()));
    list.page.apply(QueryTrait::query(&mut query), list.order);
    let mut inner = query.into_query();
    let mut outer = keys.select();
    outer.exprs(told::<E>("k", list.spared));
    match backend {
        DbBackend::Sqlite => {
            let key = primary_key::<E>();
            inner.clear_selects().expr(key.into_expr());
            outer
                .cross_join_as::<E>("k")
                .and_where(Expr::col(("k", key)).in_subquery(inner));
        }
        _ => {
            outer.join_lateral(JoinType::InnerJoin, inner, "k", yes());
        }
    }
    grouped(connection, &outer, list.order, list.page).await
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
        .and_where(Keys::new(backend, keys).hold(key.into_expr()))
        .cond_where(visible::<E>(scope, backend))
        .take();
    let rows = connection.query_all(&query).await?;
    rows.iter().map(|row| row.try_get("", "key")).collect()
}

/// Runs a statement that tells `parent_` and the columns of a row, and sorts the rows into pages.
pub(super) async fn grouped<M>(
    connection: &impl ConnectionTrait,
    query: &SelectStatement,
    order: &Order<<M::Entity as EntityTrait>::Column>,
    page: &Page,
) -> Result<HashMap<Uuid, Slice<M>>, DbErr>
where
    M: ModelTrait + FromQueryResult,
{
    let mut groups: HashMap<Uuid, Vec<M>> = HashMap::new();
    for row in connection.query_all(query).await? {
        let parent: Uuid = row.try_get("", "parent_")?;
        let row = M::from_query_result(&row, "")?;
        groups.entry(parent).or_default().push(row);
    }
    let cut = |(parent, rows)| (parent, page.cut(rows, order));
    Ok(groups.into_iter().map(cut).collect())
}

/// Runs a statement that tells `parent_` and `total`.
pub(super) async fn totals(
    connection: &impl ConnectionTrait,
    query: &SelectStatement,
) -> Result<HashMap<Uuid, Option<u64>>, DbErr> {
    let mut totals = HashMap::new();
    for row in connection.query_all(query).await? {
        let total: i64 = row.try_get("", "total")?;
        totals.insert(row.try_get("", "parent_")?, capped(total));
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
