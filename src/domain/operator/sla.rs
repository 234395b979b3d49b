//! The operator's word on deadlines: kept in the database, and all stored deadlines brought into line with it.

use entity::{IncidentId, incident, setting};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::domain::bulk::{self, Existing};
use crate::domain::database::Database;
use crate::domain::sla::{Deadlines, Rule};
use crate::domain::{batch, journal};

/// The setting that holds the rule that counts.
const RULE: &str = "sla_rule";
/// The setting that holds the rule by which the stored deadlines were last gone through.
const APPLIED: &str = "sla_rule_applied";
/// How many incidents one transaction goes through.
const PAGE: u64 = 1_000;

/// The rule that counts: the one that was imported last, else the default.
///
/// # Errors
/// What the database says.
pub async fn rule(connection: &impl ConnectionTrait) -> Result<Rule, DbErr> {
    let stored = journal::setting(connection, RULE).await?;
    Ok(stored.as_deref().and_then(read).unwrap_or_default())
}

/// Makes `rule` the one that counts. Gives whether another one did before.
///
/// # Errors
/// What the database says.
pub async fn import(connection: &impl ConnectionTrait, wanted: &Rule) -> Result<bool, DbErr> {
    if rule(connection).await? == *wanted {
        return Ok(false);
    }
    keep(connection, RULE, wanted).await?;
    Ok(true)
}

/// Brings the deadlines of all incidents into line with the rule that counts, unless they are; a page at a time, so that
/// the writer has its turn in between. What was interrupted begins anew at the next start.
///
/// # Errors
/// What the database says.
pub async fn bring_into_line(database: &Database) -> Result<(), DbErr> {
    let wanted = rule(&database.writer).await?;
    let applied = journal::setting(&database.writer, APPLIED).await?;
    if applied.as_deref().and_then(read).as_ref() == Some(&wanted) {
        return Ok(());
    }
    let mut after = None;
    loop {
        let transaction = batch::begin(database).await?;
        let wanted = rule(&transaction).await?;
        let rows = page(&transaction, after).await?;
        let changed: Vec<incident::Model> = rows
            .iter()
            .filter_map(|row| {
                let deadlines = Deadlines::of(row, &wanted);
                (deadlines != Deadlines::stored(row)).then(|| {
                    let mut row = row.clone();
                    deadlines.store(&mut row);
                    row
                })
            })
            .collect();
        bulk::write::<incident::Entity>(&transaction, &changed, &[], Existing::Replace).await?;
        after = rows.last().map(|row| row.id);
        if after.is_none() {
            keep(&transaction, APPLIED, &wanted).await?;
        }
        transaction.commit().await?;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn page(
    connection: &impl ConnectionTrait,
    after: Option<IncidentId>,
) -> Result<Vec<incident::Model>, DbErr> {
    let mut query = incident::Entity::find()
        .order_by_asc(incident::Column::Id)
        .limit(PAGE);
    if let Some(after) = after {
        query = query.filter(incident::Column::Id.gt(after));
    }
    query.all(connection).await
}

fn read(text: &str) -> Option<Rule> {
    serde_json::from_str(text).ok()
}

async fn keep(connection: &impl ConnectionTrait, name: &str, rule: &Rule) -> Result<(), DbErr> {
    let value = serde_json::to_string(rule).map_err(|error| DbErr::Custom(error.to_string()))?;
    let row = setting::Model {
        name: name.to_owned(),
        value,
    };
    bulk::write::<setting::Entity>(connection, &[row], &[], Existing::Replace).await
}
