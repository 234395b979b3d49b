//! Table `oauth_revoked_token`: access tokens that were given back before their end; a row goes once its token is over.

use sea_orm::entity::prelude::*;

/// One row of `oauth_revoked_token`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_revoked_token")]
pub struct Model {
    /// The token's `jti`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// When it would have ended.
    pub expires_at: DateTimeUtc,
}

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
