//! Set-based SQL: any number of keys or rows in one prepared statement, on both engines.
//!
//! Rows travel as one text parameter per column (PostgreSQL: array literals through UNNEST) or one JSON text
//! (SQLite: `json_each`), so the statement is the same for every batch size. The columns come from the entity.

use std::fmt::Write as _;

use sea_orm::sea_query::{ArrayType, ColumnType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, Iden, IdenStatic,
    Iterable, ModelTrait, PrimaryKeyToColumn, Statement, Value,
};
use uuid::Uuid;

/// The rows of `E` (alias `t`) for which `predicate` holds; `{0}`, `{1}`, … in it stand for the key sets.
///
/// # Errors
/// What the database says.
pub async fn rows<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    predicate: &str,
    keys: &[Keys<'_>],
) -> Result<Vec<E::Model>, DbErr> {
    let backend = connection.get_database_backend();
    let columns: Vec<&str> = E::Column::iter().map(|column| column.as_str()).collect();
    let mut sql = format!(
        "SELECT {} FROM {} AS t WHERE ",
        columns.join(", "),
        E::default().table_name()
    );
    let values = place_keys(&mut sql, predicate, keys, backend);
    let rows = connection
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    rows.iter()
        .map(|row| E::Model::from_query_result(row, ""))
        .collect()
}

/// A set of keys for a statement.
#[derive(Clone, Copy, Debug)]
pub enum Keys<'a> {
    /// Uuids.
    Uuids(&'a [Uuid]),
    /// Texts.
    Texts(&'a [String]),
}

/// Appends `predicate` to `sql` with each `{0}`, `{1}`, … replaced by a sub-select of that key set.
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
        let key = match keys {
            Keys::Uuids(_) => "unhex(value, '-')",
            Keys::Texts(_) => "value",
        };
        let set = match backend {
            DbBackend::Sqlite => format!("(SELECT {key} FROM json_each(?{parameter}))"),
            _ => format!("(SELECT unnest(${parameter}))"),
        };
        predicate = predicate.replace(&format!("{{{index}}}"), &set);
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
    let mut list = List::new(DbBackend::Sqlite);
    match keys {
        Keys::Uuids(uuids) => uuids
            .iter()
            .for_each(|uuid| list.push(Some(&uuid.to_string()))),
        Keys::Texts(texts) => texts.iter().for_each(|text| list.push(Some(text))),
    }
    list.close()
}

/// A PostgreSQL array literal or a JSON array of strings.
struct List {
    text: String,
    close: char,
    json: bool,
}

impl List {
    fn new(backend: DbBackend) -> Self {
        let json = backend == DbBackend::Sqlite;
        let (open, close) = if json { ('[', ']') } else { ('{', '}') };
        Self {
            text: String::from(open),
            close,
            json,
        }
    }

    fn push(&mut self, element: Option<&str>) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        match element {
            None => self.text.push_str(if self.json { "null" } else { "NULL" }),
            Some(element) if self.json => json_string(&mut self.text, element),
            Some(element) => {
                self.text.push('"');
                for character in element.chars() {
                    if matches!(character, '"' | '\\') {
                        self.text.push('\\');
                    }
                    self.text.push(character);
                }
                self.text.push('"');
            }
        }
    }

    fn close(mut self) -> String {
        self.text.push(self.close);
        self.text
    }
}

fn json_string(text: &mut String, element: &str) {
    text.push_str(&serde_json::to_string(element).unwrap_or_default());
}

/// What a column holds, as far as the statements differ by it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Uuid,
    Text,
    Time,
    Bool,
    Integer,
    Double,
    Bytes,
}

impl Kind {
    fn of(column: impl ColumnTrait) -> Self {
        match column.def().get_column_type() {
            ColumnType::Uuid => Self::Uuid,
            ColumnType::TimestampWithTimeZone => Self::Time,
            ColumnType::Boolean => Self::Bool,
            ColumnType::Integer | ColumnType::BigInteger => Self::Integer,
            ColumnType::Double => Self::Double,
            ColumnType::VarBinary(_) | ColumnType::Binary(_) | ColumnType::Blob => Self::Bytes,
            _ => Self::Text,
        }
    }

    fn postgres(self) -> &'static str {
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
}

/// What happens to rows that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// They take the new values.
    Replace,
    /// They stay as they are.
    Keep,
}

