//! The fields that lead from one object to others: how they stand in the schema, and how they are fetched.

mod activity;
mod building;
mod count;
mod delivery;
mod incident;
mod level;
mod property;
mod provenance;
mod statistics;
mod task;
mod told;
mod zone;

/// Declares the fields of a type that lead to other objects; their values come from the plan.
macro_rules! edges {
    ($type:ty, $registry:ident => [$($field:expr),+ $(,)?]) => {
        impl async_graphql::ComplexObject for $type {
            fn fields(
                $registry: &mut async_graphql::registry::Registry,
            ) -> Vec<(String, async_graphql::registry::MetaField)> {
                vec![$($field),+]
            }

            /// Objects are written, see `written`: the library never resolves a field of theirs.
            async fn resolve_field(
                &self,
                _: &async_graphql::Context<'_>,
            ) -> async_graphql::ServerResult<Option<async_graphql::Value>> {
                Ok(None)
            }
        }
    };
}
pub(in crate::graphql) use edges;

use async_graphql::registry::{MetaField, Registry};

pub(super) use statistics::all_statistics;

use super::edge_field::{argument, fixed};
use super::enums::ActivityKind;
use super::object::Activity;

fn timeline(registry: &mut Registry, of: &str) -> (String, MetaField) {
    let arguments = vec![
        argument::<Option<Vec<ActivityKind>>>(
            registry,
            "kinds",
            "Only these kinds; all when not given.",
        ),
        argument::<Option<bool>>(
            registry,
            "newestFirst",
            "True: the latest comes first. Not given or false: the earliest comes first.",
        ),
    ];
    fixed::<Activity>(
        registry,
        "timeline",
        &format!(
            "What happened {of}, by the time it happened: also what turned out only later to belong here. \
             Its cursors are its own, not those of the feed."
        ),
        arguments,
    )
}
