//! Which release wrote an activity: what an older one goes on writing beside a newer one lacks what only the newer one
//! keeps, and is found by it.
//!
//! The index holds what older releases wrote. A migration that has more kept of what is told makes another one for its own
//! generation, so that servers of this one go on with theirs. What is there already needs no look by its activities: the servers go through all of it.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_10_generation"
    }
}

const UP: &[&str] = &[
    "ALTER TABLE activity ADD COLUMN generation INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX activity_older_than_1 ON activity (seq) WHERE generation < 1",
    "INSERT INTO setting (name, value)
        SELECT 'older_than_1_through_seq', CAST(seq AS TEXT) FROM activity ORDER BY seq DESC LIMIT 1",
];

const DOWN: &[&str] = &[
    "DELETE FROM setting WHERE name IN ('older_than_1_through_seq', 'sla_rule_applied')",
    "DROP INDEX activity_older_than_1",
    "ALTER TABLE activity DROP COLUMN generation",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, DOWN).await
    }
}
