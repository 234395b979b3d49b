//! The words by which things are found: made anew where they were made in another way, or not at all.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::portion::Portion;
use crate::domain::database::Database;
use crate::domain::search::document::Stale;
use crate::domain::{batch, journal};

/// The setting that says how the stored words were made, and how far.
const MADE: &str = "search_words";
/// How they are made now. Whoever changes how words are split and folded counts on: all are made anew then.
const VERSION: u32 = 1;
/// How many things of each kind one transaction goes through.
const PAGE: u64 = 500;

/// Makes the words of a page of what is stored, unless all of them were made in today's way. Gives whether there is more.
///
/// # Errors
/// What the database says; nothing is made then.
pub(super) async fn bring_into_line(database: &Database) -> Result<bool, DbErr> {
    let after = |made: Option<Made>| match made {
        Some(made) if made.version == VERSION => made.after,
        // A newer release beside this one goes on in its own way.
        Some(made) if made.version > VERSION => None,
        _ => Some([Some(Uuid::nil()); 4]),
    };
    let made = Made::read(&database.feed).await?;
    if after(made).is_none() {
        return Ok(false);
    }
    let transaction = batch::begin(database).await?;
    // Another server may have gone on meanwhile.
    let Some(mut after) = after(Made::read(&transaction).await?) else {
        transaction.rollback().await?;
        return Ok(false);
    };
    let mut pages: [BTreeSet<Uuid>; 4] = Default::default();
    let tables = ["building", "zone", "incident", "task"];
    for ((table, after), page) in std::iter::zip(tables, &mut after).zip(&mut pages) {
        if let Some(last) = *after {
            *page = ids_after(&transaction, table, last).await?;
            *after = page.last().copied();
        }
    }
    let [buildings, zones, incidents, tasks] = pages;
    let stale = Stale {
        buildings,
        zones,
        incidents,
        tasks,
    };
    Portion::words(&stale).bring_into_line(&transaction).await?;
    let is_more = after.iter().any(Option::is_some);
    let made = Made {
        version: VERSION,
        after: is_more.then_some(after),
    };
    let made = serde_json::to_string(&made).map_err(|error| DbErr::Custom(error.to_string()))?;
    journal::keep(&transaction, MADE, made).await?;
    transaction.commit().await?;
    Ok(is_more)
}

/// How far the words of what is stored were made.
#[derive(Debug, Serialize, Deserialize)]
struct Made {
    /// In which way.
    version: u32,
    /// Through which building, zone, incident and task, none where those are done; none when all are.
    after: Option<[Option<Uuid>; 4]>,
}

impl Made {
    async fn read(connection: &impl ConnectionTrait) -> Result<Option<Self>, DbErr> {
        let text = journal::setting(connection, MADE).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

async fn ids_after(
    connection: &impl ConnectionTrait,
    table: &str,
    last: Uuid,
) -> Result<BTreeSet<Uuid>, DbErr> {
    let backend = connection.get_database_backend();
    let first = match backend {
        DbBackend::Sqlite => "?1",
        _ => "$1",
    };
    let sql = format!("SELECT id FROM {table} WHERE id > {first} ORDER BY id LIMIT {PAGE}");
    let statement = Statement::from_sql_and_values(backend, sql, [last.into()]);
    let rows = connection.query_all_raw(statement).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
