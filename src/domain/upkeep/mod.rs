//! What is kept beside the facts and follows from them, brought into line where it is not: after an upgrade that keeps
//! more, where the operator decides otherwise, and for what an older release writes beside this one. Always a page in a
//! transaction of its own, which keeps how far it came: the writer has its turn in between, an end at any time costs one
//! page, and servers that do it at once share it.

pub mod incident;
mod older;
mod portion;
mod words;

use chrono::{DateTime, Utc};
use sea_orm::DbErr;

use super::database::Database;

/// Brings a page of each kind into line. Gives whether there is more.
///
/// # Errors
/// What the database says of one of them; the others are done all the same.
pub async fn step(database: &Database, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let words = words::bring_into_line(database).await;
    let incidents = incident::bring_into_line(database, now).await;
    let older = older::heal(database, now).await;
    let is_more = [words?, incidents?, older?];
    Ok(is_more.contains(&true))
}
