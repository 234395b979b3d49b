//! The limit on SQLite: as many open files as there are threads that may read, cached statements, no server between.

use std::sync::{Arc, Mutex};

use anyhow::{Context, anyhow};
use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::{Connection, OpenFlags, Row, params};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::answer::{self, Activity, Incident, Latest, Length, Month, Task};
use super::json::{Json, Moment};
use crate::estate::{YEAR_END, YEAR_START};

const FILES: usize = 8;

const TASK: &str =
    "SELECT reference, status, status_at, supplier, description, reported_at, chase_count
    FROM task WHERE id = ?1";

const BUILDINGS: &str =
    "SELECT id, name FROM building WHERE (name, id) > (?1, ?2) ORDER BY name, id LIMIT 20";

const ZONES: &str =
    "SELECT id, name FROM zone WHERE building_id = ?1 ORDER BY (name IS NULL), name, id LIMIT 5";

const LATEST: &str = "SELECT i.id, i.name, i.state, i.reported_at, z.id, z.name
    FROM incident i LEFT JOIN zone z ON z.id = i.zone_id WHERE i.building_id = ?1
    ORDER BY i.reported_at DESC, i.id DESC LIMIT 10";

const INCIDENTS: [&str; 3] = [
    "SELECT i.id, i.code, i.name, i.description, i.kind, i.priority, i.state, i.reported_at, i.due_at,
        i.escalation_level, z.id, z.name, b.id, b.name
    FROM incident i LEFT JOIN zone z ON z.id = i.zone_id CROSS JOIN building b ON b.id = i.building_id
    WHERE i.is_open = 1 AND i.priority = 'HIGH'",
    " AND (i.reported_at, i.id) < (?1, ?2)",
    " ORDER BY i.reported_at DESC, i.id DESC LIMIT 101",
];

const TIMELINE: &str = "SELECT a.id, a.kind, a.occurred_at, a.recorded_at, a.late,
        s.id, s.status, s.note, n.id, n.text, c.id, c.text
    FROM (SELECT * FROM (
            SELECT * FROM (SELECT seq, occurred_at AS at FROM activity WHERE task_id = ?1 ORDER BY occurred_at, seq LIMIT 50)
            UNION SELECT * FROM (SELECT seq, occurred_at AS at FROM activity_link WHERE subject_id = ?1
                ORDER BY occurred_at, seq LIMIT 50)
        ) ORDER BY at, seq LIMIT 50) f
    CROSS JOIN activity a ON a.seq = f.seq
    LEFT JOIN status_change s ON s.id = CASE WHEN a.kind = 'STATUS_CHANGED' THEN a.subject_id END
    LEFT JOIN note n ON n.id = CASE WHEN a.kind = 'NOTE_ADDED' THEN a.subject_id END
    LEFT JOIN chase c ON c.id = CASE WHEN a.kind = 'TASK_CHASED' THEN a.subject_id END
    ORDER BY f.at, f.seq";

const MONTHS: &str = "SELECT substr(reported_at, 1, 7), state, is_open,
        CASE WHEN state <> 'NOT_ASSIGNED' THEN unixepoch(started_at) - unixepoch(assigned_at) END,
        CASE WHEN state = 'COMPLETED' THEN unixepoch(completed_at) - unixepoch(assigned_at) END
    FROM incident WHERE building_id = ?1 AND reported_at >= ?2 AND reported_at < ?3";

/// The open files; each is one reader's at a time.
pub struct Files {
    idle: Arc<Mutex<Vec<File>>>,
    free: Semaphore,
}

/// One open file.
pub struct File(Connection);

impl Files {
    pub fn open(path: &str) -> anyhow::Result<Self> {
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let file = Connection::open_with_flags(path, flags)?;
            file.pragma_update(None, "cache_size", -65_536)?;
            anyhow::Ok(File(file))
        };
        let idle = (0..FILES).map(|_| open()).collect::<anyhow::Result<_>>()?;
        Ok(Self {
            idle: Arc::new(Mutex::new(idle)),
            free: Semaphore::new(FILES),
        })
    }

    /// Answers on a thread that may block.
    pub async fn with(
        &self,
        answer: impl FnOnce(&File) -> anyhow::Result<String> + Send + 'static,
    ) -> anyhow::Result<String> {
        let _turn = self.free.acquire().await?;
        let idle = Arc::clone(&self.idle);
        let answer = move || {
            let broken = |_| anyhow!("a reader failed");
            let file = idle.lock().map_err(broken)?.pop();
            let file = file.context("no file")?;
            let answered = answer(&file);
            idle.lock()
                .map_err(|_| anyhow!("a reader failed"))?
                .push(file);
            answered
        };
        tokio::task::spawn_blocking(answer).await?
    }
}

