//! Table `display_key`: the key of a screen, bound to one stored operation. The secret stands here hashed only.

use sea_orm::entity::prelude::*;

/// One row of `display_key`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "display_key")]
pub struct Model {
    /// Its id, which the key names in the open.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The operator's name for it; unique among the keys that are not revoked.
    pub name: String,
    /// SHA-256 of its secret.
    pub secret_hash: String,
    /// The GraphQL document, with one operation.
    pub operation: String,
    /// The variables of the operation: a JSON object.
    pub variables: String,
    /// The variables that the screen may give itself, such as a cursor: a JSON array of names.
    pub free_variables: String,
    /// What it may see: the claims of a reader's token, a JSON object.
    pub claims: String,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it was revoked; null while it is good.
    pub revoked_at: Option<DateTimeUtc>,
    /// When it was last used, give or take a minute; null when never.
    pub last_used_at: Option<DateTimeUtc>,
}

/// No relation is declared: reads are planned and joined by key set, see `caretaker::domain`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
