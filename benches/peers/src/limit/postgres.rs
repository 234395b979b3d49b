//! The limit on PostgreSQL: eight connections, prepared statements, questions of one answer sent together.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use chrono::{DateTime, Utc};
use tokio_postgres::{Client, Row, Statement};
use uuid::Uuid;

use super::answer::{self, Activity, Incident, Latest, Length, Month, Task};
use super::json::{Json, Moment};
use crate::estate::{YEAR_END, YEAR_START};

const CONNECTIONS: usize = 8;

const TASK: &str =
    "SELECT id, reference, status, status_at, supplier, description, reported_at, chase_count
    FROM task WHERE id = $1";

const BUILDINGS: &str =
    "SELECT id, name FROM building WHERE (name, id) > ($1, $2) ORDER BY name, id LIMIT 20";

const ZONES: &str = "SELECT b.id, z.id, z.name
    FROM (SELECT id, name FROM building WHERE (name, id) > ($1, $2) ORDER BY name, id LIMIT 20) b
    CROSS JOIN LATERAL (SELECT id, name FROM zone WHERE building_id = b.id
        ORDER BY (name IS NULL), name, id LIMIT 5) z
    ORDER BY b.name, b.id, (z.name IS NULL), z.name, z.id";

const LATEST: &str = "SELECT b.id, i.id, i.name, i.state, i.reported_at, z.id, z.name
    FROM (SELECT id, name FROM building WHERE (name, id) > ($1, $2) ORDER BY name, id LIMIT 20) b
    CROSS JOIN LATERAL (SELECT id, name, state, reported_at, zone_id FROM incident WHERE building_id = b.id
        ORDER BY reported_at DESC, id DESC LIMIT 10) i
    LEFT JOIN zone z ON z.id = i.zone_id
    ORDER BY b.name, b.id, i.reported_at DESC, i.id DESC";

