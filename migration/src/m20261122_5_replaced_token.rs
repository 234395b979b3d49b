//! The refresh tokens that were replaced: only a token that stands here is known to be used again.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_5_replaced_token"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                "CREATE TABLE oauth_replaced_token (
                    token_hash {text} NOT NULL PRIMARY KEY,
                    family_hash {text} NOT NULL,
                    client_id {text} NOT NULL REFERENCES oauth_client (id) ON DELETE CASCADE,
                    replaced_at {time} NOT NULL
                ) {options}",
                "CREATE INDEX oauth_replaced_token_family ON oauth_replaced_token (family_hash)",
                "CREATE INDEX oauth_replaced_token_client ON oauth_replaced_token (client_id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["DROP TABLE oauth_replaced_token"]).await
    }
}
