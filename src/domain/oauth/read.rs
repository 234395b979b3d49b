//! Reads of clients and tokens. Nothing here can bring a secret back.

use std::collections::HashMap;

use entity::{
    Source, oauth_client, oauth_refresh_token, oauth_replaced_token, oauth_revoked_token,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
};

use super::is_id;

/// A client as operators see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The client.
    pub client: oauth_client::Model,
    /// How many families of refresh tokens it has.
    pub refresh_tokens: usize,
}

/// All clients by name.
///
/// # Errors
/// What the database says.
pub async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Listed>, DbErr> {
    let clients = oauth_client::Entity::find()
        .order_by_asc(oauth_client::Column::Name)
        .all(connection)
        .await?;
    let current = oauth_refresh_token::Entity::find()
        .filter(oauth_refresh_token::Column::IsPending.eq(false))
        .all(connection)
        .await?;
    let mut counts: HashMap<String, usize> = HashMap::new();
    for token in current {
        *counts.entry(token.client_id).or_default() += 1;
    }
    let listed = clients.into_iter().map(|client| Listed {
        refresh_tokens: counts.get(&client.id).copied().unwrap_or_default(),
        client,
    });
    Ok(listed.collect())
}

/// The client of a `client_id`. A text that is none is not asked for.
///
/// # Errors
/// What the database says.
pub async fn by_id(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<oauth_client::Model>, DbErr> {
    if !is_id(id) {
        return Ok(None);
    }
    oauth_client::Entity::find_by_id(id.to_owned())
        .one(connection)
        .await
}

/// The names of the clients that may call a platform's webhooks.
///
/// # Errors
/// What the database says.
pub async fn names(
    connection: &impl ConnectionTrait,
    source: Source,
) -> Result<Vec<String>, DbErr> {
    let clients = oauth_client::Entity::find()
        .filter(oauth_client::Column::Source.eq(source))
        .order_by_asc(oauth_client::Column::Name)
        .all(connection)
        .await?;
    Ok(clients.into_iter().map(|client| client.name).collect())
}

/// The client that an operator means, by name or by `client_id`.
///
/// # Errors
/// What the database says.
pub async fn by_reference(
    connection: &impl ConnectionTrait,
    reference: &str,
) -> Result<Option<oauth_client::Model>, DbErr> {
    let either = Condition::any()
        .add(oauth_client::Column::Name.eq(reference))
        .add(oauth_client::Column::Id.eq(reference));
    oauth_client::Entity::find()
        .filter(either)
        .one(connection)
        .await
}

/// Whether the access token with this `jti` was given back.
///
/// # Errors
/// What the database says.
pub async fn is_revoked(connection: &impl ConnectionTrait, jti: &str) -> Result<bool, DbErr> {
    let row = oauth_revoked_token::Entity::find_by_id(jti.to_owned())
        .one(connection)
        .await?;
    Ok(row.is_some())
}

/// The refresh tokens of a family that are good now; only the client's own.
///
/// # Errors
/// What the database says.
pub async fn family(
    connection: &impl ConnectionTrait,
    client_id: &str,
    family: &str,
) -> Result<Vec<oauth_refresh_token::Model>, DbErr> {
    oauth_refresh_token::Entity::find()
        .filter(oauth_refresh_token::Column::FamilyHash.eq(family))
        .filter(oauth_refresh_token::Column::ClientId.eq(client_id))
        .order_by_desc(oauth_refresh_token::Column::IssuedAt)
        .order_by_asc(oauth_refresh_token::Column::TokenHash)
        .all(connection)
        .await
}

/// The refresh tokens of a family that were replaced, the latest first; only the client's own.
///
/// # Errors
/// What the database says.
pub async fn replaced(
    connection: &impl ConnectionTrait,
    client_id: &str,
    family: &str,
) -> Result<Vec<oauth_replaced_token::Model>, DbErr> {
    oauth_replaced_token::Entity::find()
        .filter(oauth_replaced_token::Column::FamilyHash.eq(family))
        .filter(oauth_replaced_token::Column::ClientId.eq(client_id))
        .order_by_desc(oauth_replaced_token::Column::ReplacedAt)
        .order_by_asc(oauth_replaced_token::Column::TokenHash)
        .all(connection)
        .await
}
