//! Set-based SQL: any number of keys or rows in one prepared statement, on both engines.
//!
//! The statement is the same for every batch size, and its columns come from the entity. Rows travel as one array for
//! each column (PostgreSQL, `postgres`), or as one JSON text (SQLite, `sqlite`).

mod keys;
mod postgres;
mod sqlite;

use entity::{Cells, Stored};
use sea_orm::sea_query::ColumnType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, Iden, IdenStatic, Iterable,
    PrimaryKeyToColumn, Statement,
};

pub use self::keys::{Keys, place_keys};

/// The rows of `E` (alias `t`) for which `predicate` holds; `{0}`, `{1}`, … in it stand for the key sets.
///
/// # Errors
/// What the database says.
pub async fn rows<E: Stored>(
    connection: &impl ConnectionTrait,
    predicate: &str,
    keys: &[Keys<'_>],
) -> Result<Vec<E::Model>, DbErr> {
    let backend = connection.get_database_backend();
    let mut sql = format!(
        "SELECT {} FROM {} AS t WHERE ",
        E::COLUMNS.join(", "),
        E::default().table_name()
    );
    let values = place_keys(&mut sql, predicate, keys, backend);
    let rows = connection
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    rows.iter().map(|row| E::read(row, Cells::all())).collect()
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
    let (source, values) = match backend {
        DbBackend::Sqlite => sqlite::source::<E>(&columns, rows),
        _ => postgres::source::<E>(&columns, rows),
    };
    let names: Vec<&str> = columns.iter().map(IdenStatic::as_str).collect();
    let table = E::default();
    let sql = format!(
        "INSERT INTO {} ({}) {source} {}",
        table.table_name(),
        names.join(", "),
        on_conflict::<E>(&names, existing)
    );
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
}
