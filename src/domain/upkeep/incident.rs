//! Incidents: their deadlines, by the rule that counts, and what older releases did not keep of how they stood.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Change, IncidentId, Json, WorkState, activity, incident, task};
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Statement,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::portion::Portion;
use crate::domain::bulk::{self, Existing, Keys};
use crate::domain::database::Database;
use crate::domain::fold::{settle, stood, work_order};
use crate::domain::sla::{Deadlines, Rule};
use crate::domain::{batch, diff, journal, notice, operator};

/// The setting that says by what the incidents were gone through, and how far.
const APPLIED: &str = "sla_rule_applied";
/// How many incidents one transaction goes through.
const PAGE: u64 = 1_000;

/// By what the incidents were gone through, and how far.
#[derive(Debug, Serialize, Deserialize)]
struct Applied {
    /// The rule.
    rule: Rule,
    /// The generation of what is kept of them.
    generation: i32,
    /// Through which incident; none when through all.
    after: Option<Uuid>,
}

impl Applied {
    async fn read(connection: &impl ConnectionTrait) -> Result<Option<Self>, DbErr> {
        let text = journal::setting(connection, APPLIED).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// After which incident to go on with `rule`; none when that is done.
    async fn open(connection: &impl ConnectionTrait, rule: &Rule) -> Result<Option<Uuid>, DbErr> {
        Ok(match Self::read(connection).await? {
            Some(applied) if applied.is_by(rule) => applied.after,
            // A newer release beside this one goes on in its own way.
            Some(applied) if applied.generation > activity::GENERATION => None,
            _ => Some(Uuid::nil()),
        })
    }

    fn is_by(&self, rule: &Rule) -> bool {
        self.rule == *rule && self.generation == activity::GENERATION
    }
}

/// Brings a page of the incidents into line, unless all are. Another rule meanwhile begins anew. Gives whether there is
/// more.
///
/// # Errors
/// What the database says; nothing is changed then.
pub async fn bring_into_line(database: &Database, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let rule = operator::sla::rule(&database.feed).await?;
    if Applied::open(&database.feed, &rule).await?.is_none() {
        return Ok(false);
    }
    let transaction = batch::begin(database).await?;
    let rule = operator::sla::rule(&transaction).await?;
    let Some(after) = Applied::open(&transaction, &rule).await? else {
        transaction.rollback().await?;
        return Ok(false);
    };
    let rows = incident::Entity::find()
        .filter(incident::Column::Id.gt(after))
        .order_by_asc(incident::Column::Id)
        .limit(PAGE)
        .all(&transaction)
        .await?;
    let last = rows.last().map(|row| row.id.0);
    let after = last.filter(|_| rows.len() as u64 == PAGE);
    let at = batch::recorded_at(&transaction, now).await?;
    let portion = Portion::Incidents(rows, &rule, at);
    portion.bring_into_line(&transaction).await?;
    if after.is_none() {
        notice::look_again(&transaction).await?;
    }
    let applied = Applied {
        rule,
        generation: activity::GENERATION,
        after,
    };
    let value =
        serde_json::to_string(&applied).map_err(|error| DbErr::Custom(error.to_string()))?;
    journal::keep(&transaction, APPLIED, value).await?;
    transaction.commit().await?;
    Ok(after.is_some())
}

/// Makes incidents what they were told and `rule` come to. Gives whether deadlines moved.
pub(super) async fn mend(
    transaction: &DatabaseTransaction,
    rows: Vec<incident::Model>,
    rule: &Rule,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let mut told = told_to_older(transaction, &ids).await?;
    let (mut changed, mut orders) = (Vec::new(), Vec::new());
    let (mut is_moved, mut is_history) = (false, false);
    for before in rows {
        let mut row = before.clone();
        for (state, at) in told.remove(&row.id).unwrap_or_default() {
            stood(&mut row, state, at);
        }
        settle(&mut row, rule);
        if row == before {
            continue;
        }
        is_moved |= Deadlines::stored(&row) != Deadlines::stored(&before);
        let kept = diff::changes::<incident::Entity>(row.id.0, "", Some(&before), &row);
        is_history |= !kept.is_empty();
        if row.completed_at != before.completed_at {
            orders.push(work_order(&row));
        }
        changed.push(row);
    }
    bulk::write::<incident::Entity>(transaction, &changed, &[], Existing::Replace).await?;
    bulk::write::<task::Entity>(transaction, &orders, &[], Existing::Replace).await?;
    if is_history {
        journal::forget_before(transaction, at).await?;
    }
    Ok(is_moved)
}

/// What older releases wrote of incidents.
const TOLD: &str = "SELECT incident_id, kind, occurred_at, changes FROM activity
    WHERE incident_id IN {0} AND tenant IS NULL AND generation < 1 ORDER BY seq";

#[derive(FromQueryResult)]
struct Told {
    incident_id: IncidentId,
    kind: ActivityKind,
    occurred_at: DateTime<Utc>,
    changes: Json<Vec<Change>>,
}

/// In which states incidents were told to be, and when, by what older releases wrote. An activity has the state where it
/// changed it; else its kind says whether it was open, and an escalation nothing new. What was pruned is not there.
async fn told_to_older(
    connection: &impl ConnectionTrait,
    incidents: &[Uuid],
) -> Result<HashMap<IncidentId, Vec<(WorkState, DateTime<Utc>)>>, DbErr> {
    let mut told: HashMap<IncidentId, Vec<(WorkState, DateTime<Utc>)>> = HashMap::new();
    let mut known: HashMap<IncidentId, WorkState> = HashMap::new();
    if incidents.is_empty() {
        return Ok(told);
    }
    let backend = connection.get_database_backend();
    let mut sql = String::new();
    let values = bulk::place_keys(&mut sql, TOLD, &[Keys::Uuids(incidents)], backend);
    let select = Statement::from_sql_and_values(backend, sql, values);
    for row in connection.query_all_raw(select).await? {
        let row = Told::from_query_result(&row, "")?;
        let id = row.incident_id;
        let is_state = |change: &&Change| change.of == id.0 && change.field == "state";
        let change = row.changes.0.iter().find(is_state);
        let changed = change.and_then(|change| change.to.as_str().map(str::to_owned));
        let changed = changed.and_then(|state| WorkState::try_from_value(&state).ok());
        if let Some(state) = changed {
            known.insert(id, state);
        }
        let of_kind = match row.kind {
            ActivityKind::IncidentReported => WorkState::Assigned,
            ActivityKind::IncidentStarted => WorkState::Started,
            ActivityKind::IncidentCompleted => WorkState::Completed,
            ActivityKind::IncidentNotResolved => WorkState::Incomplete,
            ActivityKind::IncidentEscalated => *known.get(&id).unwrap_or(&WorkState::Assigned),
            _ => continue,
        };
        let states = told.entry(id).or_default();
        states.push((changed.unwrap_or(of_kind), row.occurred_at));
    }
    Ok(told)
}
