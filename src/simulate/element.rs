//! The envelope of a Matrix event: what is the same for every module.

use super::{
    estate::{Building, Estate},
    words::Priority,
};
use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use serde::Serialize;
use serde_json::Value;

/// Elements with the moments they tell of.
pub(super) type Told = Vec<(DateTime<Utc>, String)>;

pub(super) const WORKFORCE: &str = "scworkforcemanagement";
pub(super) const GRIDS: &str = "scgrids";
pub(super) const AUDITS: &str = "scaudits";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Element<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    #[serde(rename = "ATTR")]
    attr: String,
    description: &'a str,
    event: &'a str,
    principal: &'a str,
    #[serde(rename = "PType")]
    principal_type: &'a str,
    entity: &'a str,
    #[serde(rename = "EType")]
    entity_type: &'a str,
    routing_key: String,
    routing_key_s: [&'a str; 5],
    status: &'a str,
    time: String,
    unix_time: String,
    unix_time_int: i64,
    module: &'a str,
    meta: Value,
}

/// Where an event happens and what carries it.
pub(super) struct Scene<'a> {
    pub(super) estate: &'a Estate,
    pub(super) building: &'a Building,
    pub(super) module: &'a str,
    /// The suffix of `ATTR`.
    pub(super) subject: &'a str,
}

impl Scene<'_> {
    /// One event of the scene.
    pub(super) fn element(
        &self,
        at: DateTime<Utc>,
        event: &str,
        description: &str,
        priority: Priority,
        meta: Value,
    ) -> (DateTime<Utc>, String) {
        let seconds = at.timestamp();
        let key = [
            "matrix",
            &self.building.id,
            self.module,
            event,
            priority.word(),
        ];
        let element = Element {
            id: &self.building.id,
            attr: format!("{event}#{}", self.subject),
            description,
            event,
            principal: &self.building.id,
            principal_type: "building",
            entity: &self.estate.properties[self.building.property].id,
            entity_type: "property",
            routing_key: key.join("."),
            routing_key_s: key,
            status: priority.word(),
            time: format!("{}#{seconds}", self.module),
            unix_time: seconds.to_string(),
            unix_time_int: seconds,
            module: self.module,
            meta,
        };
        // A struct of strings and numbers always serialises.
        (at, serde_json::to_string(&element).unwrap_or_default())
    }
}

/// A moment that many seconds after `at`.
pub(super) fn later(
    rng: &mut Rng,
    at: DateTime<Utc>,
    seconds: std::ops::Range<i64>,
) -> DateTime<Utc> {
    at + TimeDelta::seconds(rng.i64(seconds))
}
