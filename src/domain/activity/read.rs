//! Reads of activities: the timelines of things, which join what was filed under a thing with what was linked to it later.

use std::collections::HashMap;

use entity::{activity, activity_link};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, JoinType, Query, SelectStatement, UnionType};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr};
use uuid::Uuid;

use super::filter as feed;
use crate::domain::filter::Filter;
use crate::domain::history::Moment;
use crate::domain::page::{Direction, Order, Page, Slice};
use crate::domain::read::{self, CrossJoin, Keys, List, Told};
use crate::domain::scope::Scope;

/// One page of the feed, by seq.
///
/// # Errors
/// What the database says.
pub async fn feed(
    connection: &impl ConnectionTrait,
    filter: &feed::Filter,
    page: &Page,
    told: Told<activity::Entity>,
) -> Result<Slice<activity::Model>, DbErr> {
    let list = List {
        filter: &Filter::default(),
        order: &feed_order(),
        page,
        told,
    };
    read::page_of(connection, filter.to_condition(), &list).await
}

/// How many activities of the feed `filter` lets through; null beyond [`read::COUNT_LIMIT`].
///
/// # Errors
/// What the database says.
pub async fn count_feed(
    connection: &impl ConnectionTrait,
    filter: &feed::Filter,
) -> Result<Option<u64>, DbErr> {
    read::count_where::<activity::Entity>(connection, filter.to_condition()).await
}

/// The order of the feed.
pub fn feed_order() -> Order<activity::Column> {
    Order::new([], activity::Column::Seq)
}

/// The order of a timeline: by the time it happened, then by commit.
pub fn timeline_order(direction: Direction) -> Order<activity::Column> {
    Order::new(
        [(activity::Column::OccurredAt, direction)],
        activity::Column::Seq,
    )
}

/// One page of the timeline of each of `subjects`, which are all filed in the same `column`, in a [`timeline_order`]; as
/// it was `until` then, if given.
///
/// # Errors
/// What the database says.
pub async fn timelines(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    column: activity::Column,
    subjects: &[Uuid],
    list: &List<'_, activity::Entity>,
    until: Option<&Moment>,
) -> Result<HashMap<Uuid, Slice<activity::Model>>, DbErr> {
    if subjects.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = connection.get_database_backend();
    let keys = Keys::new(backend, subjects);
    let filter = read::asked::<activity::Entity>(scope, backend, list.filter);
    let told = list.read();
    // SQLite looks through what the sub-select tells, and knows no join that depends on the key at hand.
    let of_branch = match backend {
        DbBackend::Sqlite => seqs(),
        _ => told,
    };
    let [mut filed, mut linked] = branches(&keys, column, &filter, until, of_branch);
    list.page.apply(&mut filed, list.order);
    // The link repeats the time so that its own index serves this order.
    let link_order = Order::new(
        [(activity_link::Column::OccurredAt, list.order.direction())],
        activity_link::Column::Seq,
    );
    list.page.apply(&mut linked, &link_order);
    // A branch of a UNION cannot be cut by itself on SQLite, the whole of a sub-select can.
    let mut both = all_of(filed, of_branch);
    both.union(UnionType::All, all_of(linked, of_branch));
    let mut outer = keys.select();
    match backend {
        DbBackend::Sqlite => outer
            .exprs(told.selected("k"))
            .cross_join_as::<activity::Entity>("k")
            .and_where(Expr::col(("k", "seq")).in_subquery(both)),
        _ => outer.exprs(told.selected("u")).join_lateral(
            JoinType::InnerJoin,
            both,
            "u",
            read::yes(),
        ),
    };
    // Both branches may be full, and tell the same: the page is cut from up to twice as many rows.
    read::grouped(connection, &outer, list).await
}

/// How many activities each timeline has, or had `until` then; null beyond [`read::COUNT_LIMIT`].
///
/// # Errors
/// What the database says.
pub async fn count_timelines(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    column: activity::Column,
    subjects: &[Uuid],
    filter: &Filter<activity::Column>,
    until: Option<&Moment>,
) -> Result<HashMap<Uuid, Option<u64>>, DbErr> {
    if subjects.is_empty() {
        return Ok(HashMap::new());
    }
    let backend = connection.get_database_backend();
    let keys = Keys::new(backend, subjects);
    let filter = read::asked::<activity::Entity>(scope, backend, filter);
    let [filed, linked] = branches(&keys, column, &filter, until, seqs()).map(|mut branch| {
        branch.limit(read::COUNT_LIMIT + 1);
        all_of(branch, seqs())
    });
    let mut both = filed;
    both.union(UnionType::Distinct, linked);
    let mut outer = keys.select();
    outer.expr_as(read::count_of(both), "total");
    read::totals(connection, &outer).await
}

/// What is filed under the subject at hand, and what is linked to it; some is both.
fn branches(
    keys: &Keys,
    column: activity::Column,
    filter: &Condition,
    until: Option<&Moment>,
    told: Told<activity::Entity>,
) -> [SelectStatement; 2] {
    let start = || {
        Query::select()
            .exprs(told.selected(activity::Entity))
            .from(activity::Entity)
            .cond_where(filter.clone())
            .and_where_option(until.map(|moment| activity::Column::Seq.lte(moment.seq)))
            .take()
    };
    let mut filed = start();
    filed.and_where(column.into_expr().eq(keys.each()));
    let mut linked = start();
    linked
        .join(
            JoinType::InnerJoin,
            activity_link::Entity,
            activity_link::Column::Seq
                .into_expr()
                .equals((activity::Entity, activity::Column::Seq)),
        )
        .and_where(activity_link::Column::SubjectId.into_expr().eq(keys.each()));
    if let Some(moment) = until {
        let linked_at = activity_link::Column::LinkedAt;
        linked.cond_where(
            Condition::any()
                .add(linked_at.is_null())
                .add(linked_at.lte(moment.at)),
        );
    }
    [filed, linked]
}

fn all_of(branch: SelectStatement, told: Told<activity::Entity>) -> SelectStatement {
    Query::select()
        .exprs(told.selected("b"))
        .from_subquery(branch, "b")
        .take()
}

/// The seq alone.
fn seqs() -> Told<activity::Entity> {
    Told::of([activity::Column::Seq])
}
