//! Questions to the type of a status. It is stored on no task: a filter asks `status_key` for the type, and is put to
//! the statuses that have it once the operator's map is known.

use std::collections::BTreeSet;

use entity::{StatusTypeName, WorkState, task};
use sea_orm::ActiveEnum;

use super::read::{ANY, StatusTypes};
use crate::domain::filter::{Filter, Test};
use crate::domain::key::Key;

/// The states in which the work of a Matrix task or incident is over.
pub const CLOSED_STATES: [WorkState; 2] = [WorkState::Completed, WorkState::Incomplete];

/// The types of the statuses with which an Urgent task is over.
pub const CLOSED_TYPES: [StatusTypeName; 2] = [StatusTypeName::Closed, StatusTypeName::Cancelled];

/// The tasks on which somebody still has to act. One without state and status, or with a status that is not mapped, is
/// open: nobody said that it is over.
pub fn open() -> Filter<task::Column> {
    let states = CLOSED_STATES.map(|state| Key::Text(state.to_value()));
    let types = CLOSED_TYPES.map(type_key);
    Filter::All(vec![
        not(Filter::Is(task::Column::State, Test::In(states.into()))),
        not(Filter::Is(task::Column::StatusKey, Test::In(types.into()))),
    ])
}

/// Whether a filter of other things asks for the type of the status of tasks.
pub fn asks_within<C>(filter: &mut Filter<C>) -> bool {
    let mut tasks = filter.tasks_mut().into_iter();
    tasks.any(|tasks| tasks.mentions(task::Column::StatusKey))
}

impl StatusTypes {
    /// The same filter with each question to the type put to the statuses themselves.
    pub fn settle(&self, filter: Filter<task::Column>) -> Filter<task::Column> {
        let all = |filters: Vec<_>| filters.into_iter().map(|filter| self.settle(filter));
        match filter {
            Filter::All(filters) => Filter::All(all(filters).collect()),
            Filter::Any(filters) => Filter::Any(all(filters).collect()),
            Filter::Not(filter) => not(self.settle(*filter)),
            Filter::Is(task::Column::StatusKey, Test::IsNull) => no_status(),
            Filter::Is(task::Column::StatusKey, test) => Filter::All(vec![
                not(no_status()),
                self.statuses(&|status_type| test.holds(&type_key(status_type))),
            ]),
            // A question to other things holds none to tasks: filters lead one step on.
            other @ (Filter::Is(_, _) | Filter::Among(_, _)) => other,
        }
    }

    /// A filter of other things with the same done to the filters of tasks in it.
    pub fn settle_within<C>(&self, mut filter: Filter<C>) -> Filter<C> {
        for tasks in filter.tasks_mut() {
            *tasks = self.settle(std::mem::take(tasks));
        }
        filter
    }

    /// The tasks whose status has a wanted type, tenant by tenant.
    fn statuses(&self, wanted: &dyn Fn(StatusTypeName) -> bool) -> Filter<task::Column> {
        let of_some: BTreeSet<&str> = self.entries().map(|(tenant, _)| tenant).collect();
        let own: Vec<&str> = of_some
            .into_iter()
            .filter(|tenant| *tenant != ANY)
            .collect();
        let one_of_own = is_one_of(task::Column::Tenant, &own);
        let mut tenants = vec![Filter::All(vec![
            not(one_of_own),
            self.statuses_of(ANY, wanted),
        ])];
        for tenant in own {
            tenants.push(Filter::All(vec![
                is_one_of(task::Column::Tenant, &[tenant]),
                self.statuses_of(tenant, wanted),
            ]));
        }
        Filter::Any(tenants)
    }

