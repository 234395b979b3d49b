//! Notices: caretaker's own activities, which say that a deadline became doubtful or was missed. They tell what was
//! known then and are never taken back; one deadline of one incident gives each of them once, on any number of nodes.

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Json, activity, building, incident, setting};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::bulk::{self, Existing, Keys};
use super::database::Database;
use super::sla::{Deadlines, SlaState};
use super::{batch, id, journal, load};

/// The setting that holds how far notices have been given.
const TOLD_THROUGH: &str = "sla_told_through";
/// How many activities, and how many deadlines, are looked at in one step.
const PAGE: u64 = 1_000;
/// After how many activities without a notice the mark is stored all the same.
const STRIDE: i64 = 20_000;

/// How far notices have been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Through this activity all that facts changed has been looked at.
    seq: i64,
    /// Through this time all deadlines that merely passed have been looked at.
    time: DateTime<Utc>,
    /// What of it is stored.
    #[serde(skip)]
    stored: i64,
}

impl Mark {
    /// Where the notices of an earlier run ended. Without one, all incidents are looked at by their activities.
    ///
    /// # Errors
    /// What the database says.
    pub async fn load(
        connection: &impl ConnectionTrait,
        now: DateTime<Utc>,
    ) -> Result<Self, DbErr> {
        let text = journal::setting(connection, TOLD_THROUGH).await?;
        let mark: Option<Self> = text.and_then(|text| serde_json::from_str(&text).ok());
        let mark = mark.unwrap_or(Self {
            seq: 0,
            time: now,
            stored: 0,
        });
        Ok(Self {
            stored: mark.seq,
            ..mark
        })
    }
}

/// The next moment at which a deadline becomes doubtful or is missed, after those looked at.
///
/// # Errors
/// What the database says.
pub async fn next(
    connection: &impl ConnectionTrait,
    mark: &Mark,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let mut next: Option<DateTime<Utc>> = None;
    for column in [incident::Column::SlaMissAt, incident::Column::SlaRiskAt] {
        let least = Query::select()
            .expr_as(Expr::col(column).min(), "least")
            .from(incident::Entity)
            .and_where(column.gt(mark.time))
            .take();
        let row = connection.query_one(&least).await?;
        let least: Option<DateTime<Utc>> = row.map_or(Ok(None), |row| row.try_get("", "least"))?;
        next = next.into_iter().chain(least).min();
    }
    Ok(next)
}

/// What one step came to.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Whether notices were given.
    pub is_news: bool,
    /// Whether more may be due.
    pub is_more: bool,
}

/// Gives the notices that are due at `now`, a page of them.
///
/// # Errors
/// What the database says; then `mark` stays.
pub async fn give(database: &Database, mark: &mut Mark, now: DateTime<Utc>) -> Result<Step, DbErr> {
    let now = std::cmp::max(now, mark.time);
    let (mut incidents, touched) = touched(&database.feed, mark.seq).await?;
    let (passed, through) = passed(&database.feed, mark.time, now).await?;
    incidents.extend(passed);
    let is_more = touched.is_more || through < now;
    let reached = Mark {
        seq: touched.through,
        time: through,
        stored: mark.stored,
    };
    let due = notices(&incidents, now);
    let is_far = reached.seq - reached.stored >= STRIDE;
    if due.is_empty() && !is_far {
        *mark = reached;
        return Ok(Step {
            is_news: false,
            is_more,
        });
    }
    let transaction = batch::begin(database).await?;
    let recorded_at = batch::recorded_at(&transaction, now).await?;
    // Looked at again under the lock: what is completed in the meantime is not said to be late.
    let ids: Vec<Uuid> = due.iter().map(|row| row.subject_id).collect();
    let incidents =
        bulk::rows::<incident::Entity>(&transaction, "id IN {0}", &[Keys::Uuids(&ids)]).await?;
    let rows = news(&transaction, notices(&incidents, now), recorded_at).await?;
    bulk::write::<activity::Entity>(&transaction, &rows, &["seq"], Existing::Keep).await?;
    let value =
        serde_json::to_string(&reached).map_err(|error| DbErr::Custom(error.to_string()))?;
    let row = setting::Model {
        name: TOLD_THROUGH.to_owned(),
        value,
    };
    bulk::write::<setting::Entity>(&transaction, &[row], &[], Existing::Replace).await?;
    batch::notify(&transaction, &rows).await?;
    transaction.commit().await?;
    *mark = Mark {
        stored: reached.seq,
        ..reached
    };
    Ok(Step {
        is_news: !rows.is_empty(),
        is_more,
    })
}

/// How far the activities were read.
struct Touched {
    through: i64,
    is_more: bool,
}

