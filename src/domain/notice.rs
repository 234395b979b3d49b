//! Notices: caretaker's own activities, which say that a deadline became doubtful or was missed. They tell what was
//! known then and are never taken back; one deadline of one incident gives each of them once, on any number of nodes.

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Json, activity, building, incident};
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
/// The setting that names the last change of deadlines that no activity tells of: another rule, a swap.
const LOOK_AGAIN: &str = "sla_look_again";
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
    /// The change of deadlines after which all open incidents have been looked at.
    #[serde(default)]
    looked: Option<Uuid>,
    /// After which change they are being looked at, and through which incident they have been.
    #[serde(skip)]
    looking: Option<(Uuid, Uuid)>,
    /// What of it is stored.
    #[serde(skip)]
    stored: i64,
}

impl Mark {
    /// Where the notices of an earlier run ended. Where there were none they begin now, and with what is open: of what
    /// was over before nobody is told.
    ///
    /// # Errors
    /// What the database says.
    pub async fn load(database: &Database, now: DateTime<Utc>) -> Result<Self, DbErr> {
        if let Some(mark) = Self::read(&database.feed).await? {
            return Ok(mark);
        }
        let transaction = batch::begin(database).await?;
        // Another server may have begun meanwhile.
        let mark = match Self::read(&transaction).await? {
            Some(mark) => mark,
            None => {
                let mark = Self {
                    seq: journal::tip(&transaction).await?,
                    time: now,
                    looked: None,
                    looking: None,
                    stored: 0,
                };
                mark.keep(&transaction).await?;
                look_again(&transaction).await?;
                mark
            }
        };
        transaction.commit().await?;
        Ok(Self {
            stored: mark.seq,
            ..mark
        })
    }

    async fn read(connection: &impl ConnectionTrait) -> Result<Option<Self>, DbErr> {
        let text = journal::setting(connection, TOLD_THROUGH).await?;
        let mark: Option<Self> = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(mark.map(|mark| Self {
            stored: mark.seq,
            ..mark
        }))
    }

    async fn keep(&self, connection: &impl ConnectionTrait) -> Result<(), DbErr> {
        let value =
            serde_json::to_string(self).map_err(|error| DbErr::Custom(error.to_string()))?;
        journal::keep(connection, TOLD_THROUGH, value).await
    }
}

/// Takes all that happened and every deadline that passed so far for looked at, where notices are given at all: they are
/// not judged by another rule than then.
///
/// # Errors
/// What the database says.
pub async fn pass_over(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<(), DbErr> {
    if let Some(mark) = Mark::read(connection).await? {
        let seq = journal::tip(connection).await?;
        let time = std::cmp::max(mark.time, now);
        Mark { seq, time, ..mark }.keep(connection).await?;
    }
    Ok(())
}

/// Lets all servers look at all open incidents again: their deadlines were changed, and no activity tells of it.
///
/// # Errors
/// What the database says.
pub async fn look_again(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    journal::keep(connection, LOOK_AGAIN, Uuid::new_v4().to_string()).await
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

/// Gives the notices that are due at `now`, a page of them. The writer's lock is taken only where there is one to give.
///
/// # Errors
/// What the database says; then `mark` stays.
pub async fn give(database: &Database, mark: &mut Mark, now: DateTime<Utc>) -> Result<Step, DbErr> {
    let now = std::cmp::max(now, mark.time);
    let (mut incidents, touched) = touched(&database.feed, mark.seq).await?;
    let (passed, through) = passed(&database.feed, mark.time, now).await?;
    incidents.extend(passed);
    let open = open(&database.feed, mark, now).await?;
    incidents.extend(open.incidents);
    let is_more = touched.is_more || through < now || open.looking.is_some();
    let reached = Mark {
        seq: touched.through,
        time: through,
        looked: open.looked,
        looking: open.looking,
        stored: mark.stored,
    };
    let due = unsaid(&database.feed, notices(&incidents, now)).await?;
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
    reached.keep(&transaction).await?;
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

/// Open incidents to be looked at because deadlines were changed.
struct Open {
    incidents: Vec<incident::Model>,
    looked: Option<Uuid>,
    looking: Option<(Uuid, Uuid)>,
}

/// A page of the open incidents with a deadline, or the beginning of doubt, before `now`, if deadlines were changed since
/// all of them have been looked at; and how far that then is.
async fn open(
    connection: &impl ConnectionTrait,
    mark: &Mark,
    now: DateTime<Utc>,
) -> Result<Open, DbErr> {
    let change = journal::setting(connection, LOOK_AGAIN).await?;
    let change: Option<Uuid> = change.and_then(|change| change.parse().ok());
    let Some(change) = change.filter(|change| mark.looked != Some(*change)) else {
        return Ok(Open {
            incidents: Vec::new(),
            looked: mark.looked,
            looking: None,
        });
    };
    // Another change meanwhile begins anew.
    let looking = mark.looking.filter(|(of, _)| *of == change);
    let after = looking.map_or(Uuid::nil(), |(_, through)| through);
    let past = Condition::any()
        .add(incident::Column::SlaMissAt.lte(now))
        .add(incident::Column::SlaRiskAt.lte(now));
    let incidents = incident::Entity::find()
        .filter(incident::Column::IsOpen.eq(true))
        .filter(past)
        .filter(incident::Column::Id.gt(after))
        .order_by_asc(incident::Column::Id)
        .limit(PAGE)
        .all(connection)
        .await?;
    let last = incidents.last().map(|row| (change, row.id.0));
    let looking = last.filter(|_| incidents.len() as u64 == PAGE);
    let is_done = looking.is_none();
    Ok(Open {
        incidents,
        looked: if is_done { Some(change) } else { mark.looked },
        looking,
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
    for column in columns {
        // Where a page ends, its last moment is taken whole, however many share it. What shares the first moment does not
        // count: it would fill the same page again.
        let last: Option<DateTime<Utc>> = incident::Entity::find()
            .select_only()
            .column(column)
            .filter(column.gt(since))
            .filter(column.lte(through))
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
        let rows = incident::Entity::find()
            .filter(column.gte(since))
            .filter(column.lte(through));
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
            generation: activity::GENERATION,
        })
    };
    let mut notices: Vec<activity::Model> = incidents.iter().filter_map(notice).collect();
    notices.sort_by_key(|row| (row.occurred_at, row.id));
    notices.dedup_by_key(|row| row.id);
    notices
}

/// Those of `notices` that were not given before.
async fn unsaid(
    connection: &impl ConnectionTrait,
    mut notices: Vec<activity::Model>,
) -> Result<Vec<activity::Model>, DbErr> {
    if !notices.is_empty() {
        let ids: Vec<Uuid> = notices.iter().map(|row| row.id.0).collect();
        let known = load::known(connection, &ids).await?;
        notices.retain(|row| !known.contains(&row.id));
    }
    Ok(notices)
}

/// Those of `notices` that were not given before, filed under the property of their building too.
async fn news(
    connection: &impl ConnectionTrait,
    notices: Vec<activity::Model>,
    recorded_at: DateTime<Utc>,
) -> Result<Vec<activity::Model>, DbErr> {
    let news = unsaid(connection, notices).await?;
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
