//! What the feed is narrowed by: the same filter is read as SQL for stored activities and in memory for live ones. It
//! cannot be made without a scope, and asks only what an activity was filed under when it was recorded: a subscriber that
//! comes back sees the rows it would have seen.

use chrono::{DateTime, Utc};
use entity::activity::{self, Column};
use sea_orm::sea_query::Condition;

use crate::domain::filter::{self, Operand, Test};
use crate::domain::key::Key;
use crate::domain::scope::{Claims, Scope};

type Plain = filter::Filter<Column>;

/// A filter of activities with every relative time fixed, for one viewer.
#[derive(Clone, Debug)]
pub struct Filter(Plain);

impl Filter {
    /// Fixes the relative times of `filter` at `now`, and lets through what the viewer may see.
    pub fn new(scope: &Scope, filter: Plain, now: DateTime<Utc>) -> Self {
        let filter = filter.at(now);
        Self(match scope {
            Scope::Operator | Scope::All => filter,
            Scope::Claims(claims) => Plain::All(vec![covered(claims), as_shown(filter, claims)]),
        })
    }

    /// Everything.
    pub fn everything() -> Self {
        Self(Plain::default())
    }

    /// Only the activities filed under one task.
    pub fn of_task(scope: &Scope, task: entity::TaskId, now: DateTime<Utc>) -> Self {
        let test = Test::Eq(Operand::Key(Key::Id(task.0)));
        Self::new(scope, Plain::Is(Column::TaskId, test), now)
    }

    /// The filter as SQL over the table `activity`.
    pub fn to_condition(&self) -> Condition {
        self.0.to_condition()
    }

    /// The same question asked of a row in memory.
    pub fn matches(&self, row: &activity::Model) -> bool {
        self.0.matches(row)
    }
}

/// The activities that were filed under something claimed.
pub(in crate::domain) fn covered(claims: &Claims) -> Plain {
    let tenants = claims.tenants.iter().cloned().map(Key::Text);
    let places = in_places(claims).into_iter();
    any(places.chain([one_of(Column::Tenant, tenants)]))
}

fn in_places(claims: &Claims) -> [Plain; 2] {
    let buildings = claims.buildings.iter().map(|id| Key::Id(id.0));
    [in_properties(claims), one_of(Column::BuildingId, buildings)]
}

fn in_properties(claims: &Claims) -> Plain {
    let properties = claims.properties.iter().map(|id| Key::Id(id.0));
    one_of(Column::PropertyId, properties)
}

/// Without keys it holds for nothing.
fn one_of(column: Column, keys: impl Iterator<Item = Key>) -> Plain {
    let mut keys: Vec<Key> = keys.collect();
    match keys.len() {
        0 => Plain::Any(Vec::new()),
        1 => Plain::Is(column, Test::Eq(Operand::Key(keys.remove(0)))),
        _ => Plain::Is(column, Test::In(keys)),
    }
}

/// At least one of these; what holds for nothing is left out, or no index could serve the others.
fn any(filters: impl Iterator<Item = Plain>) -> Plain {
    let is_something = |filter: &Plain| !matches!(filter, Plain::Any(none) if none.is_empty());
    let mut filters: Vec<Plain> = filters.filter(is_something).collect();
    if filters.len() == 1 {
        return filters.remove(0);
    }
    Plain::Any(filters)
}

/// The same filter for a viewer to whom some columns are null: the property unless it is claimed, and the incident of an
/// Urgent task, which may be in another building than the task; which of them is cannot be told from what is filed.
fn as_shown(filter: Plain, claims: &Claims) -> Plain {
    let all = |filters: Vec<Plain>| filters.into_iter().map(|filter| as_shown(filter, claims));
    match filter {
        Plain::All(filters) => Plain::All(all(filters).collect()),
        Plain::Any(filters) => Plain::Any(all(filters).collect()),
        Plain::Not(filter) => not(as_shown(*filter, claims)),
        Plain::Is(Column::PropertyId, test) => {
            where_shown(Column::PropertyId, test, in_properties(claims))
        }
        Plain::Is(Column::IncidentId, test) => {
            let of_matrix = Plain::Is(Column::Tenant, Test::IsNull);
            let shown = Plain::All(vec![any(in_places(claims).into_iter()), of_matrix]);
            where_shown(Column::IncidentId, test, shown)
        }
        // The feed asks no other rows: what those say now was not said when it was recorded.
        other @ (Plain::Is(_, _) | Plain::Among(_, _)) => other,
    }
}

fn where_shown(column: Column, test: Test, shown: Plain) -> Plain {
    let is_null = test == Test::IsNull;
    let asked = Plain::Is(column, test);
    if is_null {
        Plain::Any(vec![not(shown), asked])
    } else {
        Plain::All(vec![shown, asked])
    }
}

fn not(filter: Plain) -> Plain {
    Plain::Not(Box::new(filter))
}
