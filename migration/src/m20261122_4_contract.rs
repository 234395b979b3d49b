//! Who declared a place link, and the statuses of tasks by tenant.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_4_contract"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                // The release before this one knows only what settings declare.
                "ALTER TABLE place_link ADD COLUMN declared_by {text} NOT NULL DEFAULT 'SETTINGS'
                    CHECK (declared_by IN ('SETTINGS', 'OPERATOR'))",
                "CREATE INDEX task_status_key ON task (tenant, status_key, status) WHERE status_key IS NOT NULL",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                "DROP INDEX task_status_key",
                "ALTER TABLE place_link DROP COLUMN declared_by",
            ],
        )
        .await
    }
}
