//! A value of a column as filters, orders and cursors see it: typed, comparable in memory exactly as both engines compare it.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ColumnType, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::filter::comparable;

/// A value of a column. Text is compared by its bytes, which is code point order; null is the greatest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Key {
    /// Yes or no.
    #[serde(rename = "b")]
    Bool(bool),
    /// A whole number.
    #[serde(rename = "n")]
    Int(i64),
    /// Text, and every stored enum.
    #[serde(rename = "s")]
    Text(String),
    /// A time.
    #[serde(rename = "t", with = "chrono::serde::ts_microseconds")]
    Time(DateTime<Utc>),
    /// An id.
    #[serde(rename = "u")]
    Id(Uuid),
    /// No value.
    #[serde(rename = "z")]
    Null,
}

impl Key {
    /// The order of values, null last.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Id(a), Self::Id(b)) => a.cmp(b),
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Greater,
            (_, Self::Null) => Ordering::Less,
            // Values of different types never meet: a column has one type.
            _ => Ordering::Equal,
        }
    }

    /// Whether this can be a value of `column`.
    pub fn fits(&self, column: impl ColumnTrait) -> bool {
        let definition = column.def();
        match (self, definition.get_column_type()) {
            (Self::Null, _) => definition.is_null(),
            // What no column stores comes from a cursor that was made up.
            (Self::Text(text), _) if text.contains('\0') => false,
            (Self::Time(time), _) if comparable(*time) != *time => false,
            (Self::Bool(_), ColumnType::Boolean)
            | (Self::Id(_), ColumnType::Uuid)
            | (Self::Int(_), ColumnType::Integer | ColumnType::BigInteger)
            | (Self::Text(_), ColumnType::Text | ColumnType::String(_)) => true,
            (Self::Time(_), kind) => matches!(
                kind,
                ColumnType::TimestampWithTimeZone | ColumnType::Timestamp | ColumnType::DateTime
            ),
            _ => false,
        }
    }
}

impl From<Value> for Key {
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(Some(value)) => Self::Bool(value),
            Value::Int(Some(value)) => Self::Int(value.into()),
            Value::BigInt(Some(value)) => Self::Int(value),
            Value::String(Some(value)) => Self::Text(value.to_string()),
            Value::ChronoDateTimeUtc(Some(value)) => Self::Time(value),
            Value::Uuid(Some(value)) => Self::Id(value),
            _ => Self::Null,
        }
    }
}

impl From<Key> for Value {
    fn from(key: Key) -> Self {
        match key {
            Key::Bool(value) => value.into(),
            Key::Int(value) => value.into(),
            Key::Text(value) => value.into(),
            Key::Time(value) => value.into(),
            Key::Id(value) => value.into(),
            Key::Null => Self::String(None),
        }
    }
}
