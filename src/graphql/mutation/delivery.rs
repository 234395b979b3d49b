//! Calls driven again by operators.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Json, Object, SimpleObject};
use entity::DeliveryId;
use serde_json::Value;

use crate::domain::delivery::Receipt;
use crate::domain::row;
use crate::graphql::enums::Outcome;
use crate::graphql::error::{ErrorCode, Fault};
use crate::graphql::id::{self, Kind};
use crate::graphql::object::Delivery;
use crate::graphql::plan::Loader;
use crate::graphql::selection::Selected;
use crate::graphql::slot::Answered;
use crate::graphql::written::written;
use crate::operate::replay::{Replay, ReplayError, Report, Verdict};

/// How many changed rows an answer shows.
const MOST_ROWS: usize = 100;
/// How many characters of a text are shown.
const LONGEST: usize = 1_000;

/// Calls driven again.
#[derive(Debug, Default)]
pub struct DeliveryMutation;

#[Object]
impl DeliveryMutation {
    /// Drives a kept call again, as this release reads it: what was quarantined may go through now, what is known stays
    /// as it is, so that doing it twice is doing it once. Null when there is no such delivery. Operators only.
    async fn replay_delivery(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The global id of the delivery.")] id: ID,
        #[graphql(desc = "True: only tell what would change.", default = false)] dry_run: bool,
    ) -> async_graphql::Result<Option<Answered<ReplayedDelivery>>> {
        let replayed = replay(context, &id, dry_run).await?;
        let answered = replayed.map(|replayed| Answered::here(&replayed, context));
        Ok(answered.transpose()?)
    }
}

/// What driving a delivery again came to, or would come to.
#[derive(SimpleObject)]
pub struct ReplayedDelivery {
    /// The delivery as it is now.
    delivery: Arc<Delivery>,
    /// Whether this only tells what would change.
    is_dry_run: bool,
    /// What became of the delivery, or would become of it.
    outcome: Outcome,
    /// How many of its events were news.
    applied: i32,
    /// How many of its elements left the quarantine.
    resolved: i32,
    /// How many of its elements are in quarantine after it.
    quarantined: i32,
    /// The rows that differ after it, its own among them; the first 100. Null when the database refused elements that only
    /// this replay found: they are in quarantine now, and what the others changed was not looked at.
    changes: Option<Vec<ChangedRow>>,
    /// How many rows differ; more than `changes` shows when it is more than 100. Null as `changes` is.
    change_count: Option<i32>,
    /// How many entries timelines got of what happened before its place was known. Null as `changes` is.
    linked_count: Option<i32>,
}

written!(ReplayedDelivery {
    delivery,
    is_dry_run,
    outcome,
    applied,
    resolved,
    quarantined,
    changes,
    change_count,
    linked_count,
});

/// What became of a row.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub enum RowVerdict {
    /// It is new.
    Added,
    /// It has other values.
    Changed,
    /// It is gone.
    Removed,
}

/// A row of the database that differs.
#[derive(SimpleObject)]
pub struct ChangedRow {
    /// The table.
    table: &'static str,
    /// The key of the row: no global id, but what it holds inside.
    key: String,
    /// What became of it.
    verdict: RowVerdict,
    /// The columns that differ, by name.
    fields: Vec<ChangedColumn>,
}

written!(ChangedRow {
    table,
    key,
    verdict,
    fields
});

/// A column that differs.
#[derive(SimpleObject)]
pub struct ChangedColumn {
    /// The column.
    field: &'static str,
    /// The value before; null when there was none. Of a text the first 1,000 characters, then `…`.
    from: Json<Value>,
    /// The value after; null when there is none. Of a text the first 1,000 characters, then `…`.
    to: Json<Value>,
}

written!(ChangedColumn { field, from, to });

