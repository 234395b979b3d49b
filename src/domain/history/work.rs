//! Incidents and tasks as they were.

use std::collections::{BTreeSet, HashMap};

use entity::{IncidentId, TaskKind, activity, incident, task};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::past::{Past, same};
use super::place::{covered, homes};
use super::{Moment, Unanswered};
use crate::domain::operator::sla;
use crate::domain::read;
use crate::domain::scope::Scope;
use crate::domain::sla::Deadlines;
use crate::domain::status_type;

/// The incidents with these ids, as they were at `moment`; those that were known then and that `scope` covers both where
/// they stand now and where they stood. Their deadlines are those of the rule that counts now.
///
/// # Errors
/// As [`tasks`].
pub async fn incidents(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    moment: &Moment,
    ids: &[Uuid],
) -> Result<Vec<incident::Model>, Unanswered> {
    let column = incident::Column::Id;
    let mut rows = read::by_keys::<incident::Entity>(scope, connection, column, ids).await?;
    if rows.is_empty() {
        return Ok(rows);
    }
    let keys: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let past = Past::filed(connection, moment, activity::Column::IncidentId, &keys).await?;
    rows.retain(|row| !past.was_unknown(row.id.0, "code"));
    let homes = homes(connection, moment, rows.iter().map(|row| row.site_id)).await?;
    let rule = sla::rule(connection).await?;
    for row in &mut rows {
        past.restore(row.id.0, row, same)?;
        if let Some(home) = homes.get(&row.site_id) {
            row.building_id = home.building;
        }
        Deadlines::of(row, &rule).store(row);
    }
    let covered = covered(scope, connection, rows.iter().map(|row| row.building_id)).await?;
    rows.retain(|row| covered.contains(&row.building_id));
    Ok(rows)
}

/// The tasks with these ids, as they were at `moment`; those that were known then and that `scope` covers both as they
/// are filed now and as they were. The description as it was sent is kept only of the latest: null where it was another.
///
/// # Errors
/// When too much happened since, or what the database says.
pub async fn tasks(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    moment: &Moment,
    ids: &[Uuid],
) -> Result<Vec<task::Model>, Unanswered> {
    let column = task::Column::Id;
    let rows = read::by_keys::<task::Entity>(scope, connection, column, ids).await?;
    as_they_were(scope, connection, moment, rows).await
}

/// The Urgent tasks that belonged to each of these incidents at `moment`.
///
/// # Errors
/// As [`tasks`].
pub async fn work_orders(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    moment: &Moment,
    incidents: &[Uuid],
) -> Result<HashMap<Uuid, Vec<task::Model>>, Unanswered> {
    let column = task::Column::IncidentId;
    let mut rows = read::by_keys::<task::Entity>(scope, connection, column, incidents).await?;
    // What left an incident is told where it left.
    let past = Past::filed(connection, moment, activity::Column::IncidentId, incidents).await?;
    let left: BTreeSet<Uuid> = incidents
        .iter()
        .flat_map(|id| past.had("incident_id", *id))
        .filter(|id| rows.iter().all(|row| row.id.0 != *id))
        .collect();
    let left: Vec<Uuid> = left.into_iter().collect();
    rows.extend(read::by_keys::<task::Entity>(scope, connection, task::Column::Id, &left).await?);
    let rows = as_they_were(scope, connection, moment, rows).await?;
    let mut of_incidents: HashMap<Uuid, Vec<task::Model>> = HashMap::new();
    for row in rows {
        if let Some(IncidentId(incident)) = row.incident_id {
            of_incidents.entry(incident).or_default().push(row);
        }
    }
    Ok(of_incidents)
}

async fn as_they_were(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    moment: &Moment,
    mut rows: Vec<task::Model>,
) -> Result<Vec<task::Model>, Unanswered> {
    if rows.is_empty() {
        return Ok(rows);
    }
    let keys: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let past = Past::filed(connection, moment, activity::Column::TaskId, &keys).await?;
    rows.retain(|row| match own_incident(row) {
        Some(incident) => !past.was_unknown(incident.0, "code"),
        None => !past.was_unknown(row.id.0, "identifier"),
    });
    for row in &mut rows {
        restore(&past, row)?;
    }
    let sites = rows.iter().filter_map(|row| row.site_id);
    let homes = homes(connection, moment, sites).await?;
    for row in &mut rows {
        let home = row.site_id.and_then(|site| homes.get(&site));
        row.building_id = home.map(|home| home.building);
        if row.source == entity::Source::Urgent {
            row.zone_id = home.and_then(|home| home.zone);
        }
    }
    let stood = rows.iter().filter_map(|row| row.building_id);
    let covered = covered(scope, connection, stood).await?;
    rows.retain(|row| match scope {
        Scope::Operator | Scope::All => true,
        Scope::Claims(claims) => {
            let of_tenant = row.tenant.as_ref();
            of_tenant.is_some_and(|tenant| claims.tenants.contains(tenant))
                || row.building_id.is_some_and(|id| covered.contains(&id))
        }
    });
    Ok(rows)
}

/// The incident whose own work order a task is: it is that incident in other words.
fn own_incident(row: &task::Model) -> Option<IncidentId> {
    row.incident_id
        .filter(|_| row.kind == TaskKind::IncidentWork)
}

fn restore(past: &Past, row: &mut task::Model) -> Result<(), Unanswered> {
    if let Some(incident) = own_incident(row) {
        past.restore(incident.0, row, |field| match field {
            "kind" => Some("initiator"),
            "code" | "escalation_level" | "highest_escalation_level" | "is_open" | "sensors" => {
                None
            }
            field => Some(field),
        })?;
        return Ok(());
    }
    let description = row.set_by.0.get("raw");
    if description.is_some_and(|setter| past.is_later(setter.3)) {
        row.raw = None;
    }
    past.restore(row.id.0, row, same)?;
    row.status_key = row.status.as_deref().map(status_type::key);
    Ok(())
}
