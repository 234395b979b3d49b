//! The frame that all statements of statistics share: places, stretches of time, and a sub-select for each pair.

use std::collections::HashMap;

use entity::building;
use sea_orm::sea_query::{Expr, ExprTrait, Func, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::domain::filter::Filter;
use crate::domain::read::statement::rows;
use crate::domain::read::{Keys, asked};
use crate::domain::scope::{Scope, Scoped};
use crate::domain::statistics::Interval;

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

impl<E: Scoped> Question<'_, E> {
    /// The rows of the place and the stretch at hand, without a word of what is told of them.
    pub(super) fn rows(&self, scope: &Scope, backend: DbBackend) -> SelectStatement {
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
    pub(super) async fn run<T: DeserializeOwned>(
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
        for row in rows(connection, &outer).await? {
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