impl File {
    pub fn task(&self, id: Uuid) -> anyhow::Result<String> {
        let mut statement = self.0.prepare_cached(TASK)?;
        let mut rows = statement.query([key(&id)])?;
        let Some(row) = rows.next()? else {
            return Ok("{\"data\":{\"task\":null}}".into());
        };
        Ok(answer::task(&Task {
            id,
            reference: text(row, 0)?,
            status: text(row, 1)?,
            status_at: text(row, 2)?.map(Moment::Text),
            supplier: text(row, 3)?,
            description: text(row, 4)?,
            reported_at: Moment::Text(word(row, 5)?),
            chase_count: row.get(6)?,
        }))
    }

    pub fn buildings(&self, name: &str, id: Uuid) -> anyhow::Result<String> {
        let mut buildings = self.0.prepare_cached(BUILDINGS)?;
        let mut zones = self.0.prepare_cached(ZONES)?;
        let mut latest = self.0.prepare_cached(LATEST)?;
        let mut json = Json::new("{\"data\":{\"buildings\":{\"nodes\":[");
        let mut rows = buildings.query(params![name, key(&id)])?;
        while let Some(row) = rows.next()? {
            let id = uuid(row, 0)?.context("an id")?;
            json.comma().raw("{\"id\":").id("Building", id);
            json.raw(",\"name\":").text(word(row, 1)?);
            json.raw(",\"zones\":{\"nodes\":[");
            let mut within = zones.query([key(&id)])?;
            while let Some(row) = within.next()? {
                json.comma();
                answer::zone(&mut json, named(row, 0)?);
            }
            json.raw("]},\"incidents\":{\"nodes\":[");
            let mut within = latest.query([key(&id)])?;
            while let Some(row) = within.next()? {
                let row = Latest {
                    id: uuid(row, 0)?.context("an id")?,
                    name: text(row, 1)?,
                    state: word(row, 2)?,
                    reported_at: Moment::Text(word(row, 3)?),
                    zone: named(row, 4)?,
                };
                answer::latest(&mut json, &row);
            }
            json.raw("]}}");
        }
        json.raw("]}}}");
        Ok(json.0)
    }

    pub fn incidents(&self, after: Option<(i64, Uuid)>, mark: &str) -> anyhow::Result<String> {
        let [start, beyond, end] = INCIDENTS;
        let beyond = if after.is_some() { beyond } else { "" };
        let mut statement = self.0.prepare_cached(&format!("{start}{beyond}{end}"))?;
        let mut rows = match after {
            None => statement.query([])?,
            Some((at, id)) => {
                let at = DateTime::from_timestamp_micros(at).context("the time")?;
                let at = at.to_rfc3339_opts(SecondsFormat::AutoSi, false);
                statement.query(params![at, key(&id)])?
            }
        };
        let mut json = Json::new("{\"data\":{\"incidents\":{\"nodes\":[");
        let (mut count, mut last_at, mut last_id) = (0, String::new(), Uuid::nil());
        while let Some(row) = rows.next()? {
            count += 1;
            if count > 100 {
                break;
            }
            let id = uuid(row, 0)?.context("an id")?;
            let reported_at = word(row, 7)?;
            last_at.clear();
            last_at.push_str(reported_at);
            last_id = id;
            let row = Incident {
                id,
                code: word(row, 1)?,
                name: text(row, 2)?,
                description: text(row, 3)?,
                kind: text(row, 4)?,
                priority: word(row, 5)?,
                state: word(row, 6)?,
                reported_at: Moment::Text(reported_at),
                due_at: text(row, 8)?.map(Moment::Text),
                escalation_level: row.get(9)?,
                zone: named(row, 10)?,
                building: (uuid(row, 12)?.context("a building")?, word(row, 13)?),
            };
            answer::incident(&mut json, &row);
        }
        json.raw("],\"pageInfo\":{\"hasNextPage\":")
            .bool(count > 100);
        json.raw(",\"endCursor\":");
        if count == 0 {
            json.raw("null");
        } else {
            let at: DateTime<Utc> = last_at.parse()?;
            json.cursor(mark, at.timestamp_micros(), last_id);
        }
        json.raw("}}}}");
        Ok(json.0)
    }

