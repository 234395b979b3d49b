//! What an activity lists as changed: the columns of a row that differ, as typed JSON.

use entity::Change;
use sea_orm::{EntityTrait, IdenStatic, Iterable, ModelTrait, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use super::row;

/// Columns that tell how a row is kept and not what happened.
const SILENT: [&str; 19] = [
    "id",
    "set_by",
    "raw",
    "last_activity_at",
    "version",
    "described_status",
    "status_key",
    "is_described",
    "site_id",
    "source",
    "sla_start_by",
    "sla_due_at",
    "sla_miss_at",
    "sla_risk_at",
    "first_ended_at",
    "last_open_at",
    "last_cleaned_at",
    "last_cleaning_task_id",
    "open_incident_count",
];
/// Columns that hold JSON text.
const STRUCTURED: [&str; 6] = [
    "sensors",
    "assets",
    "custom_fields",
    "related",
    "address",
    "compliance",
];

/// The fields of `after` that differ from `before` (or are set, when the row is new), each with `prefix` before its name.
pub fn changes<E>(
    of: Uuid,
    prefix: &str,
    before: Option<&E::Model>,
    after: &E::Model,
) -> Vec<Change>
where
    E: EntityTrait,
{
    E::Column::iter()
        .filter(|column| !SILENT.contains(&column.as_str()))
        .filter_map(|column| {
            let from = before.map_or(Json::Null, |row| json(column.as_str(), row.get(column)));
            let to = json(column.as_str(), after.get(column));
            (from != to).then(|| Change {
                of,
                field: format!("{prefix}{}", column.as_str()),
                from,
                to,
            })
        })
        .collect()
}

fn json(column: &str, value: Value) -> Json {
    match row::json(value) {
        Json::String(text) if STRUCTURED.contains(&column) => {
            serde_json::from_str(&text).unwrap_or(Json::Null)
        }
        value => value,
    }
}
