//! Who hands out a refresh token, uses it up and takes tokens back.

use chrono::{DateTime, SubsecRound, Utc};
use entity::{oauth_client, oauth_refresh_token, oauth_replaced_token, oauth_revoked_token};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use secrecy::{ExposeSecret, SecretString};

use super::{found, store};
use crate::domain::batch;
use crate::domain::bulk::{self, Existing};
use crate::domain::database::Database;
use crate::domain::oauth::token::KEPT_AFTER;
use crate::domain::oauth::{Minted, OauthError, RefreshHash, read, refresh_token};
use crate::domain::secret::same;

/// How many replacements of one refresh token may wait for their first use. Each repeat of a request whose answer was
/// lost makes one more; the oldest goes.
const MOST_PENDING: usize = 8;
/// How many replaced tokens of a family are known as such: those of more than a day, where a token is used every quarter
/// of an hour. An older one is refused as any unknown text is, without an alarm.
const MOST_REPLACED: usize = 128;

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

/// Gives a client a refresh token of a new family. That answers an alarm, if there was one.
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
    let client = oauth_client::Model {
        replayed_at: None,
        ..client
    };
    store(&transaction, &client).await?;
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
    // What is none of the client's keeps no writer waiting.
    let readers = &database.readers;
    if matches!(look(readers, client_id, &shown).await?, Shown::Unknown) {
        return Ok(Refreshed::Unknown);
    }
    let transaction = batch::begin(database).await?;
    let Some(client) = read::by_id(&transaction, client_id).await? else {
        return Ok(Refreshed::Unknown);
    };
    let (used, others) = match look(&transaction, client_id, &shown).await? {
        Shown::Good(used, others) => (used, others),
        Shown::Replaced if client.rotates => {
            end_family(&transaction, client_id, &shown.family).await?;
            alarm(&transaction, client, now).await?;
            transaction.commit().await?;
            return Ok(Refreshed::Replayed);
        }
        Shown::Replaced | Shown::Unknown => return Ok(Refreshed::Unknown),
    };
    if used.is_pending {
        // Its first use replaces the one before. The other replacements of that one were never used: they go, and
        // whoever holds one has done nothing wrong.
        end(&transaction, &others).await?;
        let before = others.into_iter().filter(|row| !row.is_pending);
        keep_replaced(&transaction, &shown.family, before.collect(), now).await?;
    } else {
        // Newest first: what is over the limit, less one for the one to come, goes.
        let pending = others.into_iter().filter(|row| row.is_pending);
        let over: Vec<_> = pending.skip(MOST_PENDING - 1).collect();
        end(&transaction, &over).await?;
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

/// What a refresh token that was shown is to a client.
enum Shown {
    /// Good, and the others of its family that are.
    Good(oauth_refresh_token::Model, Vec<oauth_refresh_token::Model>),
    /// Good once: its replacement was used since.
    Replaced,
    /// Nothing that is known, whatever family it claims.
    Unknown,
}

async fn look(
    connection: &impl ConnectionTrait,
    client_id: &str,
    shown: &RefreshHash,
) -> Result<Shown, DbErr> {
    let is_shown = |hash: &str| bool::from(same(hash.as_bytes(), shown.token.as_bytes()));
    let mut rows = read::family(connection, client_id, &shown.family).await?;
    if let Some(at) = rows.iter().position(|row| is_shown(&row.token_hash)) {
        return Ok(Shown::Good(rows.remove(at), rows));
    }
    let replaced = read::replaced(connection, client_id, &shown.family).await?;
    if replaced.iter().any(|row| is_shown(&row.token_hash)) {
        return Ok(Shown::Replaced);
    }
    Ok(Shown::Unknown)
}

/// Tells the operators, now and in the list of clients, until they give the client a new token.
async fn alarm(
    transaction: &impl ConnectionTrait,
    client: oauth_client::Model,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    tracing::error!(
        client = client.name,
        client_id = client.id,
        "a refresh token was used after its replacement was: it may be stolen. All tokens of its family are \
         revoked; give the client a new one with `caretaker oauth refresh-token issue`"
    );
    let client = oauth_client::Model {
        replayed_at: Some(now.trunc_subsecs(6)),
        ..client
    };
    store(transaction, &client).await
}

async fn end(
    transaction: &impl ConnectionTrait,
    rows: &[oauth_refresh_token::Model],
) -> Result<(), DbErr> {
    let hashes = rows.iter().map(|row| row.token_hash.as_str());
    oauth_refresh_token::Entity::delete_many()
        .filter(oauth_refresh_token::Column::TokenHash.is_in(hashes))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Keeps what was replaced, and of the family no more than the latest.
async fn keep_replaced(
    transaction: &impl ConnectionTrait,
    family: &str,
    rows: Vec<oauth_refresh_token::Model>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for row in rows {
        let known = read::replaced(transaction, &row.client_id, family).await?;
        let over = known.iter().skip(MOST_REPLACED - 1);
        oauth_replaced_token::Entity::delete_many()
            .filter(
                oauth_replaced_token::Column::TokenHash
                    .is_in(over.map(|row| row.token_hash.as_str())),
            )
            .exec(transaction)
            .await?;
        let row = oauth_replaced_token::Model {
            token_hash: row.token_hash,
            family_hash: row.family_hash,
            client_id: row.client_id,
            replaced_at: now.trunc_subsecs(6),
        };
        bulk::write::<oauth_replaced_token::Entity>(transaction, &[row], &[], Existing::Replace)
            .await?;
    }
    Ok(())
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
    let readers = &database.readers;
    if read::family(readers, client_id, &shown.family)
        .await?
        .is_empty()
    {
        return Ok(false);
    }
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
    if read::is_revoked(&database.readers, jti).await? {
        return Ok(());
    }
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
    oauth_replaced_token::Entity::delete_many()
        .filter(oauth_replaced_token::Column::FamilyHash.eq(family))
        .filter(oauth_replaced_token::Column::ClientId.eq(client_id))
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
