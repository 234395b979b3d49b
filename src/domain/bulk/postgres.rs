//! Rows for PostgreSQL: an array for each column. Arrays hold no nulls here: which values are there is told by one more
//! array, of numbers with a bit for each column, and what is not there has any value.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::ArrayType;
use sea_orm::{ColumnTrait, EntityTrait, IdenStatic, ModelTrait, Value};
use uuid::Uuid;

use super::Kind;

/// What an INSERT of `rows` selects from, and its parameters.
pub(super) fn source<E: EntityTrait>(
    columns: &[E::Column],
    rows: &[E::Model],
) -> (String, Vec<Value>) {
    let mut given = vec![0_i64; rows.len()];
    let mut values = Vec::with_capacity(columns.len() + 1);
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (place, column) in columns.iter().enumerate() {
        let kind = Kind::of(*column);
        let name = column.as_str();
        let bit = 1_i64 << place;
        fields.push(match column.def().is_null() {
            true => format!("CASE WHEN given & {bit} <> 0 THEN {name} END"),
            false => name.to_owned(),
        });
        arrays.push(format!("CAST(${} AS {}[])", place + 1, kind.name()));
        let value = |(row, given): (&E::Model, &mut i64)| match present(row.get(*column)) {
            Some(value) => {
                *given |= bit;
                value
            }
            None => kind.any(),
        };
        let array = rows.iter().zip(&mut given).map(value).collect();
        values.push(Value::Array(kind.array(), Some(Box::new(array))));
    }
    arrays.push(format!("CAST(${} AS bigint[])", columns.len() + 1));
    let given = given.into_iter().map(Value::from).collect();
    values.push(Value::Array(ArrayType::BigInt, Some(Box::new(given))));
    let names: Vec<&str> = columns.iter().map(IdenStatic::as_str).collect();
    let source = format!(
        "SELECT {} FROM UNNEST({}) WITH ORDINALITY AS batch ({}, given, ordinality) ORDER BY ordinality",
        fields.join(", "),
        arrays.join(", "),
        names.join(", "),
    );
    (source, values)
}

/// A value that is not null, as its array holds it.
fn present(value: Value) -> Option<Value> {
    match value {
        Value::Int(value) => Some(i64::from(value?).into()),
        Value::Bool(Some(_))
        | Value::BigInt(Some(_))
        | Value::Double(Some(_))
        | Value::String(Some(_))
        | Value::Uuid(Some(_))
        | Value::ChronoDateTimeUtc(Some(_))
        | Value::Bytes(Some(_)) => Some(value),
        // No entity has a column of another type.
        _ => None,
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::Time => "timestamptz",
            Self::Bool => "boolean",
            Self::Integer => "bigint",
            Self::Double => "double precision",
            Self::Bytes => "bytea",
        }
    }

    fn array(self) -> ArrayType {
        match self {
            Self::Uuid => ArrayType::Uuid,
            Self::Text => ArrayType::String,
            Self::Time => ArrayType::ChronoDateTimeUtc,
            Self::Bool => ArrayType::Bool,
            Self::Integer => ArrayType::BigInt,
            Self::Double => ArrayType::Double,
            Self::Bytes => ArrayType::Bytes,
        }
    }

    /// What stands where nothing is.
    fn any(self) -> Value {
        match self {
            Self::Uuid => Uuid::nil().into(),
            Self::Text => "".into(),
            Self::Time => DateTime::<Utc>::UNIX_EPOCH.into(),
            Self::Bool => false.into(),
            Self::Integer => 0_i64.into(),
            Self::Double => 0.0_f64.into(),
            Self::Bytes => Vec::<u8>::new().into(),
        }
    }
}
