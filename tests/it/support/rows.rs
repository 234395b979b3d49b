//! All rows of a table as text, to be compared before and after.

use std::collections::BTreeMap;

use caretaker::domain::database::Database;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

/// What the fold computes: P1 and P2 speak of these.
pub const MODEL: [&str; 14] = [
    "property",
    "site",
    "building",
    "level",
    "zone",
    "incident",
    "task",
    "status_change",
    "note",
    "chase",
    "activity",
    "activity_link",
    "place_link",
    "quarantine",
];

/// The rows of the model by table, each as one text, sorted.
pub async fn model(database: &Database) -> anyhow::Result<BTreeMap<&'static str, Vec<String>>> {
    let mut tables = BTreeMap::new();
    for table in MODEL {
        tables.insert(table, of(database, table).await?);
    }
    Ok(tables)
}

pub async fn of(database: &Database, table: &str) -> anyhow::Result<Vec<String>> {
    // caretaker's own notices come when their time has come, whatever the calls are.
    let told = match table {
        "activity" => "WHERE kind NOT IN ('SLA_AT_RISK', 'SLA_BREACHED')",
        _ => "",
    };
    let sql = match database.backend() {
        DbBackend::Sqlite => {
            let columns = format!("SELECT name FROM pragma_table_info('{table}')");
            let columns: Vec<String> = texts(database, &columns)
                .await?
                .iter()
                .map(|name| format!("quote({name})"))
                .collect();
            format!(
                "SELECT {} FROM {table} {told} ORDER BY 1",
                columns.join(" || ' ' || ")
            )
        }
        _ => format!("SELECT t::text FROM {table} AS t {told} ORDER BY 1"),
    };
    texts(database, &sql).await
}

/// The first column of what `sql` gives.
pub async fn texts(database: &Database, sql: &str) -> anyhow::Result<Vec<String>> {
    let statement = Statement::from_string(database.backend(), sql);
    let rows = database.readers.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| Ok(row.try_get_by_index(0)?))
        .collect()
}
