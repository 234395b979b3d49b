//! What zones are sorted by: when each was cleaned last and by which task, and how many open incidents it has. Told by
//! the tasks and incidents that are stored already, so this fills them in.

use sea_orm_migration::prelude::*;

use crate::dialect;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261122_8_cleaned"
    }
}

const UP: &[&str] = &[
    "ALTER TABLE zone ADD COLUMN last_cleaned_at {time}",
    "ALTER TABLE zone ADD COLUMN last_cleaning_task_id {uuid}",
    "ALTER TABLE zone ADD COLUMN open_incident_count INTEGER NOT NULL DEFAULT 0",
    // What a zone's cleaning and its count are found by.
    "CREATE INDEX task_cleaning ON task (zone_id, completed_at, id)
        WHERE kind = 'SCHEDULED' AND state = 'COMPLETED' AND completed_at IS NOT NULL",
    "CREATE INDEX incident_zone_open ON incident (zone_id) WHERE is_open",
    "UPDATE zone SET (last_cleaned_at, last_cleaning_task_id) = (SELECT task.completed_at, task.id FROM task
        WHERE task.zone_id = zone.id AND task.kind = 'SCHEDULED' AND task.state = 'COMPLETED'
            AND task.completed_at IS NOT NULL
        ORDER BY task.completed_at DESC, task.id DESC LIMIT 1)",
    "UPDATE zone SET open_incident_count =
        (SELECT count(*) FROM incident WHERE incident.zone_id = zone.id AND incident.is_open)",
    "CREATE INDEX zone_cleaned ON zone ((last_cleaned_at IS NULL), last_cleaned_at, id)",
    "CREATE INDEX zone_cleaned_at ON zone (last_cleaned_at)",
    "CREATE INDEX zone_pressure ON zone (open_incident_count, id)",
    "CREATE INDEX task_chases ON task (chase_count, id)",
    "CREATE INDEX task_chased ON task ((last_chased_at IS NULL), last_chased_at, id)",
    "CREATE INDEX task_chased_at ON task (last_chased_at)",
];

const DOWN: &[&str] = &[
    "DROP INDEX task_chased_at",
    "DROP INDEX task_chased",
    "DROP INDEX task_chases",
    "DROP INDEX zone_pressure",
    "DROP INDEX zone_cleaned_at",
    "DROP INDEX zone_cleaned",
    "DROP INDEX incident_zone_open",
    "DROP INDEX task_cleaning",
    "ALTER TABLE zone DROP COLUMN open_incident_count",
    "ALTER TABLE zone DROP COLUMN last_cleaning_task_id",
    "ALTER TABLE zone DROP COLUMN last_cleaned_at",
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
