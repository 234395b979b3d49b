//! Timelines and the feed: activities by subject, in the order of commits, or by the delivery that told them.

use std::collections::HashMap;
use std::sync::Arc;

use entity::activity;
use uuid::Uuid;

use super::Loader;
use super::list::{listed_position, nodes_of, wants_total};
use super::noun::Noun;
use super::page::page_of;
use crate::domain::filter::{Filter, Test};
use crate::domain::key::Key;
use crate::domain::page::{self, Position};
use crate::domain::read::List;
use crate::domain::table::{ActiveEnum, IdenStatic};
use crate::domain::{activity as feed, journal, read};
use crate::graphql::comparison::LONGEST_LIST;
use crate::graphql::cursor;
use crate::graphql::enums;
use crate::graphql::error::Fault;
use crate::graphql::filter::{ActivityFilter, FilterInput};
use crate::graphql::limits::Limit;
use crate::graphql::object::Activity;
use crate::graphql::selection::Selected;
use crate::graphql::slot::{Fetched, Slots};

impl<'a> Loader<'a> {
    /// Fetches, for each subject, a page of its timeline.
    pub(in crate::graphql) async fn timeline(
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
            let mark = self.mark(&("timeline", column.as_str(), &kinds, direction));
            let filter = of_kinds(kinds)?;
            let order = feed::read::timeline_order(direction);
            let page = page_of(alias, |cursor| listed_position(&mark, cursor, &order))?;
            let list = List {
                filter: &filter,
                order: &order,
                page: &page,
                told: Activity::told(&nodes_of::<Activity>(alias)),
            };
            let (scope, database, until) = (self.scope, self.database, self.as_of.as_ref());
            let slices =
                feed::read::timelines(scope, database, column, subjects, &list, until).await?;
            let totals = if wants_total::<Activity>(alias) {
                feed::read::count_timelines(
                    self.scope,
                    self.database,
                    column,
                    subjects,
                    &filter,
                    self.as_of.as_ref(),
                )
                .await?
            } else {
                HashMap::new()
            };
            self.spread::<Activity>(slots, alias, subjects, slices, &totals, |row| {
                cursor::encode(&mark, &order.position(row))
            })
            .await?;
        }
        Ok(())
    }

    /// Fetches a page of the feed: in the order of commits, with feed cursors.
    pub(in crate::graphql) async fn feed(
        &'a self,
        selected: &Selected<'a>,
    ) -> Result<Fetched, Fault> {
        let filter = match selected.argument::<Option<ActivityFilter>>("filter")? {
            Some(filter) => filter.meaning()?,
            None => Filter::default(),
        };
        let filter = feed::filter::Filter::new(self.scope, filter, self.now);
        let page = page_of(selected, feed_position)?;
        let told = Activity::told(&nodes_of::<Activity>(selected));
        let slice = feed::read::feed(self.database, &filter, &page, told).await?;
        if let Some(Key::Int(after)) = page.after.as_ref().and_then(|after| after.first()) {
            // Asked after the page was read: what was pruned by then may be missing in it.
            let earliest = journal::pruned_through(self.database).await?;
            if *after < earliest {
                return Err(cursor::expired(earliest));
            }
        }
        let total = if wants_total::<Activity>(selected) {
            feed::read::count_feed(self.database, &filter).await?
        } else {
            None
        };
        let connection = self
            .connection::<Activity>(slice, total, selected, feed_cursor)
            .await?;
        Ok(Some(Arc::new(connection)))
    }

    /// Fetches, for each delivery, a page of what it told, in the order of commits, with feed cursors.
    pub(in crate::graphql) async fn told(
        &'a self,
        slots: &mut [Slots],
        aliases: &[Selected<'a>],
        deliveries: &[Uuid],
    ) -> Result<(), Fault> {
        let column = activity::Column::DeliveryId;
        for alias in aliases {
            let page = page_of(alias, feed_position)?;
            let list = List {
                filter: &Filter::default(),
                order: &feed::read::feed_order(),
                page: &page,
                told: Activity::told(&nodes_of::<Activity>(alias)),
            };
            let (scope, database) = (self.scope, self.database);
            let slices =
                read::children::<activity::Entity>(scope, database, column, deliveries, &list)
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
}

fn of_kinds(kinds: Option<Vec<enums::ActivityKind>>) -> Result<Filter<activity::Column>, Fault> {
    let Some(kinds) = kinds else {
        return Ok(Filter::default());
    };
    Limit::List.check(LONGEST_LIST, kinds.len())?;
    let key = |kind| Key::Text(entity::ActivityKind::from(kind).to_value());
    let keys = kinds.into_iter().map(key).collect();
    Ok(Filter::Is(activity::Column::Kind, Test::In(keys)))
}

fn feed_position(cursor: &str) -> Result<Position, Fault> {
    Ok(vec![Key::Int(cursor::decode_feed(cursor)?)])
}

fn feed_cursor(row: &activity::Model) -> String {
    cursor::feed(row.seq)
}
