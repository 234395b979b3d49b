//! Table `oauth_client`: a sender that gets its access tokens from caretaker itself. Secrets stand here hashed only.

use crate::Source;
use sea_orm::entity::prelude::*;

/// One row of `oauth_client`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_client")]
pub struct Model {
    /// The `client_id`, made by caretaker.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The operator's name for it, which deliveries record.
    #[sea_orm(unique)]
    pub name: String,
    /// The platform whose webhooks it may call.
    pub source: Source,
    /// Whether its refresh tokens are replaced when they are used.
    pub rotates: bool,
    /// SHA-256 of its secret.
    pub secret_hash: String,
    /// SHA-256 of the secret before, while that one is still good.
    pub previous_secret_hash: Option<String>,
    /// When the secret before ends; null means: not until it is dropped.
    pub previous_secret_until: Option<DateTimeUtc>,
    /// When it was added.
    pub created_at: DateTimeUtc,
    /// When a refresh token of it was last used that had been replaced: somebody else may have it.
    pub replayed_at: Option<DateTimeUtc>,
}

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
