//! Structured values that are kept as JSON text, and the shapes that more than one table keeps that way.
//! Text and not `jsonb`: both engines then hold, compare and return the same characters.

use std::collections::BTreeMap;

use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, DbErr, QueryResult, TryGetError, TryGetable, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A value stored as JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T: Serialize> From<Json<T>> for Value {
    fn from(json: Json<T>) -> Self {
        serde_json::to_string(&json.0)
            .unwrap_or_else(|_| "null".to_owned())
            .into()
    }
}

impl<T: DeserializeOwned> TryGetable for Json<T> {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let text = String::try_get_by(row, index)?;
        serde_json::from_str(&text).map(Json).map_err(|error| {
            TryGetError::DbErr(DbErr::Type(format!(
                "stored JSON does not fit its type: {error}"
            )))
        })
    }
}

impl<T: Serialize + DeserializeOwned> ValueType for Json<T> {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        let text = <String as ValueType>::try_from(value)?;
        serde_json::from_str(&text)
            .map(Json)
            .map_err(|_| ValueTypeErr)
    }

    fn type_name() -> String {
        "Json".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::String
    }

    fn column_type() -> ColumnType {
        ColumnType::Text
    }
}

impl<T> Nullable for Json<T> {
    fn null() -> Value {
        Value::String(None)
    }
}

/// Which fact set a field: its order key and its activity, `[class, microseconds, stage, activity, content]`.
/// The greater one wins; the activity breaks the last tie and is the field's provenance. Where one activity was told
/// with different words (Matrix's event key leaves some out), the greater hash of all its words wins; left out if 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Setter(
    pub u8,
    pub i64,
    pub u8,
    pub Uuid,
    #[serde(default, skip_serializing_if = "is_zero")] pub u64,
);

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The setter of each field of a row.
pub type SetBy = BTreeMap<String, Setter>;

/// Which of several versions of one status change, note or chase a row shows: the smallest of
/// (the credential's position in the settings, the version's own time in microseconds, the activity that told it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u32, pub i64, pub Uuid);

/// One field that an activity changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The row that changed.
    pub of: Uuid,
    /// The field; with the noun before it (`zone.name`) where it is not a field of the activity's own noun.
    pub field: String,
    /// The value before; null when there was none.
    #[serde(default)]
    pub from: serde_json::Value,
    /// The value after.
    #[serde(default)]
    pub to: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setter_without_a_hash_is_written_and_read_as_it_was_before_there_were_hashes() {
        let id = Uuid::nil();
        for (setter, text) in [
            (Setter(1, 2, 3, id, 0), format!("[1,2,3,\"{id}\"]")),
            (
                Setter(1, 2, 3, id, u64::MAX),
                format!("[1,2,3,\"{id}\",18446744073709551615]"),
            ),
        ] {
            let written = serde_json::to_string(&setter).ok();
            assert_eq!(written.as_deref(), Some(text.as_str()));
            assert_eq!(serde_json::from_str(&text).ok(), Some(setter));
        }
    }
}
