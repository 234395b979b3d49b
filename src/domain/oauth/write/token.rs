//! Who hands out a refresh token, uses it up and takes tokens back.

use chrono::{DateTime, SubsecRound, Utc};
use entity::{oauth_client, oauth_refresh_token, oauth_revoked_token};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use secrecy::{ExposeSecret, SecretString};

use super::{found, store};
use crate::domain::batch;
use crate::domain::bulk::{self, Existing};
use crate::domain::database::Database;
use crate::domain::oauth::token::KEPT_AFTER;
use crate::domain::oauth::{Minted, OauthError, RefreshHash, read, refresh_token, same};

/// How many replacements of one refresh token may wait for their first use. Each repeat of a request whose answer was
/// lost makes one more; the oldest goes.
const MOST_PENDING: usize = 8;
/// What became of a refresh token that was shown.
#[derive(Debug)]
pub enum Refreshed {
    /// It is good.
    Good {
        /// The family, for the access token.
        family: String,
        /// The one that replaces it, where the client's tokens are replaced.
        next: Option<SecretString>,
    },
    /// It is none of the client's.
    Unknown,
    /// It had been replaced, and its replacement was used: the family is ended.
    Replayed,
}

/// Gives a client a refresh token of a new family.
///
/// # Errors
/// There is no such client, or the database is away.
pub async fn issue_refresh_token(
    database: &Database,
    reference: &str,
    now: DateTime<Utc>,
) -> Result<Minted, OauthError> {
    let secret = refresh_token(None)?;
    let transaction = batch::begin(database).await?;
    let client = found(&transaction, reference).await?;
    if let Some(row) = row(&secret, &client.id, false, now) {
        store_token(&transaction, &row).await?;
    }
    transaction.commit().await?;
    Ok(Minted { client, secret })
}

/// Uses a refresh token of the client.
///
/// # Errors
/// The database is away.
pub async fn use_refresh_token(
    database: &Database,
    client_id: &str,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Refreshed, OauthError> {
    let Some(shown) = RefreshHash::of(token) else {
        return Ok(Refreshed::Unknown);
    };
    let transaction = batch::begin(database).await?;
    let Some(client) = read::by_id(&transaction, client_id).await? else {
        return Ok(Refreshed::Unknown);
    };
    let rows = read::family(&transaction, client_id, &shown.family).await?;
    if rows.is_empty() {
        return Ok(Refreshed::Unknown);
    }
    let is_shown =
        |row: &oauth_refresh_token::Model| bool::from(same(&row.token_hash, &shown.token));
    let Some(used) = rows.iter().find(|row| is_shown(row)).cloned() else {
        end_family(&transaction, client_id, &shown.family).await?;
        let client = oauth_client::Model {
            replayed_at: Some(now.trunc_subsecs(6)),
            ..client
        };
        store(&transaction, &client).await?;
        transaction.commit().await?;
        tracing::error!(
            client = client.name,
            client_id,
            "a refresh token was used after its replacement was: it may be stolen. All tokens of its family are \
             revoked; give the client a new one with `caretaker oauth refresh-token issue`"
        );
        return Ok(Refreshed::Replayed);
    };
    // Its first use ends the one that it replaces, and the other replacements of that one.
    let ended: Vec<&oauth_refresh_token::Model> = if used.is_pending {
        rows.iter().filter(|row| !is_shown(row)).collect()
    } else {
        // Newest first: what is over the limit, less one for the one to come, goes.
        let pending = rows.iter().filter(|row| row.is_pending);
        pending.skip(MOST_PENDING - 1).collect()
    };
    for row in ended {
        oauth_refresh_token::Entity::delete_by_id(row.token_hash.clone())
            .exec(&transaction)
            .await?;
    }
    let used = oauth_refresh_token::Model {
        is_pending: false,
        used_at: Some(now.trunc_subsecs(6)),
        ..used
    };
    store_token(&transaction, &used).await?;
    let mut next = None;
    if client.rotates {
        let token = refresh_token(Some(token))?;
        if let Some(row) = row(&token, client_id, true, now) {
            store_token(&transaction, &row).await?;
        }
        next = Some(token);
    }
    transaction.commit().await?;
    Ok(Refreshed::Good {
        family: shown.family,
        next,
    })
}

/// Ends the family of a refresh token, if it is the client's. Gives whether there was one.
///
/// # Errors
/// The database is away.
pub async fn revoke_refresh_token(
    database: &Database,
    client_id: &str,
    token: &str,
) -> Result<bool, OauthError> {
    let Some(shown) = RefreshHash::of(token) else {
        return Ok(false);
    };
    let transaction = batch::begin(database).await?;
    let ended = end_family(&transaction, client_id, &shown.family).await?;
    transaction.commit().await?;
    Ok(ended > 0)
}

/// Ends an access token before its time.
///
/// # Errors
/// The database is away.
pub async fn revoke_access_token(
    database: &Database,
    jti: &str,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), OauthError> {
    let transaction = batch::begin(database).await?;
    oauth_revoked_token::Entity::delete_many()
        .filter(oauth_revoked_token::Column::ExpiresAt.lt(now - KEPT_AFTER))
        .exec(&transaction)
        .await?;
    let row = oauth_revoked_token::Model {
        id: jti.to_owned(),
        expires_at,
    };
    bulk::write::<oauth_revoked_token::Entity>(&transaction, &[row], &[], Existing::Keep).await?;
    transaction.commit().await?;
    Ok(())
}

async fn end_family(
    transaction: &impl ConnectionTrait,
    client_id: &str,
    family: &str,
) -> Result<u64, DbErr> {
    let ended = oauth_refresh_token::Entity::delete_many()
        .filter(oauth_refresh_token::Column::FamilyHash.eq(family))
        .filter(oauth_refresh_token::Column::ClientId.eq(client_id))
        .exec(transaction)
        .await?;
    Ok(ended.rows_affected)
}

async fn store_token(
    transaction: &impl ConnectionTrait,
    row: &oauth_refresh_token::Model,
) -> Result<(), DbErr> {
    let rows = std::slice::from_ref(row);
    bulk::write::<oauth_refresh_token::Entity>(transaction, rows, &[], Existing::Replace).await
}

fn row(
    token: &SecretString,
    client_id: &str,
    is_pending: bool,
    now: DateTime<Utc>,
) -> Option<oauth_refresh_token::Model> {
    let RefreshHash { family, token } = RefreshHash::of(token.expose_secret())?;
    Some(oauth_refresh_token::Model {
        token_hash: token,
        family_hash: family,
        client_id: client_id.to_owned(),
        is_pending,
        issued_at: now.trunc_subsecs(6),
        used_at: None,
    })
}
