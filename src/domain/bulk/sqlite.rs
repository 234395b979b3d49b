//! Rows for SQLite: one JSON text, a list for each.

use std::fmt::Write as _;

use sea_orm::{EntityTrait, ModelTrait, Value};

use super::Kind;

/// What an INSERT of `rows` selects from, and its parameter.
pub(super) fn source<E: EntityTrait>(
    columns: &[E::Column],
    rows: &[E::Model],
) -> (String, Vec<Value>) {
    let fields: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| match Kind::of(*column) {
            Kind::Uuid | Kind::Bytes => format!("unhex(value ->> {index}, '-')"),
            _ => format!("value ->> {index}"),
        })
        .collect();
    // Without a WHERE, SQLite would read ON CONFLICT as a join condition.
    let source = format!(
        "SELECT {} FROM json_each(?1) WHERE true ORDER BY key",
        fields.join(", ")
    );
    (source, vec![json::<E>(columns, rows).into()])
}

fn json<E: EntityTrait>(columns: &[E::Column], rows: &[E::Model]) -> String {
    let kinds: Vec<Kind> = columns.iter().map(|column| Kind::of(*column)).collect();
    let mut json = String::from("[");
    for (index, row) in rows.iter().enumerate() {
        json.push_str(if index == 0 { "[" } else { ",[" });
        for (index, (column, kind)) in columns.iter().zip(&kinds).enumerate() {
            if index > 0 {
                json.push(',');
            }
            match (text(row.get(*column)), kind) {
                (None, _) => json.push_str("null"),
                (Some(value), Kind::Integer | Kind::Double | Kind::Bool) => json.push_str(&value),
                (Some(value), _) => json.push_str(&serde_json::Value::from(value).to_string()),
            }
        }
        json.push(']');
    }
    json.push(']');
    json
}

/// A value as SQLite reads it from text; null stays null.
fn text(value: Value) -> Option<String> {
    match value {
        Value::Bool(value) => value.map(|value| value.to_string()),
        Value::Int(value) => value.map(|value| value.to_string()),
        Value::BigInt(value) => value.map(|value| value.to_string()),
        Value::Double(value) => value.map(|value| value.to_string()),
        Value::String(value) => value,
        Value::Uuid(value) => value.map(|value| value.to_string()),
        Value::ChronoDateTimeUtc(value) => value.map(|value| {
            // The form in which sqlx binds a time on SQLite: stored and bound texts must compare alike.
            value.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
        }),
        Value::Bytes(value) => value.map(|bytes| {
            let mut text = String::with_capacity(bytes.len() * 2);
            for byte in bytes {
                // Writing into a String cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text
        }),
        // No entity has a column of another type.
        _ => None,
    }
}
