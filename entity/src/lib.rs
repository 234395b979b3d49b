//! The tables of caretaker, one file each: columns, relations and the enums and typed ids they use.
//! No behaviour and no API types live here; the rules are in `caretaker::domain`.

pub mod activity;
pub mod activity_key;
pub mod activity_link;
pub mod building;
pub mod chase;
pub mod delivery;
pub mod delivery_body;
pub mod delivery_key;
pub mod display_key;
pub mod enums;
pub mod ids;
pub mod incident;
pub mod json;
pub mod level;
pub mod note;
pub mod oauth_client;
pub mod oauth_refresh_token;
pub mod oauth_replaced_token;
pub mod oauth_revoked_token;
pub mod place_link;
pub mod property;
pub mod quarantine;
pub mod search;
pub mod setting;
pub mod site;
pub mod status_change;
pub mod status_type;
mod stored;
pub mod task;
pub mod zone;

pub use enums::{
    ActivityKind, Declarer, Operation, Outcome, Priority, Searched, Source, StatusTypeName,
    TaskKind, WorkState,
};
pub use ids::{
    ActivityId, BuildingId, ChaseId, DeliveryId, IncidentId, LevelId, NoteId, PlaceLinkId,
    PropertyId, QuarantineId, SiteId, StatusChangeId, TaskId, ZoneId,
};
pub use json::{Change, Json, SetBy, Setter, Version};
pub use stored::{Cells, Stored};
