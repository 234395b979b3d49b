//! Who changes a client or a token: each in one write transaction of its own, under the writer's lock.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use entity::{Source, oauth_client, oauth_refresh_token, oauth_revoked_token};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::{
    Minted, OauthError, RefreshHash, SECRET_BYTES, hash, random, read, refresh_token, same,
};
use crate::domain::batch;
use crate::domain::bulk::{self, Existing};
use crate::domain::database::Database;

/// How many replacements of one refresh token may wait for their first use. Each repeat of a request whose answer was
/// lost makes one more; the oldest goes.
const MOST_PENDING: usize = 8;
/// The longest name of a client, in characters.
const LONGEST_NAME: usize = 100;

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

/// Adds a client and gives its secret.
///
/// # Errors
/// The name is taken or unfit, or the database is away.
pub async fn add(
    database: &Database,
    name: &str,
    source: Source,
    rotates: bool,
    now: DateTime<Utc>,
) -> Result<Minted, OauthError> {
    if name.trim().is_empty() || name.trim() != name || name.chars().any(char::is_control) {
        let why = "a client's name is neither empty nor begins or ends with a space";
        return Err(OauthError::Refused(why.to_owned()));
    }
    if name.chars().count() > LONGEST_NAME {
        let why = format!("a client's name has at most {LONGEST_NAME} characters");
        return Err(OauthError::Refused(why));
    }
    let secret = secret()?;
    let transaction = batch::begin(database).await?;
    if read::by_reference(&transaction, name).await?.is_some() {
        return Err(OauthError::Refused(format!(
            "there is a client `{name}` already"
        )));
    }
    let client = oauth_client::Model {
        id: Uuid::new_v4().simple().to_string(),
        name: name.to_owned(),
        source,
        rotates,
        secret_hash: hash(secret.expose_secret().as_bytes()),
        previous_secret_hash: None,
        previous_secret_until: None,
        created_at: now.trunc_subsecs(6),
        replayed_at: None,
    };
    store(&transaction, &client).await?;
    transaction.commit().await?;
    Ok(Minted { client, secret })
}

/// Gives a client a new secret. The present one stays good for `grace`, or until it is dropped.
///
/// # Errors
/// There is no such client, or its secret before the present one is still good: it would end without a word.
pub async fn rotate(
    database: &Database,
    reference: &str,
    grace: Option<TimeDelta>,
    now: DateTime<Utc>,
) -> Result<Minted, OauthError> {
    let secret = secret()?;
    let transaction = batch::begin(database).await?;
    let held = found(&transaction, reference).await?;
    let is_over = held.previous_secret_until.is_some_and(|until| until <= now);
    if held.previous_secret_hash.is_some() && !is_over {
        let why = format!(
            "`{}` still has an old secret beside its present one: end that first with --drop-old",
            held.name
        );
        return Err(OauthError::Refused(why));
    }
    let client = oauth_client::Model {
        previous_secret_hash: Some(held.secret_hash),
        previous_secret_until: grace.map(|grace| (now + grace).trunc_subsecs(6)),
        secret_hash: hash(secret.expose_secret().as_bytes()),
        ..held
    };
    store(&transaction, &client).await?;
    transaction.commit().await?;
    Ok(Minted { client, secret })
}

/// Ends a client's secret before the present one. Gives whether there was one.
///
/// # Errors
/// There is no such client, or the database is away.
pub async fn drop_old(database: &Database, reference: &str) -> Result<bool, OauthError> {
    let transaction = batch::begin(database).await?;
    let held = found(&transaction, reference).await?;
    let was_there = held.previous_secret_hash.is_some();
    let client = oauth_client::Model {
        previous_secret_hash: None,
        previous_secret_until: None,
        ..held
    };
    store(&transaction, &client).await?;
    transaction.commit().await?;
    Ok(was_there)
}

/// Removes a client with its refresh tokens. Its access tokens end within seconds.
///
/// # Errors
/// There is no such client, or the database is away.
pub async fn remove(
    database: &Database,
    reference: &str,
) -> Result<oauth_client::Model, OauthError> {
    let transaction = batch::begin(database).await?;
    let client = found(&transaction, reference).await?;
    oauth_client::Entity::delete_by_id(client.id.clone())
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(client)
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
        .filter(oauth_revoked_token::Column::ExpiresAt.lt(now - super::token::KEPT_AFTER))
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

async fn found(
    transaction: &impl ConnectionTrait,
    reference: &str,
) -> Result<oauth_client::Model, OauthError> {
    let client = read::by_reference(transaction, reference).await?;
    client.ok_or_else(|| OauthError::Refused(format!("there is no client `{reference}`")))
}

async fn store(
    transaction: &impl ConnectionTrait,
    client: &oauth_client::Model,
) -> Result<(), DbErr> {
    let rows = std::slice::from_ref(client);
    bulk::write::<oauth_client::Entity>(transaction, rows, &[], Existing::Replace).await
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

fn secret() -> Result<SecretString, OauthError> {
    let bytes = random::<SECRET_BYTES>()?;
    Ok(SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}