const INCIDENTS: [&str; 3] = [
    "SELECT i.id, i.code, i.name, i.description, i.kind, i.priority, i.state, i.reported_at, i.due_at,
        i.escalation_level, z.id, z.name, b.id, b.name
    FROM (SELECT * FROM incident WHERE is_open AND priority = 'HIGH'",
    " AND (reported_at, id) < ($1, $2)",
    " ORDER BY reported_at DESC, id DESC LIMIT 101) i
    LEFT JOIN zone z ON z.id = i.zone_id JOIN building b ON b.id = i.building_id
    ORDER BY i.reported_at DESC, i.id DESC",
];

// A key that is null is not looked for.
const TIMELINE: &str = "SELECT a.id, a.kind, a.occurred_at, a.recorded_at, a.late,
        s.id, s.status, s.note, n.id, n.text, c.id, c.text
    FROM (SELECT * FROM (
            (SELECT seq, id, kind, occurred_at, recorded_at, late, subject_id FROM activity
                WHERE task_id = $1 ORDER BY occurred_at, seq LIMIT 50)
            UNION ALL
            (SELECT a.seq, a.id, a.kind, a.occurred_at, a.recorded_at, a.late, a.subject_id
                FROM activity_link l JOIN activity a ON a.seq = l.seq
                WHERE l.subject_id = $1 AND a.task_id IS DISTINCT FROM $1 ORDER BY l.occurred_at, l.seq LIMIT 50)
        ) both_kinds ORDER BY occurred_at, seq LIMIT 50) a
    LEFT JOIN status_change s ON s.id = CASE WHEN a.kind = 'STATUS_CHANGED' THEN a.subject_id END
    LEFT JOIN note n ON n.id = CASE WHEN a.kind = 'NOTE_ADDED' THEN a.subject_id END
    LEFT JOIN chase c ON c.id = CASE WHEN a.kind = 'TASK_CHASED' THEN a.subject_id END
    ORDER BY a.occurred_at, a.seq";

const MONTHS: &str = "SELECT to_char(month, 'YYYY-MM-DD'), count(*), count(*) FILTER (WHERE state = 'COMPLETED'),
        count(*) FILTER (WHERE is_open),
        count(response), sum(response)::bigint, percentile_disc(0.5) WITHIN GROUP (ORDER BY response),
        percentile_disc(0.9) WITHIN GROUP (ORDER BY response),
        count(resolution), sum(resolution)::bigint, percentile_disc(0.5) WITHIN GROUP (ORDER BY resolution),
        percentile_disc(0.9) WITHIN GROUP (ORDER BY resolution)
    FROM (SELECT date_trunc('month', reported_at, 'UTC') AT TIME ZONE 'UTC' AS month, state, is_open,
            CASE WHEN state <> 'NOT_ASSIGNED' THEN extract(epoch FROM started_at - assigned_at)::bigint END AS response,
            CASE WHEN state = 'COMPLETED' THEN extract(epoch FROM completed_at - assigned_at)::bigint END AS resolution
        FROM incident WHERE building_id = $1 AND reported_at >= $2 AND reported_at < $3) i
    GROUP BY month ORDER BY month";

const BUILDING: &str = "SELECT name FROM building WHERE id = $1";

struct Prepared {
    client: Client,
    task: Statement,
    buildings: Statement,
    zones: Statement,
    latest: Statement,
    incidents: Statement,
    incidents_after: Statement,
    timeline: Statement,
    months: Statement,
    building: Statement,
}

/// The connections, used in turn; several questions may be on their way over one.
pub struct Pool {
    connections: Vec<Prepared>,
    next: AtomicUsize,
    year: (DateTime<Utc>, DateTime<Utc>),
}

impl Pool {
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let client = crate::postgres::connect(url).await?;
            let [start, after, end] = INCIDENTS;
            connections.push(Prepared {
                task: client.prepare(TASK).await?,
                buildings: client.prepare(BUILDINGS).await?,
                zones: client.prepare(ZONES).await?,
                latest: client.prepare(LATEST).await?,
                incidents: client.prepare(&format!("{start}{end}")).await?,
                incidents_after: client.prepare(&format!("{start}{after}{end}")).await?,
                timeline: client.prepare(TIMELINE).await?,
                months: client.prepare(MONTHS).await?,
                building: client.prepare(BUILDING).await?,
                client,
            });
        }
        Ok(Self {
            connections,
            next: AtomicUsize::new(0),
            year: (YEAR_START.parse()?, YEAR_END.parse()?),
        })
    }

    fn one(&self) -> anyhow::Result<&Prepared> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.connections
            .get(turn % self.connections.len())
            .context("no connections")
    }

    pub async fn task(&self, id: Uuid) -> anyhow::Result<String> {
        let on = self.one()?;
        let Some(row) = on.client.query_opt(&on.task, &[&id]).await? else {
            return Ok("{\"data\":{\"task\":null}}".into());
        };
        Ok(answer::task(&Task {
            id: row.try_get(0)?,
            reference: row.try_get(1)?,
            status: row.try_get(2)?,
            status_at: maybe_time(&row, 3)?,
            supplier: row.try_get(4)?,
            description: row.try_get(5)?,
            reported_at: time(&row, 6)?,
            chase_count: i64::from(row.try_get::<_, i32>(7)?),
        }))
    }

    pub async fn buildings(&self, name: &str, id: Uuid) -> anyhow::Result<String> {
        let on = self.one()?;
        let after: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&name, &id];
        let (buildings, zones, latest) = tokio::try_join!(
            on.client.query(&on.buildings, &after),
            on.client.query(&on.zones, &after),
            on.client.query(&on.latest, &after),
        )?;
        let (zones, latest) = (by_building(&zones)?, by_building(&latest)?);
        let mut json = Json::new("{\"data\":{\"buildings\":{\"nodes\":[");
        for building in &buildings {
            let id: Uuid = building.try_get(0)?;
            json.comma().raw("{\"id\":").id("Building", id);
            json.raw(",\"name\":").text(building.try_get(1)?);
            json.raw(",\"zones\":{\"nodes\":[");
            for row in zones.get(&id).into_iter().flatten() {
                json.comma();
                answer::zone(&mut json, Some((row.try_get(1)?, row.try_get(2)?)));
            }
            json.raw("]},\"incidents\":{\"nodes\":[");
            for row in latest.get(&id).into_iter().flatten() {
                let row = Latest {
                    id: row.try_get(1)?,
                    name: row.try_get(2)?,
                    state: row.try_get(3)?,
                    reported_at: time(row, 4)?,
                    zone: named(row, 5)?,
                };
                answer::latest(&mut json, &row);
            }
            json.raw("]}}");
        }
        json.raw("]}}}");
        Ok(json.0)
    }

    pub async fn incidents(
        &self,
        after: Option<(i64, Uuid)>,
        mark: &str,
    ) -> anyhow::Result<String> {
        let on = self.one()?;
        let rows = match after {
            None => on.client.query(&on.incidents, &[]).await?,
            Some((at, id)) => {
                let at = DateTime::from_timestamp_micros(at).context("the time")?;
                on.client.query(&on.incidents_after, &[&at, &id]).await?
            }
        };
        let mut json = Json::new("{\"data\":{\"incidents\":{\"nodes\":[");
        for row in rows.iter().take(100) {
            let row = Incident {
                id: row.try_get(0)?,
                code: row.try_get(1)?,
                name: row.try_get(2)?,
                description: row.try_get(3)?,
                kind: row.try_get(4)?,
                priority: row.try_get(5)?,
                state: row.try_get(6)?,
                reported_at: time(row, 7)?,
                due_at: maybe_time(row, 8)?,
                escalation_level: i64::from(row.try_get::<_, i32>(9)?),
                zone: named(row, 10)?,
                building: (row.try_get(12)?, row.try_get(13)?),
            };
            answer::incident(&mut json, &row);
        }
        json.raw("],\"pageInfo\":{\"hasNextPage\":")
            .bool(rows.len() > 100);
        json.raw(",\"endCursor\":");
        match rows.iter().take(100).last() {
            Some(row) => {
                let at: DateTime<Utc> = row.try_get(7)?;
                json.cursor(mark, at.timestamp_micros(), row.try_get(0)?)
            }
            None => json.raw("null"),
        };
        json.raw("}}}}");
        Ok(json.0)
    }

    pub async fn timeline(&self, id: Uuid) -> anyhow::Result<String> {
        let on = self.one()?;
        let rows = on.client.query(&on.timeline, &[&id]).await?;
        let mut json = Json::new("{\"data\":{\"task\":{\"id\":");
        json.id("Task", id).raw(",\"timeline\":{\"nodes\":[");
        for row in &rows {
            let status_change = match row.try_get::<_, Option<Uuid>>(5)? {
                Some(id) => Some((id, row.try_get(6)?, row.try_get(7)?)),
                None => None,
            };
            let row = Activity {
                id: row.try_get(0)?,
                kind: row.try_get(1)?,
                occurred_at: time(row, 2)?,
                recorded_at: time(row, 3)?,
                late: row.try_get(4)?,
                status_change,
                note: told(row, 8)?,
                chase: told(row, 10)?,
            };
            answer::activity(&mut json, &row);
        }
        json.raw("]}}}}");
        Ok(json.0)
    }

    pub async fn statistics(&self, id: Uuid) -> anyhow::Result<String> {
        let on = self.one()?;
        let building: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&id];
        let during: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&id, &self.year.0, &self.year.1];
        let (name, rows) = tokio::try_join!(
            on.client.query_one(&on.building, &building),
            on.client.query(&on.months, &during),
        )?;
        let mut json = Json::new("{\"data\":{\"building\":{\"id\":");
        json.id("Building", id)
            .raw(",\"name\":")
            .text(name.try_get(0)?);
        json.raw(",\"statistics\":{\"incidents\":{\"buckets\":[");
        let mut rows = rows.iter().peekable();
        let mut start = String::new();
        for month in 0..12 {
            start.clear();
            write!(
                start,
                "{}-{:02}-01",
                2025 + (month + 9) / 12,
                (month + 9) % 12 + 1
            )?;
            let row = rows.next_if(|row| row.try_get(0).is_ok_and(|found: &str| found == start));
            start.push_str("T00:00:00+00:00");
            let numbers = row.map(numbers).transpose()?.unwrap_or_default();
            answer::month(&mut json, &start, &numbers);
        }
        json.raw("]}}}}}");
        Ok(json.0)
    }
}

