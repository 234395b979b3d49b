//! Questions to other rows: to those that a row leads to or that lead to it, and to the words that it is found by. What
//! the viewer may not see is not among the rows that are asked, so no answer tells of it.

use chrono::{DateTime, Utc};
use entity::{Searched, building, incident, property, task, zone};
use sea_orm::sea_query::{ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, DbBackend};

use super::filter::Filter;
use super::read;
use super::scope::{Scope, Scoped};
use super::search::Phrase;

/// The rows that are asked, and which column of them names the row that asks.
#[derive(Clone, Debug)]
pub enum Among {
    /// Things that have these words.
    Found(Searched, Phrase),
    /// Properties.
    Properties(property::Column, Filter<property::Column>),
    /// Buildings.
    Buildings(building::Column, Filter<building::Column>),
    /// Zones.
    Zones(zone::Column, Filter<zone::Column>),
    /// Incidents.
    Incidents(incident::Column, Filter<incident::Column>),
    /// Tasks.
    Tasks(task::Column, Filter<task::Column>),
}

impl Among {
    /// How many values their fields are compared with.
    pub fn values(&self) -> usize {
        match self {
            Self::Found(_, phrase) => phrase.words(),
            Self::Properties(_, filter) => filter.values(),
            Self::Buildings(_, filter) => filter.values(),
            Self::Zones(_, filter) => filter.values(),
            Self::Incidents(_, filter) => filter.values(),
            Self::Tasks(_, filter) => filter.values(),
        }
    }

    /// How many questions to other rows this is, with those in it.
    pub fn steps(&self) -> usize {
        1 + match self {
            Self::Found(_, _) => 0,
            Self::Properties(_, filter) => filter.steps(),
            Self::Buildings(_, filter) => filter.steps(),
            Self::Zones(_, filter) => filter.steps(),
            Self::Incidents(_, filter) => filter.steps(),
            Self::Tasks(_, filter) => filter.steps(),
        }
    }

    /// The same with every relative time fixed at `now`.
    pub fn at(self, now: DateTime<Utc>) -> Self {
        match self {
            Self::Found(kind, phrase) => Self::Found(kind, phrase),
            Self::Properties(column, filter) => Self::Properties(column, filter.at(now)),
            Self::Buildings(column, filter) => Self::Buildings(column, filter.at(now)),
            Self::Zones(column, filter) => Self::Zones(column, filter.at(now)),
            Self::Incidents(column, filter) => Self::Incidents(column, filter.at(now)),
            Self::Tasks(column, filter) => Self::Tasks(column, filter.at(now)),
        }
    }

    pub(super) fn task_mut(&mut self) -> Option<&mut Filter<task::Column>> {
        match self {
            Self::Tasks(_, filter) => Some(filter),
            _ => None,
        }
    }

    /// The statement that tells what these rows have in their column, for a viewer; it tells no null.
    pub(super) fn rows(&self, scope: &Scope, backend: DbBackend) -> SelectStatement {
        match self {
            // Its own words are all that a row is found by, and whoever sees the row sees the texts they are from.
            Self::Found(kind, phrase) => phrase.rows(backend, *kind),
            Self::Properties(column, filter) => {
                rows_of::<property::Entity>(scope, backend, *column, filter)
            }
            Self::Buildings(column, filter) => {
                rows_of::<building::Entity>(scope, backend, *column, filter)
            }
            Self::Zones(column, filter) => rows_of::<zone::Entity>(scope, backend, *column, filter),
            Self::Incidents(column, filter) => {
                rows_of::<incident::Entity>(scope, backend, *column, filter)
            }
            Self::Tasks(column, filter) => rows_of::<task::Entity>(scope, backend, *column, filter),
        }
    }
}

fn rows_of<E: Scoped>(
    scope: &Scope,
    backend: DbBackend,
    column: E::Column,
    filter: &Filter<E::Column>,
) -> SelectStatement {
    let mut query = Query::select();
    query
        .expr(column.into_expr())
        .from(E::default())
        .cond_where(read::asked::<E>(scope, backend, filter));
    if column.def().is_null() {
        query.and_where(column.into_expr().is_not_null());
    }
    query.take()
}
