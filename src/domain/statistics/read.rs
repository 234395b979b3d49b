//! What the database is asked for statistics: one statement for the counts, one for each pair of percentiles and one for
//! the kinds, for any number of places and stretches of time.
//!
//! Each place and stretch is a sub-select over its own part of an index (place, time), which tells one text: no row is
//! sorted or kept to find the group it belongs to, and the server holds as many results as were asked for. Percentiles
//! are found from how many rows took how long, so what is sorted is as long as there are different seconds.

use std::collections::HashMap;

use entity::building;
use sea_orm::sea_query::{
    CaseStatement, Condition, Expr, ExprTrait, Func, Order, Query, SelectStatement,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{Interval, Length, Ranks};
use crate::domain::filter::Filter;
use crate::domain::read::{Keys, asked, narrowed};
use crate::domain::scope::{Scope, Scoped};

/// How many kinds are told by name.
pub const MOST_KINDS: u64 = 20;

/// Where things are counted.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a, C> {
    /// Everywhere.
    Everywhere,
    /// In each of these places, which a column names.
    Each(C, &'a [Uuid]),
    /// In each of these properties: in their buildings, which a column names.
    EachProperty(C, &'a [Uuid]),
}

/// What is looked at.
#[derive(Debug)]
pub struct Question<'a, E: Scoped> {
    /// Only these rows. Relative times are fixed.
    pub filter: &'a Filter<E::Column>,
    /// The time by which a row belongs to a stretch.
    pub by: E::Column,
    /// Where.
    pub place: Place<'a, E::Column>,
    /// The stretches of time.
    pub intervals: &'a [Interval],
}

/// What was found, by place (nil for everywhere) and number of the stretch.
pub type Found<T> = HashMap<(Uuid, usize), T>;

/// How many rows there are, of which kinds, and how long they took in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many rows each filter finds, in the order of the filters.
    pub counts: Vec<i64>,
    /// Of each length how many rows tell it, and their sum.
    pub lengths: Vec<(i64, i64)>,
}

/// Counts rows, and adds up how long they took; one statement.
///
/// # Errors
/// What the database says.
pub async fn counts<E: Scoped>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    question: &Question<'_, E>,
    filters: &[Filter<E::Column>],
    lengths: &[Length<E::Column>],
) -> Result<Found<Counts>, DbErr> {
    let backend = connection.get_database_backend();
    let mut sums: Vec<Expr> = Vec::new();
    for filter in filters {
        sums.push(sum_where(
            narrowed::<E>(scope, backend, filter),
            Expr::cust("1"),
        ));
    }
    for length in lengths {
        let of = || narrowed::<E>(scope, backend, &length.of);
        sums.push(sum_where(of(), Expr::cust("1")));
        sums.push(sum_where(of(), seconds(backend, length)));
    }
    let inner = question
        .rows(scope, backend)
        .expr(array(backend, sums))
        .take();
    let found: Found<Vec<i64>> = question.run(connection, inner).await?;
    let split = |numbers: Vec<i64>| {
        let (counts, sums) = numbers.split_at(filters.len().min(numbers.len()));
        let pairs = sums.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        Counts {
            counts: counts.to_vec(),
            lengths: pairs.collect(),
        }
    };
    let told = found.into_iter();
    Ok(told.map(|(at, numbers)| (at, split(numbers))).collect())
}

/// The percentiles of a length, by nearest rank; one statement. Nothing is told of stretches in which no row tells it.
///
/// # Errors
/// What the database says.
pub async fn ranks<E: Scoped>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    question: &Question<'_, E>,
    length: &Length<E::Column>,
) -> Result<Found<Ranks>, DbErr> {
    let backend = connection.get_database_backend();
    let rows = question
        .rows(scope, backend)
        .expr_as(seconds(backend, length), "s")
        .cond_where(narrowed::<E>(scope, backend, &length.of))
        .take();
    let histogram = Query::select()
        .column("s")
        .expr_as(Expr::cust("count(*)"), "n")
        .from_subquery(rows, "r")
        .group_by_col("s")
        .take();
    let running = Query::select()
        .column("s")
        .expr_as(Expr::cust("sum(n) OVER (ORDER BY s)"), "upto")
        .expr_as(Expr::cust("sum(n) OVER ()"), "total")
        .from_subquery(histogram, "h")
        .take();
    // The least value that half of them, or nine in ten, do not exceed: `super::nearest_rank`.
    let least = [
        "min(CASE WHEN upto * 2 >= total THEN s END)",
        "min(CASE WHEN upto * 10 >= total * 9 THEN s END)",
    ];
    let inner = Query::select()
        .expr(array(backend, least.map(Expr::cust)))
        .from_subquery(running, "w")
        .take();
    let found: Found<(Option<i64>, Option<i64>)> = question.run(connection, inner).await?;
    let told = found.into_iter().filter_map(|(at, (median, p90))| {
        let ranks = Ranks {
            median: median?,
            p90: p90?,
        };
        Some((at, ranks))
    });
    Ok(told.collect())
}

