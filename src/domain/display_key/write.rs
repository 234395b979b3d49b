//! Who changes a display key: each in one write transaction of its own, under the writer's lock.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use entity::display_key;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{Binding, DisplayKeyError, LONGEST_OPERATION, Minted, read, secret};
use crate::domain::batch;
use crate::domain::bulk::{self, Existing};
use crate::domain::database::Database;

/// The longest name of a key, in characters.
const LONGEST_NAME: usize = 100;
/// How exactly it is known when a key was last used.
pub const USED_WITHIN: TimeDelta = TimeDelta::minutes(1);

/// Makes a key.
///
/// # Errors
/// The name is taken or unfit, or the database is away.
pub async fn add(
    database: &Database,
    binding: Binding,
    now: DateTime<Utc>,
) -> Result<Minted, DisplayKeyError> {
    let refused = |why: String| Err(DisplayKeyError::Refused(why));
    let name = &binding.name;
    if name.trim().is_empty() || name.trim() != name || name.chars().any(char::is_control) {
        return refused(
            "a display key's name is neither empty nor begins or ends with a space".to_owned(),
        );
    }
    if name.chars().count() > LONGEST_NAME {
        return refused(format!(
            "a display key's name has at most {LONGEST_NAME} characters"
        ));
    }
    let texts = [
        &binding.operation,
        &binding.variables,
        &binding.free_variables,
        &binding.claims,
    ];
    if texts.iter().any(|text| text.len() > LONGEST_OPERATION) {
        return refused(format!(
            "the operation, the variables and the claims have at most {LONGEST_OPERATION} bytes each"
        ));
    }
    if texts.iter().any(|text| text.contains('\0')) {
        return refused("the operation and its variables hold no NUL".to_owned());
    }
    let id = Uuid::new_v4().simple().to_string();
    let (key, secret_hash) = secret(&id)?;
    let transaction = batch::begin(database).await?;
    if let Some(held) = read::by_reference(&transaction, name).await? {
        let why = format!(
            "there is a display key `{}` already: revoke it first",
            held.name
        );
        return refused(why);
    }
    let row = display_key::Model {
        id,
        name: binding.name,
        secret_hash,
        operation: binding.operation,
        variables: binding.variables,
        free_variables: binding.free_variables,
        claims: binding.claims,
        created_at: now.trunc_subsecs(6),
        revoked_at: None,
        last_used_at: None,
    };
    let rows = std::slice::from_ref(&row);
    bulk::write::<display_key::Entity>(&transaction, rows, &[], Existing::Keep).await?;
    transaction.commit().await?;
    Ok(Minted { row, key })
}

/// Revokes a key: what it runs ends within seconds, on every node.
///
/// # Errors
/// There is no such good key, or the database is away.
pub async fn revoke(
    database: &Database,
    reference: &str,
    now: DateTime<Utc>,
) -> Result<display_key::Model, DisplayKeyError> {
    let transaction = batch::begin(database).await?;
    let Some(held) = read::by_reference(&transaction, reference).await? else {
        return Err(DisplayKeyError::Refused(format!(
            "there is no display key `{reference}` that is good"
        )));
    };
    let row = display_key::Model {
        revoked_at: Some(now.trunc_subsecs(6)),
        ..held
    };
    let rows = std::slice::from_ref(&row);
    bulk::write::<display_key::Entity>(&transaction, rows, &[], Existing::Replace).await?;
    transaction.commit().await?;
    Ok(row)
}

/// Notes that a key was used, unless that was noted a moment ago.
///
/// # Errors
/// The database is away.
pub async fn touch(
    database: &Database,
    id: &str,
    now: DateTime<Utc>,
) -> Result<(), DisplayKeyError> {
    let transaction = batch::begin(database).await?;
    let is_old = Condition::any()
        .add(display_key::Column::LastUsedAt.is_null())
        .add(display_key::Column::LastUsedAt.lt(now - USED_WITHIN));
    display_key::Entity::update_many()
        .col_expr(
            display_key::Column::LastUsedAt,
            Expr::value(now.trunc_subsecs(6)),
        )
        .filter(display_key::Column::Id.eq(id))
        .filter(is_old)
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}