    pub fn timeline(&self, id: Uuid) -> anyhow::Result<String> {
        let mut statement = self.0.prepare_cached(TIMELINE)?;
        let mut rows = statement.query([key(&id)])?;
        let mut json = Json::new("{\"data\":{\"task\":{\"id\":");
        json.id("Task", id).raw(",\"timeline\":{\"nodes\":[");
        while let Some(row) = rows.next()? {
            let status_change = match uuid(row, 5)? {
                Some(id) => Some((id, word(row, 6)?, text(row, 7)?)),
                None => None,
            };
            let told = |at| -> anyhow::Result<_> {
                Ok(match uuid(row, at)? {
                    Some(id) => Some((id, word(row, at + 1)?)),
                    None => None,
                })
            };
            let row = Activity {
                id: uuid(row, 0)?.context("an id")?,
                kind: word(row, 1)?,
                occurred_at: Moment::Text(word(row, 2)?),
                recorded_at: Moment::Text(word(row, 3)?),
                late: row.get(4)?,
                status_change,
                note: told(8)?,
                chase: told(10)?,
            };
            answer::activity(&mut json, &row);
        }
        json.raw("]}}}}");
        Ok(json.0)
    }

    pub fn statistics(&self, id: Uuid) -> anyhow::Result<String> {
        let building = "SELECT name FROM building WHERE id = ?1";
        let mut building = self.0.prepare_cached(building)?;
        let name: String = building.query_row([key(&id)], |row| row.get(0))?;
        let mut months: Vec<(Month, Vec<i64>, Vec<i64>)> = Vec::new();
        months.resize_with(12, Default::default);
        let mut statement = self.0.prepare_cached(MONTHS)?;
        let text_of = |time: &str| time.replace('Z', "+00:00");
        let mut rows =
            statement.query(params![key(&id), text_of(YEAR_START), text_of(YEAR_END)])?;
        while let Some(row) = rows.next()? {
            let month = word(row, 0)?;
            let (year, number) = month.split_once('-').context("a month")?;
            let place = (year.parse::<usize>()? - 2025) * 12 + number.parse::<usize>()? - 10;
            let (month, responses, resolutions) = months.get_mut(place).context("a month")?;
            month.reported += 1;
            month.completed += i64::from(word(row, 1)? == "COMPLETED");
            month.open += row.get::<_, i64>(2)?;
            responses.extend(row.get::<_, Option<i64>>(3)?);
            resolutions.extend(row.get::<_, Option<i64>>(4)?);
        }
        let mut json = Json::new("{\"data\":{\"building\":{\"id\":");
        json.id("Building", id).raw(",\"name\":").text(&name);
        json.raw(",\"statistics\":{\"incidents\":{\"buckets\":[");
        for (place, (mut month, responses, resolutions)) in months.into_iter().enumerate() {
            let (year, number) = (2025 + (place + 9) / 12, (place + 9) % 12 + 1);
            month.response = length(responses);
            month.resolution = length(resolutions);
            let start = format!("{year}-{number:02}-01T00:00:00+00:00");
            answer::month(&mut json, &start, &month);
        }
        json.raw("]}}}}}");
        Ok(json.0)
    }
}

fn length(mut seconds: Vec<i64>) -> Length {
    seconds.sort_unstable();
    let at = |tenths: usize| {
        let place = (seconds.len() * tenths).div_ceil(10).saturating_sub(1);
        seconds.get(place).copied()
    };
    Length {
        count: i64::try_from(seconds.len()).unwrap_or_default(),
        sum: seconds.iter().sum(),
        median: at(5),
        p90: at(9),
    }
}

/// Ids are stored as their sixteen bytes.
fn key(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

fn uuid(row: &Row, at: usize) -> anyhow::Result<Option<Uuid>> {
    let bytes = row.get_ref(at)?.as_blob_or_null()?;
    Ok(bytes.map(Uuid::from_slice).transpose()?)
}

fn text<'a>(row: &'a Row, at: usize) -> anyhow::Result<Option<&'a str>> {
    Ok(row.get_ref(at)?.as_str_or_null()?)
}

fn word<'a>(row: &'a Row, at: usize) -> anyhow::Result<&'a str> {
    Ok(row.get_ref(at)?.as_str()?)
}

fn named<'a>(row: &'a Row, at: usize) -> anyhow::Result<Option<(Uuid, Option<&'a str>)>> {
    Ok(match uuid(row, at)? {
        Some(id) => Some((id, text(row, at + 1)?)),
        None => None,
    })
}
