//! Display keys: what a screen shows to run the one operation that is stored with its key.
//!
//! The secret stands here as SHA-256 only. A revoked key stays, so that it can be told what it was; its name is free.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_6_display_key"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DISPLAY_KEY).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["DROP TABLE display_key"]).await
    }
}

const DISPLAY_KEY: &[&str] = &[
    "CREATE TABLE display_key (
        id {text} NOT NULL PRIMARY KEY,
        name {text} NOT NULL,
        secret_hash {text} NOT NULL,
        operation {text} NOT NULL,
        variables {text} NOT NULL,
        free_variables {text} NOT NULL,
        claims {text} NOT NULL,
        created_at {time} NOT NULL,
        revoked_at {time},
        last_used_at {time}
    ) {options}",
    "CREATE UNIQUE INDEX display_key_name ON display_key (name) WHERE revoked_at IS NULL",
];
