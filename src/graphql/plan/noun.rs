//! What can be read: the object types that stand for the rows of a table, and those of them that have lists.

use std::future::ready;
use std::sync::Arc;

use async_graphql::{InputType, OutputType};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::Loader;
use crate::domain::filter::Filter;
use crate::domain::history::Moment;
use crate::domain::page;
use crate::domain::read::{self, Told};
use crate::domain::scope::Scoped;
use crate::domain::status_type;
use crate::domain::table::{EntityTrait, ModelTrait};
use crate::graphql::error::Fault;
use crate::graphql::filter::FilterInput;
use crate::graphql::id::Kind;
use crate::graphql::order::OrderInput;
use crate::graphql::selection::Selection;
use crate::graphql::written::{Written, snake};

pub(in crate::graphql) type Row<T> = <<T as Noun>::Entity as EntityTrait>::Model;
pub(in crate::graphql) type Column<T> = <<T as Noun>::Entity as EntityTrait>::Column;

/// An object type that stands for the rows of a table.
pub(in crate::graphql) trait Noun:
    OutputType + Written + Sized + 'static
{
    /// The kind of its global id.
    const KIND: Kind;
    /// The table.
    type Entity: Scoped<Model: ModelTrait<Entity = Self::Entity>>;
    /// The primary key.
    const KEY: Column<Self>;

    /// The columns that every object is made from, beside the key.
    const NEEDED: &'static [Column<Self>] = &[];

    /// The columns from which fields are told that no column is named after. A field of which neither is known takes them
    /// all.
    const TOLD_BY: &'static [(&'static str, &'static [Column<Self>])] = &[];

    /// The columns that `selection` asks for.
    fn told(selection: &Selection<'_>) -> Told<Self::Entity> {
        let needed = Self::NEEDED.iter().copied();
        let mut told = Told::of(needed).and([Self::KEY]);
        for name in selection.names() {
            let mut by = Self::TOLD_BY.iter();
            told = told.or(match by.find(|(field, _)| *field == name) {
                Some((_, columns)) => Told::of(columns.iter().copied()),
                None if name == "__typename" => Told::none(),
                None => Told::named(&snake(name)).unwrap_or_else(Told::all),
            });
        }
        told
    }

    /// Makes the objects of `rows` with all that is selected below them; one object for each row, in their order.
    fn load<'a>(
        loader: &'a Loader<'a>,
        rows: Vec<Row<Self>>,
        selection: Selection<'a>,
    ) -> BoxFuture<'a, Result<Vec<Arc<Self>>, Fault>>;

    /// The rows whose `column` is one of `keys` as they were at `moment`; those of the present where they have no history.
    fn then<'a>(
        loader: &'a Loader<'a>,
        _moment: &'a Moment,
        column: Column<Self>,
        keys: &'a [Uuid],
    ) -> BoxFuture<'a, Result<Vec<Row<Self>>, Fault>> {
        Box::pin(async move {
            let (scope, database) = (loader.scope, loader.database);
            Ok(read::by_keys::<Self::Entity>(scope, database, column, keys).await?)
        })
    }
}

/// A noun whose lists can be filtered and ordered.
pub(in crate::graphql) trait Listed: Noun {
    /// What narrows its lists.
    type Filter: FilterInput<Column = Column<Self>> + InputType;
    /// What sorts its lists.
    type OrderBy: OrderInput<Column = Column<Self>> + InputType;
    /// The order when nothing is said.
    const ORDER: (Column<Self>, page::Direction);
    /// What the argument `orderBy` says of itself.
    const ORDER_HINT: &'static str;

    /// The same filter once the operator's tables have been asked what it needs of them: here for the tasks that it asks
    /// among other things.
    fn settled<'a>(
        loader: &'a Loader<'a>,
        mut filter: Filter<Column<Self>>,
    ) -> BoxFuture<'a, Result<Filter<Column<Self>>, Fault>> {
        if !status_type::filter::asks_within(&mut filter) {
            return Box::pin(ready(Ok(filter)));
        }
        Box::pin(async move {
            let types = status_type::read::all(loader.scope, loader.database).await?;
            Ok(types.settle_within(filter))
        })
    }

    /// What a list leaves out unless its filter asks for it.
    fn unasked(_filter: &Filter<Column<Self>>) -> Filter<Column<Self>> {
        Filter::default()
    }
}
