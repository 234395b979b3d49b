//! What statistics ask beside what is there: whether an incident was opened again, and indexes for the times that numbers
//! are opened by.
//!
//! What is there already is told whether it was reopened by the servers, beside their other work: that takes long.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_9_statistics"
    }
}

const COLUMNS: [&str; 3] = ["first_ended_at", "last_open_at", "reopened_at"];

const INDEXES: [(&str, &str); 5] = [
    (
        "incident_reopened",
        "incident (reopened_at) WHERE reopened_at IS NOT NULL",
    ),
    (
        "incident_assigned",
        "incident (assigned_at) WHERE assigned_at IS NOT NULL",
    ),
    (
        "incident_started",
        "incident (started_at) WHERE started_at IS NOT NULL",
    ),
    (
        "task_assigned",
        "task (assigned_at) WHERE assigned_at IS NOT NULL",
    ),
    (
        "task_started",
        "task (started_at) WHERE started_at IS NOT NULL",
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let add = format!("ALTER TABLE incident ADD COLUMN {column} {{time}}");
            dialect::run(manager, &[add.as_str()]).await?;
        }
        for (name, of) in INDEXES {
            let create = format!("CREATE INDEX {name} ON {of}");
            dialect::run(manager, &[create.as_str()]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            let drop = format!("DROP INDEX {name}");
            dialect::run(manager, &[drop.as_str()]).await?;
        }
        for column in COLUMNS {
            let drop = format!("ALTER TABLE incident DROP COLUMN {column}");
            dialect::run(manager, &[drop.as_str()]).await?;
        }
        Ok(())
    }
}
