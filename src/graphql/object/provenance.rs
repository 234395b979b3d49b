//! Where the fields of an incident or task come from.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use entity::{SetBy, Setter, incident, status_change, task};
use uuid::Uuid;

use super::activity::in_schema;
use crate::graphql::slot::Slots;
use crate::graphql::written::written;

/// What set a field to the value that it shows, and when.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct FieldProvenance {
    /// The name of the field in this schema. `priority` and `state` stand for what Matrix sent as them too, `building` of
    /// an Urgent task for its zone too.
    field: String,
    /// When it was so (UTC), by the platform's clock: when the activity happened that set it.
    set_at: DateTime<Utc>,
    /// When caretaker made it durable (UTC); null when the activity is no longer kept, or lies outside what the viewer may
    /// see.
    recorded_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(FieldProvenance { field, set_at, recorded_at } and slots);

impl FieldProvenance {
    pub(in crate::graphql) fn new(
        origin: &Origin,
        told: Option<&entity::activity::Model>,
        slots: Slots,
    ) -> Self {
        Self {
            field: origin.field.clone(),
            set_at: told.map_or(origin.at, |row| row.occurred_at),
            recorded_at: told.map(|row| row.recorded_at),
            slots,
        }
    }
}

/// A field, the activity that set it, and the time by which it won.
#[derive(Clone, Debug)]
pub(in crate::graphql) struct Origin {
    pub(in crate::graphql) field: String,
    pub(in crate::graphql) activity: Uuid,
    pub(in crate::graphql) at: DateTime<Utc>,
}

impl Origin {
    /// Where the fields of an incident come from.
    pub(in crate::graphql) fn of_incident(row: &incident::Model) -> Vec<Self> {
        of_registers(&row.set_by.0, row.completed_at.is_some(), false)
    }

    /// Where the fields of a task come from, `status` being the status change that it shows.
    pub(in crate::graphql) fn of_task(
        row: &task::Model,
        status: Option<&status_change::Model>,
    ) -> Vec<Self> {
        let is_described = row.status_change_id.is_none();
        let mut origins = of_registers(&row.set_by.0, row.completed_at.is_some(), is_described);
        if let Some(status) = status {
            let version = status.version.0;
            for field in ["status", "statusAt"] {
                let setter = Setter(0, version.1, 0, version.2, 0);
                origins.extend(Self::new(field, &setter));
            }
        }
        origins
    }

    fn new(field: &str, setter: &Setter) -> Option<Self> {
        Some(Self {
            field: in_schema(field),
            activity: setter.3,
            at: DateTime::from_timestamp_micros(setter.1)?,
        })
    }
}

fn of_registers(set_by: &SetBy, is_completed: bool, shows_described: bool) -> Vec<Origin> {
    let origins = set_by.iter().filter_map(|(register, setter)| {
        let field = match register.as_str() {
            "zone_id" => "zone",
            "site_id" => "building",
            "ended_at" if is_completed => "completed_at",
            "described_status" if shows_described => "status",
            // It is kept and does not show.
            "ended_at" | "described_status" => return None,
            register => register,
        };
        Origin::new(field, setter)
    });
    origins.collect()
}
