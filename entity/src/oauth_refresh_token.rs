//! Table `oauth_refresh_token`: the refresh tokens that are good now, hashed. One that was replaced stands in
//! `oauth_replaced_token`.

use sea_orm::entity::prelude::*;

/// One row of `oauth_refresh_token`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_refresh_token")]
pub struct Model {
    /// SHA-256 of the token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    /// SHA-256 of the part that it shares with every token that replaced it or that it replaced.
    pub family_hash: String,
    /// Whose it is.
    pub client_id: String,
    /// Whether it was handed out in exchange for another one and has not been used yet.
    pub is_pending: bool,
    /// When it was handed out.
    pub issued_at: DateTimeUtc,
    /// When it was last used.
    pub used_at: Option<DateTimeUtc>,
}

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
