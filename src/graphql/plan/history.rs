//! Reads as of an earlier time: rows as they were, and pages cut from them in memory, since no index knows the past.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Loader;
use super::list::wants_total;
use super::noun::{Column, Listed, Noun, Row};
use crate::domain::history::{self, Moment, Unanswered};
use crate::domain::page::Slice;
use crate::domain::read::{self, COUNT_LIMIT, Told};
use crate::graphql::cursor;
use crate::graphql::error::{ErrorCode, Fault};
use crate::graphql::selection::{Selected, Selection};
use crate::graphql::slot::Slots;

impl<'a> Loader<'a> {
    /// The same read as of an earlier time; `None` is now.
    pub(in crate::graphql) async fn at(
        &self,
        as_of: Option<DateTime<Utc>>,
    ) -> Result<Loader<'a>, Fault> {
        let Some(at) = as_of else {
            return Ok(Loader { ..*self });
        };
        let moment = history::moment(self.database, at, self.now).await?;
        Ok(Loader {
            now: moment.at,
            as_of: Some(moment),
            ..*self
        })
    }

    /// The rows whose `column` is one of `keys`, as they are or were, with what is `told` at least.
    pub(super) async fn rows<T: Noun>(
        &'a self,
        column: Column<T>,
        keys: &'a [Uuid],
        told: Told<T::Entity>,
    ) -> Result<Vec<Row<T>>, Fault> {
        match &self.as_of {
            Some(moment) if !keys.is_empty() => T::then(self, moment, column, keys).await,
            _ => {
                let (scope, database) = (self.scope, self.database);
                Ok(read::told_by_keys(scope, database, column, keys, told).await?)
            }
        }
    }

    /// The mark of a cursor: one of an earlier time does not fit another.
    pub(in crate::graphql) fn mark(&self, list: &impl std::fmt::Debug) -> String {
        match &self.as_of {
            Some(moment) => cursor::mark(&(list, moment.at)),
            None => cursor::mark(list),
        }
    }

    /// Refuses what cannot be asked of an earlier time.
    pub(in crate::graphql) fn present_only(&self, what: &str) -> Result<(), Fault> {
        match self.as_of {
            None => Ok(()),
            Some(_) => Err(Fault::input(format!(
                "{what} cannot be asked within something as of an earlier time: ask it of the present"
            ))),
        }
    }

    /// Refuses the fields of a place that tell of the present, where an earlier time is asked about.
    pub(in crate::graphql) fn answers_then(
        &self,
        on: &str,
        selection: &Selection<'a>,
        fields: &[&str],
    ) -> Result<(), Fault> {
        if self.as_of.is_none() {
            return Ok(());
        }
        let mut selected = selection.on(on).into_iter().map(|selected| selected.name());
        let other = selected.find(|name| *name != "__typename" && !fields.contains(name));
        other.map_or(Ok(()), |name| self.present_only(&format!("{on}.{name}")))
    }

    /// Gives each parent a page of the rows that belonged to it at an earlier time.
    pub(in crate::graphql) async fn given<T: Listed>(
        &'a self,
        slots: &mut [Slots],
        aliases: &[Selected<'a>],
        parent: &str,
        parents: &[Uuid],
        rows: &HashMap<Uuid, Vec<Row<T>>>,
    ) -> Result<(), Fault> {
        for alias in aliases {
            let question = self.question::<T>(alias, parent).await?;
            self.cut::<T>(slots, alias, parents, rows, question).await?;
        }
        Ok(())
    }

    /// The same for a list in a fixed order without a filter.
    pub(super) async fn plain_then<T: Noun>(
        &'a self,
        slots: &mut [Slots],
        alias: &Selected<'a>,
        column: Column<T>,
        parents: &'a [Uuid],
        question: super::list::Question<Column<T>>,
    ) -> Result<(), Fault> {
        let mut rows: HashMap<Uuid, Vec<Row<T>>> = HashMap::new();
        for row in self.rows::<T>(column, parents, Told::all()).await? {
            if let Some(parent) = super::id_in::<T>(&row, column) {
                rows.entry(parent).or_default().push(row);
            }
        }
        self.cut::<T>(slots, alias, parents, &rows, question).await
    }

    async fn cut<T: Noun>(
        &'a self,
        slots: &mut [Slots],
        alias: &Selected<'a>,
        parents: &[Uuid],
        rows: &HashMap<Uuid, Vec<Row<T>>>,
        question: super::list::Question<Column<T>>,
    ) -> Result<(), Fault> {
        if question.filter.steps() > 0 {
            self.present_only("a search, or a filter of related things,")?;
        }
        let mut slices: HashMap<Uuid, Slice<Row<T>>> = HashMap::new();
        let mut totals = HashMap::new();
        for (parent, rows) in rows {
            let rows = rows.iter().filter(|row| question.filter.matches(*row));
            let rows: Vec<Row<T>> = rows.cloned().collect();
            let total = u64::try_from(rows.len()).ok();
            totals.insert(*parent, total.filter(|total| *total <= COUNT_LIMIT));
            slices.insert(*parent, question.page.take(rows, &question.order));
        }
        if wants_total::<T>(alias) {
            for parent in parents {
                totals.entry(*parent).or_insert(Some(0));
            }
        }
        self.spread::<T>(slots, alias, parents, slices, &totals, |row| {
            cursor::encode(&question.mark, &question.order.position(row))
        })
        .await
    }

    /// How many incidents were open in each of these buildings.
    pub(in crate::graphql) async fn open_then(
        &self,
        moment: &Moment,
        buildings: &[Uuid],
    ) -> Result<HashMap<Uuid, Option<u64>>, Fault> {
        let (scope, database) = (self.scope, self.database);
        Ok(history::open_incidents(scope, database, moment, buildings).await?)
    }
}

impl From<Unanswered> for Fault {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Ahead => Self::input(
                "asOf lies ahead: what will be answered then is not known yet; leave it out to ask about now",
            ),
            Unanswered::Pruned(from) => Self {
                detail: Some(("historyFrom", from.to_rfc3339())),
                ..Self::new(
                    ErrorCode::HistoryPruned,
                    format!(
                        "the history is kept from {} on: an earlier time cannot be asked about",
                        from.to_rfc3339()
                    ),
                )
            },
            Unanswered::TooMuch(most) => Self::limit(format!(
                "more than {most} things happened since asOf to what is asked for: ask about less at once, or a later time"
            )),
            Unanswered::Database(error) => error.into(),
        }
    }
}
