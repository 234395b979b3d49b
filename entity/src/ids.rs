//! Typed ids. Every id but a quarantine's is derived (UUIDv5) from the source's own words, see `caretaker::domain::id`.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    )+};
}

typed_id! {
    /// A row of `property`.
    PropertyId,
    /// A row of `site`: a place in a platform's own words.
    SiteId,
    /// A row of `building`.
    BuildingId,
    /// A row of `level`.
    LevelId,
    /// A row of `zone`.
    ZoneId,
    /// A row of `incident`.
    IncidentId,
    /// A row of `task`.
    TaskId,
    /// A row of `status_change`.
    StatusChangeId,
    /// A row of `note`.
    NoteId,
    /// A row of `chase`.
    ChaseId,
    /// A row of `activity`: UUIDv5 of the event key of the fact it tells.
    ActivityId,
    /// A row of `delivery`: UUIDv5 of (source, operation, signed time, body hash).
    DeliveryId,
    /// A row of `quarantine`.
    QuarantineId,
    /// A row of `place_link`.
    PlaceLinkId,
}
