//! What keeps old repeats from passing as new once calls and activities are pruned, and the indexes that operators ask by.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_3_operate"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}

const UP: &[&str] = &[
    "CREATE TABLE activity_key (
        id {uuid} NOT NULL PRIMARY KEY
    ) {options}",
    "CREATE TABLE delivery_key (
        id {uuid} NOT NULL PRIMARY KEY
    ) {options}",
    // Links go with the activities that they name.
    "CREATE INDEX activity_link_seq ON activity_link (seq)",
    "CREATE INDEX delivery_credential ON delivery (credential, received_at, id)",
    "CREATE INDEX delivery_quarantined ON delivery (received_at, id) WHERE quarantined > 0",
];

const DOWN: &[&str] = &[
    "DROP INDEX delivery_quarantined",
    "DROP INDEX delivery_credential",
    "DROP INDEX activity_link_seq",
    "DROP TABLE delivery_key",
    "DROP TABLE activity_key",
];