/// A word and how many rows have it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct KindCount {
    /// The word; null for the rows without one.
    pub kind: Option<String>,
    /// How many rows have it.
    pub count: i64,
    /// How many rows there are in all.
    pub total: i64,
}

/// The words of a column that most rows have, at most [`MOST_KINDS`], the most frequent first; one statement.
///
/// # Errors
/// What the database says.
pub async fn kinds<E: Scoped>(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    question: &Question<'_, E>,
    column: E::Column,
) -> Result<Found<Vec<KindCount>>, DbErr> {
    let backend = connection.get_database_backend();
    let words = question
        .rows(scope, backend)
        .expr_as(column.into_expr(), "k")
        .expr_as(Expr::cust("count(*)"), "n")
        .expr_as(Expr::cust("sum(count(*)) OVER ()"), "total")
        .group_by_col((E::default(), column))
        .order_by_expr(Expr::cust("count(*)"), Order::Desc)
        .order_by_expr(column.into_expr().is_null(), Order::Asc)
        .order_by_expr(column.into_expr(), Order::Asc)
        .limit(MOST_KINDS)
        .take();
    let row = array(backend, ["k", "n", "total"].map(Expr::col));
    let all = Func::cust(match backend {
        DbBackend::Sqlite => "json_group_array",
        _ => "json_agg",
    });
    // What is text already would be put in quotes.
    let row = match backend {
        DbBackend::Sqlite => Func::cust("json").arg(row).into(),
        _ => row.cast_as("json"),
    };
    let inner = Query::select()
        .expr(Expr::from(all.arg(row)).cast_as("text"))
        .from_subquery(words, "w")
        .take();
    let found: Found<Option<Vec<(Option<String>, i64, i64)>>> =
        question.run(connection, inner).await?;
    let told = found.into_iter().map(|(at, rows)| {
        let rows = rows.unwrap_or_default().into_iter();
        let mut rows: Vec<KindCount> = rows
            .map(|(kind, count, total)| KindCount { kind, count, total })
            .collect();
        rows.sort_by(|a, b| {
            let by_name = || (a.kind.is_none(), &a.kind).cmp(&(b.kind.is_none(), &b.kind));
            b.count.cmp(&a.count).then_with(by_name)
        });
        (at, rows)
    });
    Ok(told.collect())
}