fn numbers(row: &Row) -> anyhow::Result<Month> {
    let length = |first: usize| {
        anyhow::Ok(Length {
            count: row.try_get(first)?,
            sum: row
                .try_get::<_, Option<i64>>(first + 1)?
                .unwrap_or_default(),
            median: row.try_get(first + 2)?,
            p90: row.try_get(first + 3)?,
        })
    };
    Ok(Month {
        reported: row.try_get(1)?,
        completed: row.try_get(2)?,
        open: row.try_get(3)?,
        response: length(4)?,
        resolution: length(8)?,
    })
}

fn by_building(rows: &[Row]) -> anyhow::Result<HashMap<Uuid, Vec<&Row>>> {
    let mut found: HashMap<Uuid, Vec<&Row>> = HashMap::new();
    for row in rows {
        found.entry(row.try_get(0)?).or_default().push(row);
    }
    Ok(found)
}

fn time(row: &Row, at: usize) -> anyhow::Result<Moment<'_>> {
    Ok(Moment::Time(row.try_get(at)?))
}

fn maybe_time(row: &Row, at: usize) -> anyhow::Result<Option<Moment<'_>>> {
    Ok(row.try_get::<_, Option<_>>(at)?.map(Moment::Time))
}

fn named(row: &Row, at: usize) -> anyhow::Result<Option<(Uuid, Option<&str>)>> {
    Ok(match row.try_get::<_, Option<Uuid>>(at)? {
        Some(id) => Some((id, row.try_get(at + 1)?)),
        None => None,
    })
}

fn told(row: &Row, at: usize) -> anyhow::Result<Option<(Uuid, &str)>> {
    Ok(match row.try_get::<_, Option<Uuid>>(at)? {
        Some(id) => Some((id, row.try_get(at + 1)?)),
        None => None,
    })
}
