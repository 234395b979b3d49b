//! The root of mutations: few, and for operators only. What they do stands in `operate` and `domain`. Never run by GET.

mod delivery;
mod place;

use async_graphql::MergedObject;

pub use delivery::{ChangedColumn, ChangedRow, DeliveryMutation, ReplayedDelivery, RowVerdict};
pub use place::PlaceMutation;

/// What operators can do. Only by POST or through a socket.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(PlaceMutation, DeliveryMutation);
