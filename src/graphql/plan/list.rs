//! Lists: a page of each, in any order and under any filter, for one list or for those of many parents at once.

use std::collections::HashMap;
use std::iter::repeat;
use std::sync::Arc;

use async_graphql::OutputType;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Loader;
use super::noun::{Column, Listed, Noun, Row};
use super::page::page_of;
use crate::domain::filter::Filter;
use crate::domain::page::{self, Order, Page, Position, Slice};
use crate::domain::read::List;
use crate::domain::table::{ColumnTrait, IdenStatic};
use crate::domain::{journal, read};
use crate::graphql::connection::{Connection, Edge, PageInfo};
use crate::graphql::cursor;
use crate::graphql::error::Fault;
use crate::graphql::filter::FilterInput;
use crate::graphql::id::Kind;
use crate::graphql::limits::{LONGEST_ORDER, Limit};
use crate::graphql::order::OrderInput;
use crate::graphql::selection::{Selected, Selection};
use crate::graphql::slot::{Fetched, Slots};

/// What a list is asked for.
pub(super) struct Question<C> {
    pub(super) filter: Filter<C>,
    pub(super) order: Order<C>,
    pub(super) page: Page,
    pub(super) mark: String,
}

impl<'a> Loader<'a> {
    /// Fetches a page of a list that stands by itself.
    pub(in crate::graphql) async fn list<T: Listed>(
        &'a self,
        selected: &Selected<'a>,
    ) -> Result<Fetched, Fault> {
        let question = self.question::<T>(selected, "").await?;
        let list = List {
            filter: &question.filter,
            order: &question.order,
            page: &question.page,
            told: T::told(&nodes_of::<T>(selected)),
        };
        let slice = read::page::<T::Entity>(self.scope, self.database, &list).await?;
        let total = if wants_total::<T>(selected) {
            read::count::<T::Entity>(self.scope, self.database, &question.filter).await?
        } else {
            None
        };
        let connection = self
            .connection::<T>(slice, total, selected, |row| {
                cursor::encode(&question.mark, &question.order.position(row))
            })
            .await?;
        Ok(Some(Arc::new(connection)))
    }

    /// Fetches a page of a list that stands by itself, with a filter and an order of its own.
    pub(in crate::graphql) async fn whole<T: Noun>(
        &'a self,
        selected: &Selected<'a>,
        filter: Filter<Column<T>>,
        order: Column<T>,
    ) -> Result<Fetched, Fault> {
        let order = Order::new([(order, page::Direction::Ascending)], T::KEY);
        let mark = self.mark(&(T::KIND, &filter, &order));
        let page = page_of(selected, |cursor| listed_position(&mark, cursor, &order))?;
        let (scope, database) = (self.scope, self.database);
        let list = List {
            filter: &filter,
            order: &order,
            page: &page,
            told: T::told(&nodes_of::<T>(selected)),
        };
        let slice = read::page::<T::Entity>(scope, database, &list).await?;
        let total = if wants_total::<T>(selected) {
            read::count::<T::Entity>(scope, database, &filter).await?
        } else {
            None
        };
        let encode = |row: &Row<T>| cursor::encode(&mark, &order.position(row));
        let connection = self.connection::<T>(slice, total, selected, encode).await?;
        Ok(Some(Arc::new(connection)))
    }