async fn replay(
    context: &Context<'_>,
    id: &ID,
    is_dry_run: bool,
) -> Result<Option<ReplayedDelivery>, Fault> {
    let loader = Loader::of(context)?;
    loader.operators_only()?;
    let key = id::decode_as(Kind::Delivery, id)?;
    let replay: Replay = context
        .data::<Replay>()
        .map_err(|_| Fault::internal("a mutation came without the means to replay"))?
        .clone();
    // A caller that goes away leaves no call half driven.
    let driving = tokio::spawn(async move { replay.one(DeliveryId(key), is_dry_run).await });
    let driven = driving.await.map_err(Fault::internal)?;
    let Some(report) = driven.map_err(fault_of)? else {
        return Ok(None);
    };
    let (receipt, effect) = told(report)?;
    let selection = Selected::here(context)
        .selection()
        .below("ReplayedDelivery", "delivery");
    let mut found = loader.keyed::<Delivery>(&[key], selection).await?;
    let Some(delivery) = found.remove(&key) else {
        return Ok(None);
    };
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let change_count = effect.as_ref().map(|effect| count(effect.rows));
    let linked_count = effect.as_ref().map(|effect| count(effect.linked));
    Ok(Some(ReplayedDelivery {
        delivery,
        is_dry_run,
        outcome: receipt.outcome.into(),
        applied: count(receipt.applied),
        resolved: count(receipt.resolved),
        quarantined: count(receipt.quarantined),
        changes: effect.map(|effect| effect.shown),
        change_count,
        linked_count,
    }))
}

/// What driving a call again changes.
struct Effect {
    rows: usize,
    shown: Vec<ChangedRow>,
    linked: usize,
}

fn told(report: Report) -> Result<(Receipt, Option<Effect>), Fault> {
    match report.verdict {
        Verdict::Driven(again) => {
            let effect = Effect {
                rows: again.rows.len(),
                linked: usize::try_from(again.linked).unwrap_or(usize::MAX),
                shown: again
                    .rows
                    .into_iter()
                    .take(MOST_ROWS)
                    .map(Into::into)
                    .collect(),
            };
            Ok((again.receipt, Some(effect)))
        }
        Verdict::PartlyRefused(receipt) => Ok((receipt, None)),
        Verdict::Gone => Err(Fault::new(
            ErrorCode::HistoryPruned,
            "this call was pruned meanwhile",
        )),
        Verdict::BodyPruned => Err(Fault::new(
            ErrorCode::HistoryPruned,
            "the bytes of this call are no longer kept",
        )),
        Verdict::BodyDamaged => Err(Fault::internal(format!(
            "the kept bytes of the delivery {} have another hash",
            report.delivery.id.0
        ))),
    }
}

/// A description may be as large as a call: one answer does not hold a hundred of them twice.
fn shown(value: Value) -> Value {
    match value {
        Value::String(mut text) => {
            if let Some((end, _)) = text.char_indices().nth(LONGEST) {
                text.truncate(end);
                text.push('…');
            }
            Value::String(text)
        }
        value => value,
    }
}

fn fault_of(error: ReplayError) -> Fault {
    match error {
        ReplayError::Database(error) => error.into(),
        ReplayError::Unknown(_) | ReplayError::Untold(_) => Fault::internal(error),
        ReplayError::Away => Fault::new(
            ErrorCode::DatabaseAway,
            "the database does not store now; try again later",
        ),
    }
}

impl From<row::RowChange> for ChangedRow {
    fn from(change: row::RowChange) -> Self {
        let fields = change.fields.into_iter().map(|change| ChangedColumn {
            field: change.field,
            from: Json(shown(change.from)),
            to: Json(shown(change.to)),
        });
        Self {
            table: change.table,
            key: change.id.to_string(),
            verdict: match change.verdict {
                row::RowVerdict::Added => RowVerdict::Added,
                row::RowVerdict::Changed => RowVerdict::Changed,
                row::RowVerdict::Removed => RowVerdict::Removed,
            },
            fields: fields.collect(),
        }
    }
}
