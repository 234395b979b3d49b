//! Who changes a client or a token: each in one write transaction of its own, under the writer's lock.

mod token;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use entity::{Source, oauth_client};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

pub use token::{
    Refreshed, issue_refresh_token, revoke_access_token, revoke_refresh_token, use_refresh_token,
};

use super::{Minted, OauthError, SECRET_BYTES, hash, random, read};
use crate::domain::batch;
use crate::domain::bulk::{self, Existing};
use crate::domain::database::Database;

/// The longest name of a client, in characters.
const LONGEST_NAME: usize = 100;

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

fn secret() -> Result<SecretString, OauthError> {
    let bytes = random::<SECRET_BYTES>()?;
    Ok(SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}