    /// Fetches, for each parent, a page of the rows that name it in `column`.
    pub(in crate::graphql) async fn many<T: Listed>(
        &'a self,
        slots: &mut [Slots],
        aliases: &[Selected<'a>],
        column: Column<T>,
        parents: &[Uuid],
    ) -> Result<(), Fault> {
        self.present_only("a list of what stands in a place")?;
        for alias in aliases {
            let question = self.question::<T>(alias, column.as_str()).await?;
            self.pages::<T>(slots, alias, column, parents, question)
                .await?;
        }
        Ok(())
    }

    /// Fetches, for each parent, a page of a list in a fixed order without a filter.
    pub(in crate::graphql) async fn plain<T: Noun>(
        &'a self,
        slots: &mut [Slots],
        aliases: &[Selected<'a>],
        column: Column<T>,
        parents: &'a [Uuid],
        order: Column<T>,
    ) -> Result<(), Fault> {
        for alias in aliases {
            let order = Order::new([(order, page::Direction::Ascending)], T::KEY);
            let mark = self.mark(&(T::KIND, column.as_str(), "plain"));
            let question = Question {
                filter: Filter::default(),
                page: page_of(alias, |cursor| listed_position(&mark, cursor, &order))?,
                order,
                mark,
            };
            if self.as_of.is_some() {
                self.plain_then::<T>(slots, alias, column, parents, question)
                    .await?;
            } else {
                self.pages::<T>(slots, alias, column, parents, question)
                    .await?;
            }
        }
        Ok(())
    }

    async fn pages<T: Noun>(
        &'a self,
        slots: &mut [Slots],
        alias: &Selected<'a>,
        column: Column<T>,
        parents: &[Uuid],
        question: Question<Column<T>>,
    ) -> Result<(), Fault> {
        let list = List {
            filter: &question.filter,
            order: &question.order,
            page: &question.page,
            told: T::told(&nodes_of::<T>(alias)),
        };
        let (scope, database) = (self.scope, self.database);
        let slices = read::children::<T::Entity>(scope, database, column, parents, &list).await?;
        let totals = if wants_total::<T>(alias) {
            let filter = &question.filter;
            read::count_children::<T::Entity>(self.scope, self.database, column, parents, filter)
                .await?
        } else {
            HashMap::new()
        };
        self.spread::<T>(slots, alias, parents, slices, &totals, |row| {
            cursor::encode(&question.mark, &question.order.position(row))
        })
        .await
    }

    pub(super) async fn question<T: Listed>(
        &'a self,
        selected: &Selected<'_>,
        parent: &str,
    ) -> Result<Question<Column<T>>, Fault> {
        let filter = match selected.argument::<Option<T::Filter>>("filter")? {
            Some(filter) => filter.meaning()?,
            None => Filter::default(),
        };
        let order_by: Vec<T::OrderBy> = selected
            .argument::<Option<Vec<T::OrderBy>>>("orderBy")?
            .unwrap_or_default();
        Limit::Order.check(LONGEST_ORDER, order_by.len())?;
        let order = if order_by.is_empty() {
            Order::new([T::ORDER], T::KEY)
        } else {
            Order::new(order_by.into_iter().map(OrderInput::term), T::KEY)
        };
        // The mark has relative times as they were written: "-P7D" stays the same filter a minute later.
        let mark = self.mark(&(T::KIND, parent, &filter, &order));
        let unasked = T::unasked(&filter);
        let page = page_of(selected, |cursor| listed_position(&mark, cursor, &order))?;
        let settled = T::settled(self, filter).await?;
        Ok(Question {
            page,
            filter: Filter::All(vec![unasked, settled.at(self.now)]),
            order,
            mark,
        })
    }

    pub(super) async fn connection<T: Noun>(
        &'a self,
        slice: Slice<Row<T>>,
        total: Option<u64>,
        selected: &Selected<'a>,
        cursor: impl Fn(&Row<T>) -> String,
    ) -> Result<Connection<T>, Fault> {
        let cursors = Cursors::of(&slice.rows, Asked::of::<T>(selected), cursor);
        let objects = T::load(self, slice.rows, nodes_of::<T>(selected)).await?;
        let mut page = connected(objects, cursors, slice.has_previous, slice.has_next, total);
        page.page_info.history_from = self.history_from::<T>(selected).await?;
        Ok(page)
    }

    /// Where the kept history begins, for lists of activities that show it.
    async fn history_from<T: Noun>(
        &self,
        selected: &Selected<'_>,
    ) -> Result<Option<DateTime<Utc>>, Fault> {
        let connection = <Connection<T> as OutputType>::type_name();
        let info = selected.selection().below(&connection, "pageInfo");
        if T::KIND != Kind::Activity || !info.has("PageInfo", "historyFrom") {
            return Ok(None);
        }
        Ok(journal::history_from(self.database).await?)
    }

    /// Loads the rows of all parents at once and gives each parent its own page of them.
    pub(super) async fn spread<T: Noun>(
        &'a self,
        slots: &mut [Slots],
        alias: &Selected<'a>,
        parents: &[Uuid],
        slices: HashMap<Uuid, Slice<Row<T>>>,
        totals: &HashMap<Uuid, Option<u64>>,
        cursor: impl Fn(&Row<T>) -> String,
    ) -> Result<(), Fault> {
        let asked = Asked::of::<T>(alias);
        let mut rows = Vec::new();
        let mut outlines = HashMap::with_capacity(slices.len());
        for (parent, slice) in slices {
            let cursors = Cursors::of(&slice.rows, asked, &cursor);
            let place = rows.len()..rows.len() + slice.rows.len();
            rows.extend(slice.rows);
            outlines.insert(parent, (place, cursors, slice.has_previous, slice.has_next));
        }
        let objects = T::load(self, rows, nodes_of::<T>(alias)).await?;
        let history_from = self.history_from::<T>(alias).await?;
        for (slots, parent) in std::iter::zip(slots, parents) {
            let total = totals.get(parent).copied().flatten();
            let (nodes, cursors, has_previous, has_next) = match outlines.get(parent) {
                Some((place, cursors, has_previous, has_next)) => {
                    let nodes = objects.get(place.clone()).unwrap_or_default();
                    (nodes.to_vec(), cursors.clone(), *has_previous, *has_next)
                }
                None => (Vec::new(), Cursors::default(), false, false),
            };
            let mut page = connected(nodes, cursors, has_previous, has_next, total);
            page.page_info.history_from = history_from;
            slots.put(alias.place(), Some(Arc::new(page)));
        }
        Ok(())
    }
}

/// Which cursors of a page are asked for.
#[derive(Clone, Copy)]
struct Asked {
    of_edges: bool,
    of_page: bool,
}

impl Asked {
    fn of<T: Noun>(selected: &Selected<'_>) -> Self {
        let connection = <Connection<T> as OutputType>::type_name();
        let edge = <Edge<T> as OutputType>::type_name();
        let selection = selected.selection();
        Self {
            of_edges: selection.below(&connection, "edges").has(&edge, "cursor"),
            of_page: selection.has(&connection, "pageInfo"),
        }
    }
}

/// The cursors of a page as far as they are asked for.
#[derive(Clone, Default)]
struct Cursors {
    edges: Vec<String>,
    start: Option<String>,
    end: Option<String>,
}

impl Cursors {
    fn of<M>(rows: &[M], asked: Asked, cursor: impl Fn(&M) -> String) -> Self {
        let of_edges = if asked.of_edges { rows } else { &[] };
        let of_page = if asked.of_page { rows } else { &[] };
        Self {
            edges: of_edges.iter().map(&cursor).collect(),
            start: of_page.first().map(&cursor),
            end: of_page.last().map(&cursor),
        }
    }
}

/// What is selected on the elements of a connection, be it through `nodes` or through `edges { node }`.
pub(super) fn nodes_of<'a, T: Noun>(selected: &Selected<'a>) -> Selection<'a> {
    let connection = <Connection<T> as OutputType>::type_name();
    let edge = <Edge<T> as OutputType>::type_name();
    let selection = selected.selection();
    let through_edges = selection.below(&connection, "edges").below(&edge, "node");
    selection.below(&connection, "nodes").and(through_edges)
}