/// Writes `rows` in their order, one statement. Columns named in `generated` are left to the database.
///
/// # Errors
/// What the database says.
pub async fn write<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    rows: &[E::Model],
    generated: &[&str],
    existing: Existing,
) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let backend = connection.get_database_backend();
    let columns: Vec<E::Column> = E::Column::iter()
        .filter(|column| !generated.contains(&column.as_str()))
        .collect();
    let source = match backend {
        DbBackend::Sqlite => sqlite_source(&columns),
        _ => postgres_source(&columns),
    };
    let names: Vec<&str> = columns.iter().map(IdenStatic::as_str).collect();
    let table = E::default();
    let sql = format!(
        "INSERT INTO {} ({}) {source} {}",
        table.table_name(),
        names.join(", "),
        on_conflict::<E>(&names, existing)
    );
    let values: Vec<Value> = match backend {
        DbBackend::Sqlite => vec![sqlite_rows::<E>(&columns, rows).into()],
        _ => columns
            .iter()
            .map(|column| postgres_column::<E>(*column, rows).into())
            .collect(),
    };
    connection
        .execute_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    Ok(())
}

fn on_conflict<E: EntityTrait>(names: &[&str], existing: Existing) -> String {
    let keys: Vec<String> = E::PrimaryKey::iter()
        .map(|key| Iden::to_string(&key.into_column()))
        .collect();
    let updates: Vec<String> = names
        .iter()
        .filter(|name| !keys.iter().any(|key| key == *name))
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    match existing {
        Existing::Replace if !updates.is_empty() => {
            format!(
                "ON CONFLICT ({}) DO UPDATE SET {}",
                keys.join(", "),
                updates.join(", ")
            )
        }
        _ => "ON CONFLICT DO NOTHING".to_owned(),
    }
}

fn postgres_source(columns: &[impl ColumnTrait]) -> String {
    let names: Vec<&str> = columns.iter().map(IdenStatic::as_str).collect();
    let arrays: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            format!("CAST(${} AS {}[])", index + 1, Kind::of(*column).postgres())
        })
        .collect();
    format!(
        "SELECT {names} FROM UNNEST({}) WITH ORDINALITY AS batch ({names}, ordinality) ORDER BY ordinality",
        arrays.join(", "),
        names = names.join(", "),
    )
}

fn sqlite_source(columns: &[impl ColumnTrait]) -> String {
    let fields: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| match Kind::of(*column) {
            Kind::Uuid | Kind::Bytes => format!("unhex(value ->> {index}, '-')"),
            _ => format!("value ->> {index}"),
        })
        .collect();
    // Without a WHERE, SQLite would read ON CONFLICT as a join condition.
    format!(
        "SELECT {} FROM json_each(?1) WHERE true ORDER BY key",
        fields.join(", ")
    )
}

fn postgres_column<E: EntityTrait>(column: E::Column, rows: &[E::Model]) -> String {
    let mut list = List::new(DbBackend::Postgres);
    for row in rows {
        list.push(text(row.get(column), "\\x").as_deref());
    }
    list.close()
}

fn sqlite_rows<E: EntityTrait>(columns: &[E::Column], rows: &[E::Model]) -> String {
    let kinds: Vec<Kind> = columns.iter().map(|column| Kind::of(*column)).collect();
    let mut json = String::from("[");
    for (index, row) in rows.iter().enumerate() {
        json.push_str(if index == 0 { "[" } else { ",[" });
        for (index, (column, kind)) in columns.iter().zip(&kinds).enumerate() {
            if index > 0 {
                json.push(',');
            }
            match (text(row.get(*column), ""), kind) {
                (None, _) => json.push_str("null"),
                (Some(value), Kind::Integer | Kind::Double | Kind::Bool) => json.push_str(&value),
                (Some(value), _) => json_string(&mut json, &value),
            }
        }
        json.push(']');
    }
    json.push(']');
    json
}

/// A value as both engines read it from text; null stays null.
fn text(value: Value, bytes_prefix: &str) -> Option<String> {
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
            let mut text = String::with_capacity(bytes_prefix.len() + bytes.len() * 2);
            text.push_str(bytes_prefix);
            for byte in bytes {
                // Writing into a String cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text
        }),
        // No entity has a column of another type; a test writes and reads a row of every table.
        _ => None,
    }
}