    fn statuses_of(
        &self,
        tenant: &str,
        wanted: &dyn Fn(StatusTypeName) -> bool,
    ) -> Filter<task::Column> {
        let mut named: BTreeSet<&str> = self
            .entries()
            .filter(|(of, status)| (*of == tenant || *of == ANY) && *status != ANY)
            .map(|(_, status)| status)
            .collect();
        for name in self.defaults(tenant) {
            named.insert(name);
        }
        let named: Vec<&str> = named.into_iter().collect();
        let fits = |status: &&str| wanted(self.of_key(tenant, status));
        let fitting: Vec<&str> = named.iter().copied().filter(fits).collect();
        let by_name = is_one_of(task::Column::StatusKey, &fitting);
        // `*` as a status asks for all other names.
        if wanted(self.of_key(tenant, ANY)) {
            let other = not(is_one_of(task::Column::StatusKey, &named));
            Filter::Any(vec![by_name, other])
        } else {
            by_name
        }
    }
}

fn type_key(status_type: StatusTypeName) -> Key {
    Key::Text(status_type.to_value())
}

fn not(filter: Filter<task::Column>) -> Filter<task::Column> {
    Filter::Not(Box::new(filter))
}

fn no_status() -> Filter<task::Column> {
    Filter::Is(task::Column::StatusKey, Test::IsNull)
}

fn is_one_of(column: task::Column, words: &[&str]) -> Filter<task::Column> {
    if words.is_empty() {
        return Filter::Any(Vec::new());
    }
    let key = |word: &&str| Key::Text((*word).to_owned());
    Filter::Is(column, Test::In(words.iter().map(key).collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use entity::{Source, StatusTypeName, TaskKind, status_type, task};
    use proptest::prelude::*;

    use super::super::read::{StatusTypes, of_rows};
    use super::{Filter, Test, open, type_key};
    use crate::domain::fold::empty_task;
    use crate::domain::id;
    use crate::domain::status_type::key;

    const TYPES: [StatusTypeName; 4] = [
        StatusTypeName::New,
        StatusTypeName::Open,
        StatusTypeName::Closed,
        StatusTypeName::Cancelled,
    ];

    fn maps() -> impl Strategy<Value = StatusTypes> {
        let tenants = prop::sample::select(vec!["*", "a", "b"]);
        let statuses = prop::sample::select(vec!["*", "one", "completed", "fünf"]);
        let entry = (tenants, statuses, prop::sample::select(TYPES.to_vec()));
        prop::collection::vec(entry, 0..8).prop_map(|entries| {
            let row = |(tenant, status, status_type): (&str, &str, _)| status_type::Model {
                tenant: tenant.to_owned(),
                status: status.to_owned(),
                status_type,
                version: 1,
            };
            of_rows(entries.into_iter().map(row).collect())
        })
    }

    fn tasks() -> Vec<task::Model> {
        let mut tasks = Vec::new();
        for tenant in ["a", "b", "c"] {
            for status in [
                None,
                Some("One"),
                Some("Completed"),
                Some("FÜNF"),
                Some("six"),
                Some("Cancelled"),
                Some("On Hold"),
            ] {
                let at = "2026-01-01T00:00:00Z".parse().unwrap();
                let mut row = empty_task(
                    id::urgent_task(tenant, "t"),
                    Source::Urgent,
                    TaskKind::Maintenance,
                    Some(tenant),
                    "t",
                    None,
                    at,
                );
                row.status = status.map(str::to_owned);
                row.status_key = status.map(key);
                tasks.push(row);
            }
        }
        tasks
    }

    proptest! {
        #[test]
        fn a_settled_question_finds_what_has_the_type(types in maps()) {
            for task in tasks() {
                let has = types.of_task(&task);
                for wanted in TYPES.into_iter().chain([StatusTypeName::Unknown]) {
                    let asked = Filter::Is(task::Column::StatusKey, Test::In(vec![type_key(wanted)]));
                    let not = Filter::Not(Box::new(asked.clone()));
                    prop_assert_eq!(types.settle(asked).matches(&task), has == Some(wanted));
                    prop_assert_eq!(types.settle(not).matches(&task), has != Some(wanted));
                }
                prop_assert_eq!(types.settle(open()).matches(&task), types.is_open(&task));
            }
        }
    }
}