impl<E: Scoped> Question<'_, E> {
    /// The rows of the place and the stretch at hand, without a word of what is told of them.
    fn rows(&self, scope: &Scope, backend: DbBackend) -> SelectStatement {
        let [start, end] = [0, 1].map(|nth| {
            let text = Expr::cust(format!(r#""b"."value" ->> {nth}"#));
            match backend {
                DbBackend::Sqlite => text,
                _ => text.cast_as("timestamptz"),
            }
        });
        let mut rows = Query::select();
        rows.from(E::default())
            .cond_where(asked::<E>(scope, backend, self.filter))
            .and_where(self.by.into_expr().gte(start))
            .and_where(self.by.into_expr().lt(end));
        match self.place {
            Place::Everywhere => {}
            Place::Each(column, keys) => {
                rows.and_where(column.into_expr().eq(Keys::new(backend, keys).each()));
            }
            Place::EachProperty(column, keys) => {
                let buildings = Query::select()
                    .expr(building::Column::Id.into_expr())
                    .from(building::Entity)
                    .and_where(
                        building::Column::PropertyId
                            .into_expr()
                            .eq(Keys::new(backend, keys).each()),
                    )
                    .take();
                rows.and_where(column.into_expr().in_subquery(buildings));
            }
        }
        rows
    }

    /// Runs what is told of the rows of one place and stretch for all of them.
    async fn run<T: DeserializeOwned>(
        &self,
        connection: &impl ConnectionTrait,
        inner: SelectStatement,
    ) -> Result<Found<T>, DbErr> {
        let is_idle = matches!(self.place, Place::Each(_, []) | Place::EachProperty(_, []));
        if is_idle || self.intervals.is_empty() {
            return Ok(Found::new());
        }
        let backend = connection.get_database_backend();
        let mut outer = match self.place {
            Place::Everywhere => Query::select(),
            Place::Each(_, keys) | Place::EachProperty(_, keys) => {
                Keys::new(backend, keys).select()
            }
        };
        let intervals = Expr::val(self.literal());
        let intervals = match backend {
            DbBackend::Sqlite => Func::cust("json_each").arg(intervals),
            _ => Func::cust("json_array_elements").arg(intervals.cast_as("json")),
        };
        outer
            .expr_as(Expr::cust(r#""b"."value" ->> 2"#), "nth")
            .expr_as(Expr::SubQuery(None, Box::new(inner.into())), "told")
            .from_function(intervals, "b");
        let mut found = Found::new();
        for row in connection.query_all(&outer).await? {
            let place = match self.place {
                Place::Everywhere => Uuid::nil(),
                _ => row.try_get("", "parent_")?,
            };
            let nth: String = row.try_get("", "nth")?;
            let told: Option<String> = row.try_get("", "told")?;
            let read = |error| DbErr::Custom(format!("statistics cannot be read: {error}"));
            let told = serde_json::from_str(told.as_deref().unwrap_or("null")).map_err(read)?;
            found.insert((place, nth.parse().unwrap_or_default()), told);
        }
        Ok(found)
    }

    /// The stretches as one parameter, their times as they are stored.
    fn literal(&self) -> String {
        let text = |time: chrono::DateTime<chrono::Utc>| {
            time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
        };
        let intervals = self.intervals.iter().enumerate();
        let each = intervals.map(|(nth, interval)| {
            serde_json::json!([text(interval.start), text(interval.end), nth.to_string()])
        });
        serde_json::Value::from_iter(each).to_string()
    }
}

/// The sum of `what` of the rows for which `condition` holds.
fn sum_where(condition: Condition, what: Expr) -> Expr {
    let case = CaseStatement::new()
        .case(condition, what)
        .finally(Expr::cust("0"));
    let case: Expr = case.into();
    let sum = Func::sum(case);
    Func::coalesce([sum.into(), Expr::cust("0")]).into()
}

/// Whole seconds from one time of a row to another, none when they run backward.
fn seconds<C: ColumnTrait>(backend: DbBackend, length: &Length<C>) -> Expr {
    let second = |column: C| -> Expr {
        match backend {
            // The fraction is cut off before SQLite can round it; stored times are all in UTC.
            DbBackend::Sqlite => {
                let cut = Func::cust("substr").args([
                    column.into_expr(),
                    Expr::cust("1"),
                    Expr::cust("19"),
                ]);
                Func::cust("unixepoch").arg(cut).into()
            }
            _ => {
                let cut = Func::cust("date_part").args([
                    Expr::cust("'epoch'"),
                    Func::cust("date_trunc")
                        .args([Expr::cust("'second'"), column.into_expr()])
                        .into(),
                ]);
                Expr::from(cut).cast_as("bigint")
            }
        }
    };
    let passed = second(length.until).sub(second(length.from));
    let most = match backend {
        DbBackend::Sqlite => "max",
        _ => "greatest",
    };
    Func::cust(most).args([passed, Expr::cust("0")]).into()
}

/// `expressions` as one text that is a JSON array.
fn array(backend: DbBackend, expressions: impl IntoIterator<Item = Expr>) -> Expr {
    let name = match backend {
        DbBackend::Sqlite => "json_array",
        _ => "json_build_array",
    };
    Expr::from(Func::cust(name).args(expressions)).cast_as("text")
}
