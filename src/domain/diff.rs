//! What an activity lists as changed: the columns of a row that differ, as typed JSON.

use entity::Change;
use sea_orm::sea_query::ColumnType;
use sea_orm::{ColumnTrait, EntityTrait, IdenStatic, Iterable, ModelTrait, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use super::row;

/// Columns of which an activity keeps the change for the history and does not show it.
const UNTOLD: [&str; 5] = [
    "last_activity_at",
    "is_described",
    "site_id",
    "first_ended_at",
    "last_open_at",
];
/// Columns that tell how a row is kept and not what happened.
const SILENT: [&str; 14] = [
    "id",
    "set_by",
    "raw",
    "version",
    "described_status",
    "status_key",
    "source",
    "sla_start_by",
    "sla_due_at",
    "sla_miss_at",
    "sla_risk_at",
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
        .filter(|column| is_kept(column.as_str()))
        .filter_map(|column| {
            let (was, is) = (before.map(|row| row.get(column)), after.get(column));
            // Most are as they were: they need not be put into words to be found the same.
            if was.as_ref() == Some(&is) {
                return None;
            }
            let from = was.map_or(Json::Null, |was| json(column.as_str(), was));
            let to = json(column.as_str(), is);
            (from != to).then(|| Change {
                of,
                field: format!("{prefix}{}", column.as_str()),
                from,
                to,
            })
        })
        .collect()
}

/// All that `row` says, as what it said before it was taken from where it stood: the history of that place needs no
/// other record of it.
pub fn taken<E>(of: Uuid, prefix: &str, row: &E::Model) -> Vec<Change>
where
    E: EntityTrait,
{
    E::Column::iter()
        .filter(|column| is_kept(column.as_str()))
        .map(|column| Change {
            of,
            field: format!("{prefix}{}", column.as_str()),
            from: json(column.as_str(), row.get(column)),
            to: Json::Null,
        })
        .collect()
}

/// Whether activities keep the changes of a column.
pub fn is_kept(column: &str) -> bool {
    !SILENT.contains(&column)
}

/// Whether a change is shown to readers. What is not shown is there for the history: it says nothing that is news.
pub fn is_shown(change: &Change) -> bool {
    let (noun, column) = change
        .field
        .rsplit_once('.')
        .unwrap_or(("", change.field.as_str()));
    match noun {
        "status_change" | "chase" => false,
        "note" => column == "task_id",
        _ => !UNTOLD.contains(&column),
    }
}

/// The value that a change keeps, for a column again.
pub fn value(column: impl ColumnTrait, kept: &Json) -> Value {
    let text = kept.as_str();
    match column.def().get_column_type() {
        ColumnType::Uuid => Value::Uuid(text.and_then(|text| Uuid::try_parse(text).ok())),
        ColumnType::TimestampWithTimeZone => {
            Value::ChronoDateTimeUtc(text.and_then(|text| text.parse().ok()))
        }
        ColumnType::Boolean => Value::Bool(kept.as_bool()),
        ColumnType::Integer => Value::Int(kept.as_i64().and_then(|number| number.try_into().ok())),
        ColumnType::BigInteger => Value::BigInt(kept.as_i64()),
        ColumnType::Double => Value::Double(kept.as_f64()),
        _ if kept.is_null() => Value::String(None),
        _ if STRUCTURED.contains(&column.as_str()) => kept.to_string().into(),
        _ => Value::String(text.map(str::to_owned)),
    }
}

/// The value of a column as a change keeps it.
fn json(column: &str, value: Value) -> Json {
    match row::json(value) {
        Json::String(text) if STRUCTURED.contains(&column) => {
            serde_json::from_str(&text).unwrap_or(Json::Null)
        }
        value => value,
    }
}
