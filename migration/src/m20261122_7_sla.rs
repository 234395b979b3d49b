//! The clocks of incidents.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_7_sla"
    }
}

const COLUMNS: [&str; 4] = ["sla_start_by", "sla_due_at", "sla_miss_at", "sla_risk_at"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let add = format!("ALTER TABLE incident ADD COLUMN {column} {{time}}");
            dialect::run(manager, &[add.as_str()]).await?;
        }
        dialect::run(
            manager,
            &[
                // In the order of lists for those that miss nothing: kept, or with no clock.
                "CREATE INDEX incident_sla_miss ON incident (sla_miss_at, reported_at, id)",
                "CREATE INDEX incident_sla_risk ON incident (sla_risk_at)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let indexes = [
            "DROP INDEX incident_sla_miss",
            "DROP INDEX incident_sla_risk",
        ];
        dialect::run(manager, &indexes).await?;
        for column in COLUMNS {
            let drop = format!("ALTER TABLE incident DROP COLUMN {column}");
            dialect::run(manager, &[drop.as_str()]).await?;
        }
        Ok(())
    }
}
