//! What activities recorded after a moment say of how things were before.

use std::collections::{HashMap, HashSet};

use entity::{Change, Json, activity};
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IdenStatic, Iterable,
    ModelTrait, QueryFilter, QuerySelect,
};
use serde_json::Value;
use uuid::Uuid;

use super::{Moment, Unanswered};
use crate::domain::diff;
use crate::domain::read::Keys;

/// How many activities are looked through for one answer.
const MOST: u64 = 10_000;

/// The fields of things before they were changed for the first time after a moment.
#[derive(Debug, Default)]
pub(super) struct Past {
    first: HashMap<Uuid, HashMap<String, Value>>,
    later: HashSet<Uuid>,
}

#[derive(FromQueryResult)]
struct Told {
    seq: i64,
    id: Uuid,
    changes: Json<Vec<Change>>,
}

impl Past {
    /// What was told after `moment` of what is filed in `column` under one of `keys`. One statement.
    pub(super) async fn filed(
        connection: &impl ConnectionTrait,
        moment: &Moment,
        column: activity::Column,
        keys: &[Uuid],
    ) -> Result<Self, Unanswered> {
        if keys.is_empty() {
            return Ok(Self::default());
        }
        let keys = Keys::new(connection.get_database_backend(), keys);
        let filed = Condition::all().add(keys.fetch(column.into_expr()));
        Self::told(connection, moment, filed).await
    }

    /// What was told after `moment` of where sites stand. One statement.
    pub(super) async fn of_moves(
        connection: &impl ConnectionTrait,
        moment: &Moment,
        sites: &[Uuid],
    ) -> Result<Self, Unanswered> {
        if sites.is_empty() {
            return Ok(Self::default());
        }
        let keys = Keys::new(connection.get_database_backend(), sites);
        let of_sites = keys.fetch(activity::Column::SubjectId.into_expr());
        Self::told(connection, moment, moves().add(of_sites)).await
    }

    /// What was told after `moment` of where any site stands. One statement.
    pub(super) async fn of_all_moves(
        connection: &impl ConnectionTrait,
        moment: &Moment,
    ) -> Result<Self, Unanswered> {
        Self::told(connection, moment, moves()).await
    }

    async fn told(
        connection: &impl ConnectionTrait,
        moment: &Moment,
        condition: Condition,
    ) -> Result<Self, Unanswered> {
        // Sorted here: an engine that is asked for an order and a limit might walk the whole feed in that order.
        let mut rows: Vec<Told> = activity::Entity::find()
            .select_only()
            .columns([
                activity::Column::Seq,
                activity::Column::Id,
                activity::Column::Changes,
            ])
            .filter(condition)
            .filter(activity::Column::Seq.gt(moment.seq))
            .limit(MOST + 1)
            .into_model()
            .all(connection)
            .await?;
        if rows.len() as u64 > MOST {
            return Err(Unanswered::TooMuch(MOST));
        }
        rows.sort_unstable_by_key(|row| row.seq);
        let mut past = Self::default();
        for row in rows {
            past.later.insert(row.id);
            for change in row.changes.0 {
                // `task.status` and `status` are the same field of the same row.
                let column = change.field.rsplit('.').next().unwrap_or_default();
                let fields = past.first.entry(change.of).or_default();
                fields.entry(column.to_owned()).or_insert(change.from);
            }
        }
        Ok(past)
    }

    /// What `column` of a thing was, if it was changed since.
    pub(super) fn was(&self, of: Uuid, column: &str) -> Option<&Value> {
        self.first.get(&of)?.get(column)
    }

    /// Whether a thing was not known yet: the field that it always had since was null.
    pub(super) fn was_unknown(&self, of: Uuid, always: &str) -> bool {
        self.was(of, always).is_some_and(Value::is_null)
    }

    /// Whether an activity was recorded after the moment.
    pub(super) fn is_later(&self, activity: Uuid) -> bool {
        self.later.contains(&activity)
    }

    /// The things of which `column` was `value`, and is told to be something else since.
    pub(super) fn had(&self, column: &str, value: Uuid) -> Vec<Uuid> {
        let value = value.to_string();
        let had = self.first.iter();
        had.filter(|(_, fields)| {
            let was = fields.get(column).and_then(Value::as_str);
            was == Some(value.as_str())
        })
        .map(|(of, _)| *of)
        .collect()
    }

    /// Puts the fields of a row back to what they were. `name` says which column a changed field stands for.
    pub(super) fn restore<M: ModelTrait>(
        &self,
        of: Uuid,
        row: &mut M,
        name: impl Fn(&str) -> Option<&str>,
    ) -> Result<(), DbErr> {
        let Some(fields) = self.first.get(&of) else {
            return Ok(());
        };
        for (field, was) in fields {
            let Some(name) = name(field) else { continue };
            let mut columns = <M::Entity as EntityTrait>::Column::iter();
            if let Some(column) = columns.find(|column| column.as_str() == name) {
                row.try_set(column, diff::value(column, was))?;
            }
        }
        Ok(())
    }
}

/// The activities that tell where a site stands. Written out and not bound: the partial index is used only where its
/// condition is read.
fn moves() -> Condition {
    Condition::all().add(Expr::cust("kind = 'LINKED' AND subject_id = site_id"))
}

/// Which of these activities were recorded after `moment`. One statement.
///
/// # Errors
/// What the database says.
pub async fn recorded_later(
    connection: &impl ConnectionTrait,
    moment: &Moment,
    activities: &[Uuid],
) -> Result<HashSet<Uuid>, DbErr> {
    if activities.is_empty() {
        return Ok(HashSet::new());
    }
    let keys = Keys::new(connection.get_database_backend(), activities);
    let ids: Vec<Uuid> = activity::Entity::find()
        .select_only()
        .column(activity::Column::Id)
        .filter(keys.fetch(activity::Column::Id.into_expr()))
        .filter(activity::Column::Seq.gt(moment.seq))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().collect())
}

/// A changed field stands for the column of its own name.
pub(super) fn same(field: &str) -> Option<&str> {
    Some(field)
}
