//! Rows compared column by column: what a replay and a rebuild show of what they change.

use std::collections::BTreeMap;

use sea_orm::{EntityTrait, IdenStatic, Iterable, ModelTrait, Value};
use serde_json::Value as Json;
use uuid::Uuid;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowVerdict {
    /// It is new.
    Added,
    /// It has other values.
    Changed,
    /// It is gone.
    Removed,
}

/// One column of a row that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// The column.
    pub field: &'static str,
    /// The value before; null when there was none.
    pub from: Json,
    /// The value after; null when there is none.
    pub to: Json,
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChange {
    /// The table.
    pub table: &'static str,
    /// The key of the row.
    pub id: Uuid,
    /// What became of it.
    pub verdict: RowVerdict,
    /// The columns that differ.
    pub fields: Vec<FieldChange>,
}

/// A row as its columns.
pub type Columns = BTreeMap<&'static str, Json>;

/// The columns of a row; nulls are left out.
pub fn columns<E: EntityTrait>(row: &E::Model) -> Columns {
    let told = E::Column::iter().map(|column| (column.as_str(), json(row.get(column))));
    told.filter(|(_, value)| !value.is_null()).collect()
}

/// The value of the column `id`; all tables of the model have one.
pub fn id<E: EntityTrait>(row: &E::Model) -> Uuid {
    let column = E::Column::iter().find(|column| column.as_str() == "id");
    match column.map(|column| row.get(column)) {
        Some(Value::Uuid(Some(id))) => id,
        _ => Uuid::nil(),
    }
}

/// What differs between a row before and after; none when nothing does.
pub fn change(
    table: &'static str,
    id: Uuid,
    before: Option<&Columns>,
    after: Option<&Columns>,
) -> Option<RowChange> {
    let verdict = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => RowVerdict::Added,
        (Some(_), None) => RowVerdict::Removed,
        (Some(_), Some(_)) => RowVerdict::Changed,
    };
    let value = |row: Option<&Columns>, field| {
        let value = row.and_then(|row| row.get(field));
        value.cloned().unwrap_or(Json::Null)
    };
    let mut names: Vec<&'static str> = [before, after]
        .into_iter()
        .flatten()
        .flat_map(|row| row.keys().copied())
        .collect();
    names.sort_unstable();
    names.dedup();
    let fields: Vec<FieldChange> = names
        .into_iter()
        .map(|field| FieldChange {
            field,
            from: value(before, field),
            to: value(after, field),
        })
        .filter(|change| change.from != change.to)
        .collect();
    if fields.is_empty() {
        return None;
    }
    Some(RowChange {
        table,
        id,
        verdict,
        fields,
    })
}

/// A value as JSON; bytes, which no such table holds, as null.
pub(super) fn json(value: Value) -> Json {
    match value {
        Value::Bool(Some(value)) => value.into(),
        Value::Int(Some(value)) => value.into(),
        Value::BigInt(Some(value)) => value.into(),
        Value::Double(Some(value)) => value.into(),
        Value::Uuid(Some(value)) => value.to_string().into(),
        Value::ChronoDateTimeUtc(Some(value)) => value
            .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
            .into(),
        Value::String(Some(text)) => text.into(),
        _ => Json::Null,
    }
}
