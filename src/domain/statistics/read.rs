//! What the database is asked for statistics: one statement for the counts, one for each pair of percentiles and one for
//! the kinds, for any number of places and stretches of time.
//!
//! Each place and stretch is a sub-select over its own part of an index (place, time), which tells one text: no row is
//! sorted or kept to find the group it belongs to, and the server holds as many results as were asked for. Percentiles
//! are found from how many rows took how long, so what is sorted is as long as there are different seconds.

mod expression;
mod question;

use sea_orm::sea_query::{Expr, ExprTrait, Func, Order, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr};

use super::{Length, Ranks};
use crate::domain::filter::Filter;
use crate::domain::read::narrowed;
use crate::domain::scope::{Scope, Scoped};
use expression::{array, seconds, sum_where};

pub use question::{Found, Place, Question};

/// How many kinds are told by name.
pub const MOST_KINDS: u64 = 20;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindCount {
    /// The word; null for the rows without one.
    pub kind: Option<String>,
    /// How many rows have it.
    pub count: i64,
    /// How many rows there are in all.
    pub total: i64,
}

/// The same as the database tells it.
type KindRow = (Option<String>, i64, i64);

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
    let found: Found<Option<Vec<KindRow>>> = question.run(connection, inner).await?;
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
