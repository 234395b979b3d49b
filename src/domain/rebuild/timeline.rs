//! Timelines beside the model: an activity stands in the timelines of where its site, its task or its note stand now.
//! Those of where they stood before keep it too; nothing is taken away here.

use entity::{ActivityId, activity_link};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};
use uuid::Uuid;

use crate::domain::bulk::{self, Existing, Keys};

/// What is filed otherwise and not linked. Matrix files its work under the zone that the event names, whatever is learned.
const GAPS: &str = "WITH named AS (
        SELECT id, seq, occurred_at, kind, subject_id, site_id, task_id, building_id, zone_id, incident_id
            FROM activity WHERE id IN {0}
    ), noted AS (
        SELECT a.seq, a.occurred_at, n.task_id FROM named a JOIN note n ON n.id = a.subject_id
            WHERE a.kind = 'NOTE_ADDED' AND a.task_id IS NULL AND n.task_id IS NOT NULL
    ), due (subject_id, seq, occurred_at) AS (
        SELECT s.building_id, a.seq, a.occurred_at FROM named a JOIN site s ON s.id = a.site_id
            WHERE a.building_id IS NULL OR a.building_id <> s.building_id
        UNION SELECT s.zone_id, a.seq, a.occurred_at FROM named a JOIN site s ON s.id = a.site_id
            WHERE s.zone_id IS NOT NULL AND (a.zone_id IS NULL OR a.zone_id <> s.zone_id)
        UNION SELECT t.building_id, a.seq, a.occurred_at FROM named a JOIN task t ON t.id = a.task_id
            WHERE t.building_id IS NOT NULL AND (a.building_id IS NULL OR a.building_id <> t.building_id)
        UNION SELECT t.zone_id, a.seq, a.occurred_at FROM named a JOIN task t ON t.id = a.task_id
            WHERE t.source = 'URGENT' AND t.zone_id IS NOT NULL AND (a.zone_id IS NULL OR a.zone_id <> t.zone_id)
        UNION SELECT t.incident_id, a.seq, a.occurred_at FROM named a JOIN task t ON t.id = a.task_id
            WHERE t.incident_id IS NOT NULL AND (a.incident_id IS NULL OR a.incident_id <> t.incident_id)
        UNION SELECT n.task_id, n.seq, n.occurred_at FROM noted n
        UNION SELECT t.building_id, n.seq, n.occurred_at FROM noted n JOIN task t ON t.id = n.task_id
            WHERE t.building_id IS NOT NULL
        UNION SELECT t.zone_id, n.seq, n.occurred_at FROM noted n JOIN task t ON t.id = n.task_id
            WHERE t.zone_id IS NOT NULL
        UNION SELECT t.incident_id, n.seq, n.occurred_at FROM noted n JOIN task t ON t.id = n.task_id
            WHERE t.incident_id IS NOT NULL
    )
    SELECT due.subject_id, due.seq, due.occurred_at, NULL AS linked_at FROM due
        WHERE NOT EXISTS (SELECT 1 FROM activity_link l WHERE l.subject_id = due.subject_id AND l.seq = due.seq)
        ORDER BY due.subject_id, due.seq";

/// The entries that timelines lack of the activities named; one statement.
pub(super) async fn gaps(
    connection: &impl ConnectionTrait,
    activities: &[Uuid],
) -> Result<Vec<activity_link::Model>, DbErr> {
    let backend = connection.get_database_backend();
    let mut sql = String::new();
    let values = bulk::place_keys(&mut sql, GAPS, &[Keys::Uuids(activities)], backend);
    let gaps = Statement::from_sql_and_values(backend, sql, values);
    let rows = connection.query_all_raw(gaps).await?;
    rows.iter()
        .map(|row| activity_link::Model::from_query_result(row, ""))
        .collect()
}

/// Writes them; gives how many there were.
pub(super) async fn fill(
    connection: &impl ConnectionTrait,
    activities: &[ActivityId],
    portion: usize,
) -> Result<usize, DbErr> {
    let mut filled = 0;
    for portion in activities.chunks(portion) {
        let ids: Vec<Uuid> = portion.iter().map(|id| id.0).collect();
        let gaps = gaps(connection, &ids).await?;
        bulk::write::<activity_link::Entity>(connection, &gaps, &[], Existing::Keep).await?;
        filled += gaps.len();
    }
    Ok(filled)
}
