//! The object types with their plain fields. Fields that lead to other objects are in `edge`.

mod activity;
mod delivery;
mod incident;
mod place;
mod provenance;
mod refusal;
mod sla;
mod statistics;
mod status;
mod task;
mod usage;
mod viewer;

pub use activity::{Activity, Change, Shared};
pub use delivery::{Delivery, QuarantinedElement};
pub use incident::Incident;
pub use place::{Building, Level, Location, PlaceSource, Property, Zone};
pub use provenance::FieldProvenance;
pub(super) use provenance::Origin;
pub use refusal::RefusedCalls;
pub use sla::Sla;
pub(in crate::graphql) use statistics::{Found, Frame};
pub use statistics::{
    IncidentNumbers, IncidentStatistics, KindCount, Length, Period, PriorityCount, RowCount, Sheet,
    StateCount, Statistics, StatusTypeCount, TaskKindCount, TaskNumbers, TaskStatistics,
};
pub use status::{UnmappedStatus, UnmappedStatuses};
pub use task::{AssetDowntime, Chase, ComplianceAnswer, Note, StatusChange, Task};
pub use usage::Usage;
pub use viewer::{Viewer, ViewerClaims};
