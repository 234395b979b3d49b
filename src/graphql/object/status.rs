//! Status names that mean nothing yet.

use async_graphql::SimpleObject;

use crate::domain::status_type::read::Unmapped;

/// A status name whose type is UNKNOWN: neither the operator's map nor its English meaning says what it is.
#[derive(SimpleObject)]
pub struct UnmappedStatus {
    /// The Urgent tenant that uses it.
    tenant: String,
    /// The name; of several that differ only in the case of letters, one of them.
    status: String,
    /// How many tasks have this status now.
    task_count: i32,
}

impl From<Unmapped> for UnmappedStatus {
    fn from(found: Unmapped) -> Self {
        Self {
            tenant: found.tenant,
            status: found.status,
            task_count: i32::try_from(found.tasks).unwrap_or(i32::MAX),
        }
    }
}
