//! Table `oauth_replaced_token`: refresh tokens whose replacement was used, hashed; the latest of each family. Who shows
//! one of these has kept it, or has it from somebody.

use sea_orm::entity::prelude::*;

/// One row of `oauth_replaced_token`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_replaced_token")]
pub struct Model {
    /// SHA-256 of the token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_hash: String,
    /// SHA-256 of the part that it shares with the token that replaced it.
    pub family_hash: String,
    /// Whose it was.
    pub client_id: String,
    /// When its replacement was first used.
    pub replaced_at: DateTimeUtc,
}

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
