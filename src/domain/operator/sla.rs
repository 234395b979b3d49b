//! The operator's word on deadlines, kept in the database. What is stored is brought into line with it by `upkeep`.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};

use crate::domain::sla::Rule;
use crate::domain::{journal, notice};

/// The setting that holds the rule that counts.
const RULE: &str = "sla_rule";

/// The rule that counts: the one that was imported last, else the default.
///
/// # Errors
/// What the database says.
pub async fn rule(connection: &impl ConnectionTrait) -> Result<Rule, DbErr> {
    let stored = journal::setting(connection, RULE).await?;
    let stored = stored.and_then(|text| serde_json::from_str(&text).ok());
    Ok(stored.unwrap_or_default())
}

/// Makes `rule` the one that counts. Gives whether another one did before.
///
/// # Errors
/// What the database says.
pub async fn import(
    connection: &impl ConnectionTrait,
    wanted: &Rule,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    if rule(connection).await? == *wanted {
        return Ok(false);
    }
    let value = serde_json::to_string(wanted).map_err(|error| DbErr::Custom(error.to_string()))?;
    journal::keep(connection, RULE, value).await?;
    notice::pass_over(connection, now).await?;
    Ok(true)
}
