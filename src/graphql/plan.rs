//! Plan → fetch → resolve: looks ahead at what is selected and fetches each relation once per level, set-based, so that
//! objects resolve from memory. No statement depends on how many objects a level has.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;

use crate::domain::table::{
    ActiveEnum, ColumnTrait, Connection as Database, EntityTrait, IdenStatic, ModelTrait, Value,
};
use async_graphql::{Context, InputType, OutputType};
use chrono::{DateTime, Utc};
use entity::activity;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::comparison::LONGEST_LIST;
use super::connection::{Connection, Edge, PageInfo};
use super::cursor;
use super::enums;
use super::error::Fault;
use super::filter::FilterInput;
use super::id::Kind;
use super::object::Activity;
use super::order::OrderInput;
use super::selection::{Selected, Selection};
use super::slot::{Fetched, Slots};
use crate::domain::filter::{Filter, Test};
use crate::domain::key::Key;
use crate::domain::page::{self, Order, Page, Position, Slice};
use crate::domain::scope::Scope;
use crate::domain::{self, journal, read};

/// How many elements a page has when nothing is said.
pub const DEFAULT_PAGE: i32 = 50;
/// How many elements a page has at most.
pub const LARGEST_PAGE: i32 = 100;
/// How many fields an order may name.
const LONGEST_ORDER: usize = 3;

/// What an operation knows of time: given with a request where time must stand still.
#[derive(Clone, Copy, Debug)]
pub struct Now(pub DateTime<Utc>);

pub(super) type Row<T> = <<T as Noun>::Entity as EntityTrait>::Model;
pub(super) type Column<T> = <<T as Noun>::Entity as EntityTrait>::Column;

/// An object type that stands for the rows of a table.
pub trait Noun: OutputType + Sized + 'static {
    /// The kind of its global id.
    const KIND: Kind;
    /// The table.
    type Entity: EntityTrait<Model: ModelTrait<Entity = Self::Entity>>;
    /// The primary key.
    const KEY: Column<Self>;

    /// Makes the objects of `rows` with all that is selected below them; one object for each row, in their order.
    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<Row<Self>>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>>;
}

/// A noun whose lists can be filtered and ordered.
pub trait Listed: Noun {
    /// What narrows its lists.
    type Filter: FilterInput<Column = Column<Self>> + InputType;
    /// What sorts its lists.
    type OrderBy: OrderInput<Column = Column<Self>> + InputType;
    /// The order when nothing is said.
    const ORDER: (Column<Self>, page::Direction);
    /// What the argument `orderBy` says of itself.
    const ORDER_HINT: &'static str;

    /// The same filter once the operator's tables have been asked what it needs of them.
    fn settled<'a>(
        _loader: &'a Loader<'a>,
        filter: Filter<Column<Self>>,
    ) -> BoxFuture<'a, Result<Filter<Column<Self>>, Fault>> {
        Box::pin(ready(Ok(filter)))
    }

    /// What a list leaves out unless its filter asks for it.
    fn unasked(_filter: &Filter<Column<Self>>) -> Filter<Column<Self>> {
        Filter::default()
    }
}

/// One read: the database, who asks, and when.
pub struct Loader<'a> {
    pub(super) database: &'a Database,
    pub(super) scope: &'a Scope,
    pub(super) now: DateTime<Utc>,
}

/// A field under its response key, and the places of the parents that want it.
pub(super) struct Wanted<'a> {
    pub(super) alias: Selected<'a>,
    pub(super) on: Vec<usize>,
}

/// What a list is asked for.
struct Question<C> {
    filter: Filter<C>,
    order: Order<C>,
    page: Page,
    mark: String,
}

impl<'a> Loader<'a> {
    /// The read that the field at hand begins.
    pub(super) fn of(context: &'a Context<'a>) -> Result<Self, Fault> {
        let missing = |what| move |_| Fault::internal(format!("a request came without its {what}"));
        Ok(Self {
            database: context.data::<Database>().map_err(missing("database"))?,
            scope: context.data::<Scope>().map_err(missing("scope"))?,
            now: context
                .data_opt::<Now>()
                .map_or_else(Utc::now, |Now(now)| *now),
        })
    }

