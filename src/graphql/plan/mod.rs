//! Plan → fetch → resolve: looks ahead at what is selected and fetches each relation once per level, set-based, so that
//! objects resolve from memory. No statement depends on how many objects a level has.

mod feed;
mod history;
mod list;
mod noun;
mod page;
mod statistics;

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Context;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::error::{ErrorCode, Fault};
use super::limits::Limits;
use super::selection::{Selected, Selection};
use super::slot::Slots;
use crate::domain::history::Moment;
use crate::domain::read::Told;
use crate::domain::scope::{Scope, Viewer};
use crate::domain::table::{Connection as Database, ModelTrait, Value};
use crate::domain::writer::Clock;

pub(super) use noun::{Column, Listed, Noun, Row};
pub(super) use page::{DEFAULT_PAGE, LARGEST_PAGE};
pub(super) use statistics::{Measured, Spot, asked};

/// What an operation knows of time: given with a request where time must stand still.
#[derive(Clone, Copy, Debug)]
pub struct Now(pub DateTime<Utc>);

/// The time that an operation goes by: its own, else the server's.
fn now(context: &Context<'_>) -> DateTime<Utc> {
    match (context.data_opt::<Now>(), context.data_opt::<Clock>()) {
        (Some(Now(now)), _) => *now,
        (None, Some(clock)) => clock(),
        (None, None) => Utc::now(),
    }
}

/// One read: the database, who asks, and when.
pub struct Loader<'a> {
    pub(super) database: &'a Database,
    pub(super) scope: &'a Scope,
    pub(super) now: DateTime<Utc>,
    /// How many buckets statistics may have.
    pub(super) buckets: usize,
    /// The earlier time that is asked about, if one is; then it is `now`.
    pub(super) as_of: Option<Moment>,
}

/// A field under its response key, and the places of the parents that want it.
pub(super) struct Wanted<'a> {
    pub(super) alias: Selected<'a>,
    pub(super) on: Vec<usize>,
}

impl<'a> Loader<'a> {
    /// The read that the field at hand begins.
    pub(super) fn of(context: &'a Context<'a>) -> Result<Self, Fault> {
        let missing = |what| move |_| Fault::internal(format!("a request came without its {what}"));
        let viewer: &Viewer = context.data().map_err(missing("viewer"))?;
        Ok(Self {
            database: context.data::<Database>().map_err(missing("database"))?,
            scope: &viewer.scope,
            now: now(context),
            buckets: context
                .data_opt::<Limits>()
                .copied()
                .unwrap_or_default()
                .buckets,
            as_of: None,
        })
    }

    /// Refuses a viewer who is no operator.
    pub(super) fn operators_only(&self) -> Result<(), Fault> {
        if self.scope.is_operator() {
            Ok(())
        } else {
            Err(Fault::new(
                ErrorCode::Forbidden,
                "this is for operators only",
            ))
        }
    }

    /// The objects with these keys, by key.
    pub(super) async fn keyed<T: Noun>(
        &'a self,
        keys: &[Uuid],
        selection: Selection<'a>,
    ) -> Result<HashMap<Uuid, Arc<T>>, Fault> {
        let rows = self.rows::<T>(T::KEY, keys, T::told(&selection)).await?;
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
        // What one of them asks for is read for all.
        let told = wanted
            .iter()
            .map(|wanted| T::told(&wanted.alias.selection()))
            .fold(Told::of([column]), Told::or);
        let mut rows = self.rows::<T>(column, &every, told).await?;
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
                    slots.put(alias.place(), object.map(|object| object as _));
                }
            }
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
