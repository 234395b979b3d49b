//! A time as the feed has it: the last activity that was recorded by then.

use chrono::{DateTime, Utc};
use entity::{activity, setting};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::Unanswered;
use crate::domain::filter::comparable;
use crate::domain::journal::{CHANGES_WHOLE_FROM, HISTORY_FROM};

/// An earlier time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time.
    pub at: DateTime<Utc>,
    /// The last activity that was recorded by then; 0 when there was none. What was recorded later has a greater number.
    pub seq: i64,
}

/// The time `at`, asked at `now`. Two statements.
///
/// # Errors
/// When it lies ahead or before the history that is kept, or what the database says.
pub async fn moment(
    connection: &impl ConnectionTrait,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Moment, Unanswered> {
    let at = comparable(at);
    if at > now {
        return Err(Unanswered::Ahead);
    }
    if let Some(from) = kept_from(connection).await?.filter(|from| at < *from) {
        return Err(Unanswered::Pruned(from));
    }
    let last: Option<i64> = activity::Entity::find()
        .select_only()
        .column(activity::Column::Seq)
        .filter(activity::Column::RecordedAt.lte(at))
        .order_by_desc(activity::Column::RecordedAt)
        .order_by_desc(activity::Column::Seq)
        .limit(1)
        .into_tuple()
        .one(connection)
        .await?;
    Ok(Moment {
        at,
        seq: last.unwrap_or(0),
    })
}

/// The time from which on all activities are kept and hold all changes; none when that was always so.
async fn kept_from(connection: &impl ConnectionTrait) -> Result<Option<DateTime<Utc>>, DbErr> {
    let marks = setting::Entity::find()
        .filter(setting::Column::Name.is_in([HISTORY_FROM, CHANGES_WHOLE_FROM]))
        .all(connection)
        .await?;
    let times = marks.iter().filter_map(|mark| mark.value.parse().ok());
    Ok(times.max())
}