    /// The objects with these keys, by key.
    pub(super) async fn keyed<T: Noun>(
        &'a self,
        keys: &[Uuid],
        selection: Selection<'a>,
    ) -> Result<HashMap<Uuid, Arc<T>>, Fault> {
        let rows = read::by_keys::<T::Entity>(self.scope, self.database, T::KEY, keys).await?;
        self.objects::<T>(T::KEY, rows, selection).await
    }

    async fn objects<T: Noun>(
        &'a self,
        key: Column<T>,
        rows: Vec<Row<T>>,
        selection: Selection<'a>,
    ) -> Result<HashMap<Uuid, Arc<T>>, Fault> {
        let keys: Vec<Option<Uuid>> = rows.iter().map(|row| id_in::<T>(row, key)).collect();
        let objects = T::load(self, rows, selection).await?;
        let keyed = std::iter::zip(keys, objects).filter_map(|(key, object)| Some((key?, object)));
        Ok(keyed.collect())
    }

    /// Fetches a relation to one object: `keys` has, for each parent, the value of `column` that it points at.
    pub(super) async fn one<T: Noun>(
        &'a self,
        slots: &mut [Slots],
        aliases: &[Selected<'a>],
        column: Column<T>,
        keys: &[Option<Uuid>],
    ) -> Result<(), Fault> {
        let all: Vec<usize> = (0..keys.len()).collect();
        let wanted: Vec<Wanted<'a>> = aliases
            .iter()
            .map(|alias| Wanted {
                alias: alias.clone(),
                on: all.clone(),
            })
            .collect();
        self.some::<T>(slots, &wanted, column, keys).await
    }

    /// Fetches a relation to one object for those parents that want it, with one statement for all of them.
    pub(super) async fn some<T: Noun>(
        &'a self,
        slots: &mut [Slots],
        wanted: &[Wanted<'a>],
        column: Column<T>,
        keys: &[Option<Uuid>],
    ) -> Result<(), Fault> {
        let key_of = |index: &usize| keys.get(*index).copied().flatten();
        let every = wanted.iter().flat_map(|wanted| &wanted.on);
        let every: Vec<Uuid> = every.filter_map(key_of).collect();
        let mut rows =
            read::by_keys::<T::Entity>(self.scope, self.database, column, &every).await?;
        for (nth, Wanted { alias, on }) in wanted.iter().enumerate() {
            let rows = if nth + 1 == wanted.len() {
                std::mem::take(&mut rows)
            } else {
                rows.clone()
            };
            let objects = self.objects::<T>(column, rows, alias.selection()).await?;
            for index in on {
                let object = key_of(index).and_then(|key| objects.get(&key).cloned());
                if let Some(slots) = slots.get_mut(*index) {
                    slots.put(alias.key(), object.map(|object| object as _));
                }
            }
        }
        Ok(())
    }

    /// Fetches a page of a list that stands by itself.
    pub(super) async fn list<T: Listed>(
        &'a self,
        selected: &Selected<'a>,
    ) -> Result<Fetched, Fault> {
        let question = self.question::<T>(selected, "").await?;
        let slice = read::page::<T::Entity>(
            self.scope,
            self.database,
            &question.filter,
            &question.order,
            &question.page,
        )
        .await?;
        let total = if wants_total::<T>(selected) {
            read::count::<T::Entity>(self.scope, self.database, &question.filter).await?
        } else {
            None
        };
        let connection = self
            .connection::<T>(slice, total, selected, |position| {
                cursor::encode(&question.mark, position)
            })
            .await?;
        Ok(Some(Arc::new(connection)))
    }

    /// Fetches, for each parent, a page of the rows that name it in `column`.
    pub(super) async fn many<T: Listed>(
        &'a self,
        slots: &mut [Slots],
        aliases: &[Selected<'a>],
        column: Column<T>,
        parents: &[Uuid],
    ) -> Result<(), Fault> {
        for alias in aliases {
            let question = self.question::<T>(alias, column.as_str()).await?;
            self.pages::<T>(slots, alias, column, parents, question)
                .await?;
        }
        Ok(())
    }

    /// Fetches, for each parent, a page of a list in a fixed order without a filter.
    pub(super) async fn plain<T: Noun>(
        &'a self,
        slots: &mut [Slots],
        aliases: &[Selected<'a>],
        column: Column<T>,
        parents: &[Uuid],
        order: Column<T>,
    ) -> Result<(), Fault> {
        for alias in aliases {
            let order = Order::new([(order, page::Direction::Ascending)], T::KEY);
            let mark = cursor::mark(&(T::KIND, column.as_str(), "plain"));
            let question = Question {
                filter: Filter::default(),
                page: page_of(alias, |cursor| listed_position(&mark, cursor, &order))?,
                order,
                mark,
            };
            self.pages::<T>(slots, alias, column, parents, question)
                .await?;
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
        let slices = read::children::<T::Entity>(
            self.scope,
            self.database,
            column,
            parents,
            &question.filter,
            &question.order,
            &question.page,
        )
        .await?;
        let totals = if wants_total::<T>(alias) {
            let filter = &question.filter;
            read::count_children::<T::Entity>(self.scope, self.database, column, parents, filter)
                .await?
        } else {
            HashMap::new()
        };
        self.spread::<T>(slots, alias, parents, slices, &totals, |position| {
            cursor::encode(&question.mark, position)
        })
        .await
    }

    /// Fetches, for each subject, a page of its timeline.
    pub(super) async fn timeline(
        &'a self,
        slots: &mut [Slots],
        aliases: &[Selected<'a>],
        column: activity::Column,
        subjects: &[Uuid],
    ) -> Result<(), Fault> {
        for alias in aliases {
            let kinds: Option<Vec<enums::ActivityKind>> = alias.argument("kinds")?;
            let newest_first: Option<bool> = alias.argument("newestFirst")?;
            let direction = if newest_first == Some(true) {
                page::Direction::Descending
            } else {
                page::Direction::Ascending
            };
            let mark = cursor::mark(&("timeline", column.as_str(), &kinds, direction));
            let filter = of_kinds(kinds)?;
            let order = domain::activity::read::timeline_order(direction);
            let page = page_of(alias, |cursor| listed_position(&mark, cursor, &order))?;
            let slices = domain::activity::read::timelines(
                self.scope,
                self.database,
                column,
                subjects,
                &filter,
                direction,
                &page,
            )
            .await?;
            let totals = if wants_total::<Activity>(alias) {
                domain::activity::read::count_timelines(
                    self.scope,
                    self.database,
                    column,
                    subjects,
                    &filter,
                )
                .await?
            } else {
                HashMap::new()
            };
            self.spread::<Activity>(slots, alias, subjects, slices, &totals, |position| {
                cursor::encode(&mark, position)
            })
            .await?;
        }
        Ok(())
    }

    /// Fetches a page of the feed: in the order of commits, with feed cursors.
    pub(super) async fn feed(&'a self, selected: &Selected<'a>) -> Result<Fetched, Fault> {
        let filter = match selected.argument::<Option<super::filter::ActivityFilter>>("filter")? {
            Some(filter) => filter.meaning()?.at(self.now),
            None => Filter::default(),
        };
        let order = feed_order();
        let page = page_of(selected, feed_position)?;
        if let Some(Key::Int(after)) = page.after.as_ref().and_then(|after| after.first()) {
            let earliest = journal::pruned_through(self.database).await?;
            if *after < earliest {
                return Err(cursor::expired(earliest));
            }
        }
        let slice =
            read::page::<activity::Entity>(self.scope, self.database, &filter, &order, &page)
                .await?;
        let total = if wants_total::<Activity>(selected) {
            read::count::<activity::Entity>(self.scope, self.database, &filter).await?
        } else {
            None
        };
        let connection = self
            .connection::<Activity>(slice, total, selected, feed_cursor)
            .await?;
        Ok(Some(Arc::new(connection)))
    }

    /// Fetches, for each delivery, a page of what it told, in the order of commits, with feed cursors.
    pub(super) async fn told(
        &'a self,
        slots: &mut [Slots],
        aliases: &[Selected<'a>],
        deliveries: &[Uuid],
    ) -> Result<(), Fault> {
        let column = activity::Column::DeliveryId;
        for alias in aliases {
            let page = page_of(alias, feed_position)?;
            let slices = read::children::<activity::Entity>(
                self.scope,
                self.database,
                column,
                deliveries,
                &Filter::default(),
                &feed_order(),
                &page,
            )
            .await?;
            let totals = if wants_total::<Activity>(alias) {
                let all = &Filter::default();
                read::count_children::<activity::Entity>(
                    self.scope,
                    self.database,
                    column,
                    deliveries,
                    all,
                )
                .await?
            } else {
                HashMap::new()
            };
            self.spread::<Activity>(slots, alias, deliveries, slices, &totals, feed_cursor)
                .await?;
        }
        Ok(())
    }

    async fn question<T: Listed>(
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
        if order_by.len() > LONGEST_ORDER {
            return Err(Fault::limit(format!(
                "a list is sorted by at most {LONGEST_ORDER} fields"
            )));
        }
        let order = if order_by.is_empty() {
            Order::new([T::ORDER], T::KEY)
        } else {
            Order::new(order_by.into_iter().map(OrderInput::term), T::KEY)
        };
        // The mark has relative times as they were written: "-P7D" stays the same filter a minute later.
        let mark = cursor::mark(&(T::KIND, parent, &filter, &order));
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

    async fn connection<T: Noun>(
        &'a self,
        slice: Slice<Row<T>>,
        total: Option<u64>,
        selected: &Selected<'a>,
        cursor: impl Fn(&Position) -> String,
    ) -> Result<Connection<T>, Fault> {
        let (cursors, rows): (Vec<String>, Vec<Row<T>>) = slice
            .rows
            .into_iter()
            .map(|(position, row)| (cursor(&position), row))
            .unzip();
        let objects = T::load(self, rows, nodes_of::<T>(selected)).await?;
        let history_from = self.history_from::<T>(selected).await?;
        let edges = std::iter::zip(cursors, objects)
            .map(|(cursor, node)| Edge { cursor, node })
            .collect();
        let mut page = connected(edges, slice.has_previous, slice.has_next, total);
        page.page_info.history_from = history_from;
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
    async fn spread<T: Noun>(
        &'a self,
        slots: &mut [Slots],
        alias: &Selected<'a>,
        parents: &[Uuid],
        slices: HashMap<Uuid, Slice<Row<T>>>,
        totals: &HashMap<Uuid, Option<u64>>,
        cursor: impl Fn(&Position) -> String,
    ) -> Result<(), Fault> {
        let mut rows = Vec::new();
        let mut outlines = HashMap::with_capacity(slices.len());
        for (parent, slice) in slices {
            let mut cursors = Vec::with_capacity(slice.rows.len());
            for (position, row) in slice.rows {
                cursors.push(cursor(&position));
                rows.push(row);
            }
            let start = rows.len() - cursors.len();
            outlines.insert(parent, (start, cursors, slice.has_previous, slice.has_next));
        }
        let objects = T::load(self, rows, nodes_of::<T>(alias)).await?;
        let history_from = self.history_from::<T>(alias).await?;
        let connected = |edges, has_previous, has_next, total| {
            let mut page = connected(edges, has_previous, has_next, total);
            page.page_info.history_from = history_from;
            page
        };
        let pages: HashMap<Uuid, Arc<Connection<T>>> = outlines
            .into_iter()
            .map(|(parent, (start, cursors, has_previous, has_next))| {
                let nodes = objects.iter().skip(start).cloned();
                let edges = std::iter::zip(cursors, nodes)
                    .map(|(cursor, node)| Edge { cursor, node })
                    .collect();
                let total = totals.get(&parent).copied().flatten();
                let page = connected(edges, has_previous, has_next, total);
                (parent, Arc::new(page))
            })
            .collect();
        for (slots, parent) in std::iter::zip(slots, parents) {
            let page = pages.get(parent).cloned().unwrap_or_else(|| {
                let total = totals.get(parent).copied().flatten();
                Arc::new(connected(Vec::new(), false, false, total))
            });
            slots.put(alias.key(), Some(page));
        }
        Ok(())
    }
}

/// The fields selected on a type, those of one name together: they share a statement where they can.
pub(super) fn relations<'a>(
    selection: &Selection<'a>,
    on: &str,
) -> Vec<(&'a str, Vec<Selected<'a>>)> {
    let mut relations: Vec<(&str, Vec<Selected<'a>>)> = Vec::new();
    for selected in selection.on(on) {
        match relations
            .iter_mut()
            .find(|(name, _)| *name == selected.name())
        {
            Some((_, aliases)) => aliases.push(selected),
            None => relations.push((selected.name(), vec![selected])),
        }
    }
    relations
}

/// The value of an id column of a row.
fn id_in<T: Noun>(row: &Row<T>, column: Column<T>) -> Option<Uuid> {
    match row.get(column) {
        Value::Uuid(id) => id,
        _ => None,
    }
}

/// What is selected on the elements of a connection, be it through `nodes` or through `edges { node }`.
fn nodes_of<'a, T: Noun>(selected: &Selected<'a>) -> Selection<'a> {
    let connection = <Connection<T> as OutputType>::type_name();
    let edge = <Edge<T> as OutputType>::type_name();
    let selection = selected.selection();
    let through_edges = selection.below(&connection, "edges").below(&edge, "node");
    selection.below(&connection, "nodes").and(through_edges)
}

fn wants_total<T: Noun>(selected: &Selected<'_>) -> bool {
    let connection = <Connection<T> as OutputType>::type_name();
    selected.selection().has(&connection, "totalCount")
}

fn connected<T>(
    edges: Vec<Edge<T>>,
    has_previous_page: bool,
    has_next_page: bool,
    total_count: Option<u64>,
) -> Connection<T> {
    let page_info = PageInfo {
        has_next_page,
        has_previous_page,
        start_cursor: edges.first().map(|edge| edge.cursor.clone()),
        end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        history_from: None,
    };
    Connection {
        edges,
        page_info,
        total_count,
    }
}

fn of_kinds(kinds: Option<Vec<enums::ActivityKind>>) -> Result<Filter<activity::Column>, Fault> {
    let Some(kinds) = kinds else {
        return Ok(Filter::default());
    };
    if kinds.len() > LONGEST_LIST {
        return Err(Fault::limit(format!(
            "`kinds` has at most {LONGEST_LIST} values"
        )));
    }
    let key = |kind| Key::Text(entity::ActivityKind::from(kind).to_value());
    let keys = kinds.into_iter().map(key).collect();
    Ok(Filter::Is(activity::Column::Kind, Test::In(keys)))
}

fn feed_order() -> Order<activity::Column> {
    Order::new([], activity::Column::Seq)
}

fn feed_position(cursor: &str) -> Result<Position, Fault> {
    Ok(vec![Key::Int(cursor::decode_feed(cursor)?)])
}

fn feed_cursor(position: &Position) -> String {
    match position.first() {
        Some(Key::Int(seq)) => cursor::feed(*seq),
        _ => cursor::feed(0),
    }
}

fn listed_position<C: ColumnTrait>(
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

fn page_of(
    selected: &Selected<'_>,
    position: impl Fn(&str) -> Result<Position, Fault>,
) -> Result<Page, Fault> {
    let first: Option<i32> = selected.argument("first")?;
    let last: Option<i32> = selected.argument("last")?;
    let after: Option<String> = selected.argument("after")?;
    let before: Option<String> = selected.argument("before")?;
    if first.is_some() && last.is_some() {
        return Err(Fault::input("give `first` or `last`, not both"));
    }
    let size = first.or(last).unwrap_or(DEFAULT_PAGE);
    if size > LARGEST_PAGE {
        return Err(Fault::limit(format!(
            "a page has at most {LARGEST_PAGE} elements, {size} were asked for"
        )));
    }
    if size < 1 {
        return Err(Fault::input("a page has at least one element"));
    }
    let at = |cursor: Option<String>| cursor.map(|cursor| position(&cursor)).transpose();
    Ok(Page {
        size: u64::from(size.unsigned_abs()),
        from_end: last.is_some(),
        after: at(after)?,
        before: at(before)?,
    })
}
