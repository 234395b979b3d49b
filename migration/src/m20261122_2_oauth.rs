//! caretaker's own OAuth clients, their refresh tokens, and the access tokens that were revoked before their end.
//!
//! Secrets and tokens stand here as SHA-256 only. A removed client takes its refresh tokens with it.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_2_oauth"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, OAUTH).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                "DROP TABLE oauth_revoked_token",
                "DROP TABLE oauth_refresh_token",
                "DROP TABLE oauth_client",
            ],
        )
        .await
    }
}

const OAUTH: &[&str] = &[
    "CREATE TABLE oauth_client (
        id {text} NOT NULL PRIMARY KEY,
        name {text} NOT NULL UNIQUE,
        source {text} NOT NULL CHECK (source IN ('MATRIX', 'URGENT')),
        rotates {bool} NOT NULL,
        secret_hash {text} NOT NULL,
        previous_secret_hash {text},
        previous_secret_until {time},
        created_at {time} NOT NULL,
        replayed_at {time},
        CHECK (previous_secret_hash IS NOT NULL OR previous_secret_until IS NULL)
    ) {options}",
    "CREATE TABLE oauth_refresh_token (
        token_hash {text} NOT NULL PRIMARY KEY,
        family_hash {text} NOT NULL,
        client_id {text} NOT NULL REFERENCES oauth_client (id) ON DELETE CASCADE,
        is_pending {bool} NOT NULL,
        issued_at {time} NOT NULL,
        used_at {time},
        CHECK (used_at IS NULL OR NOT is_pending)
    ) {options}",
    "CREATE INDEX oauth_refresh_token_family ON oauth_refresh_token (family_hash)",
    "CREATE INDEX oauth_refresh_token_client ON oauth_refresh_token (client_id)",
    "CREATE TABLE oauth_revoked_token (
        id {text} NOT NULL PRIMARY KEY,
        expires_at {time} NOT NULL
    ) {options}",
];
