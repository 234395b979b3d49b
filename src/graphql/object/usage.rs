//! What the request at hand costs.

use async_graphql::SimpleObject;

use crate::graphql::limits;

/// What the request costs in which this is asked, beside what a request may cost.
#[derive(SimpleObject)]
pub struct Usage {
    /// Its cost: a field counts 1, and below a list as often as the page is long, at each level anew.
    cost: i32,
    /// What one request may cost.
    max_cost: i32,
    /// How deep its fields nest.
    depth: i32,
    /// How deep they may nest.
    max_depth: i32,
    /// How many fields and fragments it selects once its fragments are opened.
    fields: i32,
    /// How many it may select.
    max_fields: i32,
}

impl From<limits::Usage> for Usage {
    fn from(usage: limits::Usage) -> Self {
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        Self {
            cost: count(usage.cost),
            max_cost: count(usage.limits.cost),
            depth: count(usage.shape.depth),
            max_depth: count(usage.limits.depth),
            fields: count(usage.shape.fields),
            max_fields: count(usage.limits.fields),
        }
    }
}
