//! Status names that mean nothing yet.

use async_graphql::SimpleObject;

use crate::domain::status_type::read::{Unmapped, UnmappedNames};
use crate::graphql::written::written;

/// The status names whose type is UNKNOWN. Operators only.
#[derive(SimpleObject)]
pub struct UnmappedStatuses {
    /// The names, those of the most tasks first, at most 100.
    nodes: Vec<UnmappedStatus>,
    /// Whether there may be more: there are more than 100, or tasks have 500 names and more in all, of which the first 500
    /// were looked at.
    is_cut: bool,
}

written!(UnmappedStatuses { nodes, is_cut });

/// A status name whose type is UNKNOWN: neither the operator's map nor its English meaning says what it is.
#[derive(SimpleObject)]
pub struct UnmappedStatus {
    /// The Urgent tenant that uses it.
    tenant: String,
    /// The name; of several that differ only in the case of letters, one of them.
    status: String,
    /// How many tasks have this status now; null when they are more than 1,000.
    task_count: Option<i32>,
}

written!(UnmappedStatus {
    tenant,
    status,
    task_count
});

impl From<UnmappedNames> for UnmappedStatuses {
    fn from(found: UnmappedNames) -> Self {
        Self {
            nodes: found.names.into_iter().map(Into::into).collect(),
            is_cut: found.is_cut,
        }
    }
}

impl From<Unmapped> for UnmappedStatus {
    fn from(found: Unmapped) -> Self {
        let count = |tasks| i32::try_from(tasks).unwrap_or(i32::MAX);
        Self {
            tenant: found.tenant,
            status: found.status,
            task_count: found.tasks.map(count),
        }
    }
}
