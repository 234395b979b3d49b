//! Values without fields, as the library would write them.

use async_graphql::resolver_utils::EnumType;
use async_graphql::{ID, Json as Free};
use chrono::{DateTime, Utc};

use super::{Below, Json, Written, time};
use crate::graphql::duration::Duration;
use crate::graphql::enums::{
    ActivityKind, Bucket, Operation, Outcome, Priority, SlaState, Source, StatusType, TaskKind,
    WorkState,
};
use crate::graphql::id::GlobalId;
use crate::graphql::mutation::RowVerdict;

macro_rules! plain {
    ($($type:ty),+) => {$(
        impl Written for $type {
            fn write(&self, _: &Below<'_>, json: &mut Json) {
                json.scalar(self);
            }
        }
    )+};
}

plain!(bool, i32, i64, u64, f64, str, String);

macro_rules! named {
    ($($type:ty),+) => {$(
        impl Written for $type {
            fn write(&self, _: &Below<'_>, json: &mut Json) {
                let mut items = Self::items().iter();
                let name = items.find(|item| item.value == *self).map(|item| item.name);
                json.scalar(&name);
            }
        }
    )+};
}

named!(
    ActivityKind,
    Bucket,
    Operation,
    Outcome,
    Priority,
    RowVerdict,
    SlaState,
    Source,
    StatusType,
    TaskKind,
    WorkState
);

impl Written for ID {
    fn write(&self, _: &Below<'_>, json: &mut Json) {
        json.scalar(&self.0);
    }
}

impl Written for GlobalId {
    fn write(&self, _: &Below<'_>, json: &mut Json) {
        // Nothing in it needs to be escaped.
        json.text.push(b'"');
        self.with(|id| json.text.extend_from_slice(id.as_bytes()));
        json.text.push(b'"');
    }
}

impl Written for Free<serde_json::Value> {
    fn write(&self, _: &Below<'_>, json: &mut Json) {
        json.scalar(&self.0);
    }
}

impl Written for Duration {
    fn write(&self, _: &Below<'_>, json: &mut Json) {
        json.scalar(&self.text());
    }
}

impl Written for DateTime<Utc> {
    fn write(&self, _: &Below<'_>, json: &mut Json) {
        time::write(*self, &mut json.text);
    }
}