pub(super) fn wants_total<T: Noun>(selected: &Selected<'_>) -> bool {
    let connection = <Connection<T> as OutputType>::type_name();
    selected.selection().has(&connection, "totalCount")
}

fn connected<T: OutputType>(
    nodes: Vec<Arc<T>>,
    cursors: Cursors,
    has_previous_page: bool,
    has_next_page: bool,
    total_count: Option<u64>,
) -> Connection<T> {
    // Cursors that nobody asked for are not made.
    let cursors_of = cursors.edges.into_iter().map(Some).chain(repeat(None));
    let edges = std::iter::zip(&nodes, cursors_of).map(|(node, cursor)| Edge {
        cursor: cursor.unwrap_or_default(),
        node: Arc::clone(node),
    });
    Connection {
        edges: edges.collect(),
        nodes,
        page_info: PageInfo {
            has_next_page,
            has_previous_page,
            start_cursor: cursors.start,
            end_cursor: cursors.end,
            history_from: None,
        },
        total_count,
    }
}

pub(super) fn listed_position<C: ColumnTrait>(
    mark: &str,
    cursor: &str,
    order: &Order<C>,
) -> Result<Position, Fault> {
    let position = cursor::decode(mark, cursor)?;
    if order.fits(&position) {
        Ok(position)
    } else {
        Err(cursor::invalid("not a cursor of this API"))
    }
}
