//! Sets of keys as one parameter each.

use sea_orm::sea_query::ArrayType;
use sea_orm::{DbBackend, Value};
use uuid::Uuid;

/// A set of keys for a statement.
#[derive(Clone, Copy, Debug)]
pub enum Keys<'a> {
    /// Uuids.
    Uuids(&'a [Uuid]),
    /// Texts.
    Texts(&'a [String]),
}

/// Appends `predicate` to `sql` with each `IN {0}`, `IN {1}`, … replaced by a look into that key set. What
/// is in none is `NOT … IN {0}`.
pub fn place_keys(
    sql: &mut String,
    predicate: &str,
    keys: &[Keys<'_>],
    backend: DbBackend,
) -> Vec<Value> {
    let mut predicate = predicate.to_owned();
    let mut values = Vec::with_capacity(keys.len());
    for (index, keys) in keys.iter().enumerate() {
        let parameter = index + 1;
        let member = match (backend, keys) {
            (DbBackend::Sqlite, Keys::Uuids(_)) => {
                format!("IN (SELECT unhex(value, '-') FROM json_each(?{parameter}))")
            }
            (DbBackend::Sqlite, Keys::Texts(_)) => {
                format!("IN (SELECT value FROM json_each(?{parameter}))")
            }
            // No sub-select: an array enters an index by itself, with nothing to join and to sort beforehand.
            _ => format!("= ANY(${parameter})"),
        };
        predicate = predicate.replace(&format!("IN {{{index}}}"), &member);
        values.push(match backend {
            DbBackend::Sqlite => key_text(*keys).into(),
            _ => key_array(*keys),
        });
    }
    sql.push_str(&predicate);
    values
}

fn key_array(keys: Keys<'_>) -> Value {
    let (kind, keys) = match keys {
        Keys::Uuids(uuids) => (
            ArrayType::Uuid,
            uuids.iter().copied().map(Value::from).collect(),
        ),
        Keys::Texts(texts) => (
            ArrayType::String,
            texts
                .iter()
                .map(|text| Value::from(text.as_str()))
                .collect(),
        ),
    };
    Value::Array(kind, Some(Box::new(keys)))
}

fn key_text(keys: Keys<'_>) -> String {
    let texts: Vec<String> = match keys {
        Keys::Uuids(uuids) => uuids.iter().map(Uuid::to_string).collect(),
        Keys::Texts(texts) => texts.to_vec(),
    };
    serde_json::Value::from(texts).to_string()
}