/// The incidents that activities after `seq` speak of.
async fn touched(
    connection: &impl ConnectionTrait,
    seq: i64,
) -> Result<(Vec<incident::Model>, Touched), DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        seq: i64,
        incident_id: Option<Uuid>,
    }
    let rows: Vec<Row> = activity::Entity::find()
        .select_only()
        .columns([activity::Column::Seq, activity::Column::IncidentId])
        .filter(activity::Column::Seq.gt(seq))
        .order_by_asc(activity::Column::Seq)
        .limit(PAGE)
        .into_model()
        .all(connection)
        .await?;
    let touched = Touched {
        through: rows.last().map_or(seq, |row| row.seq),
        is_more: rows.len() as u64 == PAGE,
    };
    let mut ids: Vec<Uuid> = rows.into_iter().filter_map(|row| row.incident_id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok((Vec::new(), touched));
    }
    let rows =
        bulk::rows::<incident::Entity>(connection, "id IN {0}", &[Keys::Uuids(&ids)]).await?;
    Ok((rows, touched))
}

/// The incidents with a deadline, or with the beginning of doubt, after `since` and up to `now`; and through what time
/// these are all.
async fn passed(
    connection: &impl ConnectionTrait,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(Vec<incident::Model>, DateTime<Utc>), DbErr> {
    let mut through = now;
    let columns = [incident::Column::SlaMissAt, incident::Column::SlaRiskAt];
    let within = |column: incident::Column, through| {
        Condition::all()
            .add(column.gte(since))
            .add(column.lte(through))
    };
    for column in columns {
        // Where a page ends, its last moment is taken whole, however many share it.
        let last: Option<DateTime<Utc>> = incident::Entity::find()
            .select_only()
            .column(column)
            .filter(within(column, through))
            .order_by_asc(column)
            .offset(PAGE)
            .limit(1)
            .into_tuple()
            .one(connection)
            .await?;
        through = last.map_or(through, |last| std::cmp::min(last, through));
    }
    let mut incidents = Vec::new();
    for column in columns {
        let rows = incident::Entity::find().filter(within(column, through));
        incidents.extend(rows.all(connection).await?);
    }
    Ok((incidents, through))
}

/// What is to be said of `incidents` at `now`; filed as the incident stands.
fn notices(incidents: &[incident::Model], now: DateTime<Utc>) -> Vec<activity::Model> {
    let notice = |row: &incident::Model| {
        let deadlines = Deadlines::stored(row);
        let deadline = deadlines.miss_at?;
        let (kind, occurred_at) = match deadlines.at(now) {
            SlaState::Breached => (ActivityKind::SlaBreached, deadline),
            SlaState::AtRisk => (ActivityKind::SlaAtRisk, deadlines.risk_at?),
            SlaState::NotApplicable | SlaState::OnTrack | SlaState::Met => return None,
        };
        Some(activity::Model {
            seq: 0,
            id: id::activity(&("sla", kind, row.id, deadline.timestamp_micros())),
            kind,
            occurred_at,
            recorded_at: now,
            late: row.last_activity_at > occurred_at,
            subject_id: row.id.0,
            site_id: Some(row.site_id),
            property_id: None,
            building_id: Some(row.building_id),
            zone_id: row.zone_id,
            incident_id: Some(row.id),
            task_id: Some(row.task_id),
            tenant: None,
            delivery_id: None,
            changes: Json(Vec::new()),
            data: None,
        })
    };
    let mut notices: Vec<activity::Model> = incidents.iter().filter_map(notice).collect();
    notices.sort_by_key(|row| (row.occurred_at, row.id));
    notices.dedup_by_key(|row| row.id);
    notices
}

/// Those of `notices` that were not given before, filed under the property of their building too.
async fn news(
    connection: &impl ConnectionTrait,
    notices: Vec<activity::Model>,
    recorded_at: DateTime<Utc>,
) -> Result<Vec<activity::Model>, DbErr> {
    let ids: Vec<Uuid> = notices.iter().map(|row| row.id.0).collect();
    let known = load::known(connection, &ids).await?;
    let news: Vec<activity::Model> = notices
        .into_iter()
        .filter(|row| !known.contains(&row.id))
        .collect();
    let buildings: Vec<Uuid> = news
        .iter()
        .filter_map(|row| row.building_id.map(|id| id.0))
        .collect();
    if buildings.is_empty() {
        return Ok(news);
    }
    let buildings =
        bulk::rows::<building::Entity>(connection, "id IN {0}", &[Keys::Uuids(&buildings)]).await?;
    let property = |row: &activity::Model| {
        let found = buildings
            .iter()
            .find(|known| Some(known.id) == row.building_id);
        found.and_then(|building| building.property_id)
    };
    Ok(news
        .into_iter()
        .map(|row| activity::Model {
            property_id: property(&row),
            recorded_at,
            ..row
        })
        .collect())
}
