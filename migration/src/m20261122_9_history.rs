//! What the history needs to be asked of an earlier time: when a timeline took something in, the indexes of what an
//! incident's site did, and the mark from which on activities hold every change.
//!
//! What is there already keeps its links without a time (they were there from the mark on), and its mark: what was
//! recorded before lacks changes, so nothing before it is answered.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_9_history"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let latest = match manager.get_connection().get_database_backend() {
            DbBackend::Sqlite => "recorded_at",
            _ => "to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
        };
        let mark = format!(
            "INSERT INTO setting (name, value)
             SELECT 'changes_whole_from', {latest} FROM activity ORDER BY seq DESC LIMIT 1"
        );
        dialect::run(
            manager,
            &[
                "ALTER TABLE activity_link ADD COLUMN linked_at {time}",
                "CREATE INDEX activity_of_site ON activity (site_id, seq) WHERE incident_id IS NOT NULL AND tenant IS NULL",
                "CREATE INDEX activity_moved ON activity (kind, seq) WHERE kind = 'LINKED' AND subject_id = site_id",
                &mark,
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                "DELETE FROM setting WHERE name = 'changes_whole_from'",
                "DROP INDEX activity_moved",
                "DROP INDEX activity_of_site",
                "ALTER TABLE activity_link DROP COLUMN linked_at",
            ],
        )
        .await
    }
}
