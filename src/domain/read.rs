//! The reads that all nouns share, set-based: one statement for a page, for the rows of a key set, for the first N
//! of each of many parents. No statement here runs once per row.

use std::collections::HashMap;

use sea_orm::sea_query::{
    Condition, Expr, ExprTrait, Func, IntoCondition, JoinType, Query, SelectStatement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, Iterable,
    ModelTrait, PrimaryKeyToColumn, QueryFilter, QueryTrait,
};
use uuid::Uuid;

use super::filter::Filter;
use super::page::{Order, Page, Slice};
use super::scope::Scope;

/// A count stops here: nobody waits for the exact number of a very long list.
pub const COUNT_LIMIT: u64 = 10_000;

/// What of a table a viewer may see.
pub fn visible(scope: &Scope) -> Condition {
    match scope {
        Scope::Operator | Scope::All => Condition::all(),
        // Until each noun says which claims cover its rows: none.
        Scope::Claims(_) => Expr::cust("1=0").into_condition(),
    }
}

/// One page of a list.
///
/// # Errors
/// What the database says.
pub async fn page<E>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    filter: &Filter<E::Column>,
    order: &Order<E::Column>,
    page: &Page,
) -> Result<Slice<E::Model>, DbErr>
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E>,
{
    let mut query = E::find()
        .filter(visible(scope))
        .filter(filter.to_condition());
    page.apply(QueryTrait::query(&mut query), order);
    Ok(page.cut(query.all(connection).await?, order))
}

/// How many rows a list has; null beyond [`COUNT_LIMIT`].
///
/// # Errors
/// What the database says.
pub async fn count<E: EntityTrait>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    filter: &Filter<E::Column>,
) -> Result<Option<u64>, DbErr> {
    let total = Query::select()
        .expr_as(
            counted::<E>(visible(scope).add(filter.to_condition())),
            "total",
        )
        .take();
    let row = connection.query_one(&total).await?;
    let total = row.map_or(Ok(0), |row| row.try_get::<i64>("", "total"))?;
    Ok(capped(total))
}

/// The rows whose `column` is one of `keys`.
///
/// # Errors
/// What the database says.
pub async fn by_keys<E: EntityTrait>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    column: E::Column,
    keys: &[Uuid],
) -> Result<Vec<E::Model>, DbErr> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys = Keys::new(connection.get_database_backend(), keys);
    E::find()
        .filter(visible(scope))
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
    filter: &Filter<E::Column>,
    order: &Order<E::Column>,
    page: &Page,
) -> Result<HashMap<Uuid, Slice<E::Model>>, DbErr>
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E>,
{
    if parents.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = connection.get_database_backend();
    let keys = Keys::new(backend, parents);
    let mut query = E::find()
        .filter(visible(scope))
        .filter(parent.into_expr().eq(keys.each()))
        .filter(filter.to_condition());
    page.apply(QueryTrait::query(&mut query), order);
    let mut inner = query.into_query();
    let mut outer = keys.select();
    for column in E::Column::iter() {
        outer.column(("k", column));
    }
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
    grouped(connection, &outer, order, page).await
}

/// How many rows each parent has; null beyond [`COUNT_LIMIT`].
///
/// # Errors
/// What the database says.
pub async fn count_children<E: EntityTrait>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    parent: E::Column,
    parents: &[Uuid],
    filter: &Filter<E::Column>,
) -> Result<HashMap<Uuid, Option<u64>>, DbErr> {
    if parents.is_empty() {
        return Ok(HashMap::new());
    }
    let keys = Keys::new(connection.get_database_backend(), parents);
    let condition = visible(scope)
        .add(parent.into_expr().eq(keys.each()))
        .add(filter.to_condition());
    let mut outer = keys.select();
    outer.expr_as(counted::<E>(condition), "total");
    totals(connection, &outer).await
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

/// A set of ids as one parameter: one prepared statement serves any number of them.
pub(super) struct Keys {
    backend: DbBackend,
    literal: String,
}

impl Keys {
    pub(super) fn new(backend: DbBackend, keys: &[Uuid]) -> Self {
        let mut keys: Vec<Uuid> = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let (open, quote, close) = match backend {
            DbBackend::Sqlite => ('[', "\"", ']'),
            _ => ('{', "", '}'),
        };
        let mut literal = String::with_capacity(keys.len() * 40 + 2);
        literal.push(open);
        for (index, key) in keys.iter().enumerate() {
            if index > 0 {
                literal.push(',');
            }
            literal.push_str(quote);
            literal.push_str(&key.hyphenated().to_string());
            literal.push_str(quote);
        }
        literal.push(close);
        Self { backend, literal }
    }

    /// `field` is one of the keys.
    fn hold(&self, field: Expr) -> Expr {
        match self.backend {
            DbBackend::Sqlite => {
                let keys = Query::select()
                    .expr(self.each())
                    .from_function(self.function(), "p")
                    .take();
                field.in_subquery(keys)
            }
            _ => field.eq(Expr::FunctionCall(Func::cust("any").arg(self.array()))),
        }
    }

    /// The statement that tells each key as `parent_`, to be joined with what belongs to it.
    pub(super) fn select(&self) -> SelectStatement {
        Query::select()
            .expr_as(self.each(), "parent_")
            .from_function(self.function(), "p")
            .take()
    }

    /// The key at hand, in a statement that begins with [`Keys::select`].
    pub(super) fn each(&self) -> Expr {
        match self.backend {
            // sqlx binds ids as blobs, and JSON has none.
            DbBackend::Sqlite => Expr::cust(r#"unhex("p"."value", '-')"#),
            _ => Expr::col(("p", "p")),
        }
    }

    fn function(&self) -> sea_orm::sea_query::FunctionCall {
        match self.backend {
            DbBackend::Sqlite => Func::cust("json_each").arg(Expr::val(self.literal.clone())),
            _ => Func::cust("unnest").arg(self.array()),
        }
    }

    fn array(&self) -> Expr {
        Expr::val(self.literal.clone()).cast_as("uuid[]")
    }
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
