//! Derived ids: UUIDv5 of (kind, natural key), the natural key being the source's own words as a JSON array.
//! The same thing has the same id on every node, on both engines, after a rebuild, and before its details are known.

use entity::{
    ActivityId, BuildingId, ChaseId, DeliveryId, IncidentId, LevelId, NoteId, Operation,
    PlaceLinkId, PropertyId, QuarantineId, SiteId, Source, StatusChangeId, TaskId, ZoneId,
};
use serde::Serialize;
use uuid::Uuid;

/// The namespace of all ids of caretaker.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0b_3f0e_52f1_4c2e_9a55_7d9f_1c1e_ca7e);

/// A JSON array and not a joined string: parts that hold the separator would collide.
fn derive(key: &impl Serialize) -> Uuid {
    let words = serde_json::to_vec(key).unwrap_or_default();
    Uuid::new_v5(&NAMESPACE, &words)
}

/// The words that name a site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteKey {
    /// The platform.
    pub source: Source,
    /// The Urgent tenant; empty for Matrix.
    pub tenant: String,
    /// The Matrix building id, or the Urgent site code.
    pub code: String,
}

impl SiteKey {
    /// The site that Matrix calls building `code`.
    pub fn matrix(code: &str) -> Self {
        Self {
            source: Source::Matrix,
            tenant: String::new(),
            code: code.to_owned(),
        }
    }

    /// The site `code` of an Urgent tenant.
    pub fn urgent(tenant: &str, code: &str) -> Self {
        Self {
            source: Source::Urgent,
            tenant: tenant.to_owned(),
            code: code.to_owned(),
        }
    }

    /// The id of the site.
    pub fn id(&self) -> SiteId {
        SiteId(derive(&("site", self.source, &self.tenant, &self.code)))
    }

    /// The id of the building that the site is while it is a root.
    pub fn building(&self) -> BuildingId {
        BuildingId(derive(&("building", self.source, &self.tenant, &self.code)))
    }

    /// The id of the zone that the site is while it is not a root.
    pub fn zone(&self) -> ZoneId {
        ZoneId(derive(&("zone", self.source, &self.tenant, &self.code)))
    }
}

/// A Matrix property.
pub fn property(code: &str) -> PropertyId {
    PropertyId(derive(&("property", Source::Matrix, code)))
}

/// A Matrix level.
pub fn level(building: &str, code: &str) -> LevelId {
    LevelId(derive(&("level", Source::Matrix, building, code)))
}

/// A Matrix zone.
pub fn zone(building: &str, code: &str) -> ZoneId {
    ZoneId(derive(&("zone", Source::Matrix, building, code)))
}

/// An incident.
pub fn incident(building: &str, task_id: &str) -> IncidentId {
    IncidentId(derive(&("incident", Source::Matrix, building, task_id)))
}

/// The work order that Matrix runs for an incident: apart from a task that should happen to have the same TaskId.
pub fn work_order(building: &str, task_id: &str) -> TaskId {
    TaskId(derive(&("work_order", Source::Matrix, building, task_id)))
}

/// A Matrix task.
pub fn matrix_task(building: &str, task_id: &str) -> TaskId {
    TaskId(derive(&("task", Source::Matrix, building, task_id)))
}

/// An Urgent task. GUIDs are given in lower case.
pub fn urgent_task(tenant: &str, identifier: &str) -> TaskId {
    TaskId(derive(&("task", Source::Urgent, tenant, identifier)))
}

/// A status change. A tenant cannot reach another tenant's rows by repeating their GUIDs.
pub fn status_change(tenant: &str, identifier: &str) -> StatusChangeId {
    StatusChangeId(derive(&(
        "status_change",
        Source::Urgent,
        tenant,
        identifier,
    )))
}

/// A note.
pub fn note(tenant: &str, identifier: &str) -> NoteId {
    NoteId(derive(&("note", Source::Urgent, tenant, identifier)))
}

/// A chase.
pub fn chase(tenant: &str, identifier: &str) -> ChaseId {
    ChaseId(derive(&("chase", Source::Urgent, tenant, identifier)))
}

/// An activity, from the event key of the fact that it tells.
pub fn activity(event_key: &impl Serialize) -> ActivityId {
    ActivityId(derive(&("activity", event_key)))
}

/// A delivery: its repeat key is (source, operation, signed time, body hash).
pub fn delivery(
    source: Source,
    operation: Operation,
    signed_at: Option<&str>,
    body_hash: &str,
) -> DeliveryId {
    DeliveryId(derive(&(
        "delivery", source, operation, signed_at, body_hash,
    )))
}

/// An element of a delivery in quarantine.
pub fn quarantine(delivery: DeliveryId, element: i32) -> QuarantineId {
    QuarantineId(derive(&("quarantine", delivery, element)))
}

/// What the operator says of a site.
pub fn place_link(site: &SiteKey) -> PlaceLinkId {
    PlaceLinkId(derive(&(
        "place_link",
        site.source,
        &site.tenant,
        &site.code,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_hold_a_separator_do_not_collide() {
        assert_ne!(urgent_task("a,b", "c"), urgent_task("a", "b,c"));
        assert_ne!(urgent_task("a\",\"b", "c"), urgent_task("a", "b\",\"c"));
    }

    #[test]
    fn ids_never_change_between_releases() {
        let site = SiteKey::urgent("Test Tenant", "LON-014");
        insta::assert_snapshot!(site.id().0, @"48973bcd-268d-5f77-a59a-31530604ebfd");
        insta::assert_snapshot!(site.building().0, @"55e4894c-f3a7-531f-a14a-0d47422e6fa1");
        insta::assert_snapshot!(incident("06f98e0c4f464b84b9157b1df6adfa66_003", "1686793261034749182").0, @"05542108-5a00-5dff-bfdb-899d75c6d2f7");
    }
}
