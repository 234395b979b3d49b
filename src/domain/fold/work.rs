//! Matrix work: incidents with their own work orders, and tasks.

use chrono::{DateTime, Utc};
use entity::{Change, Json, Priority, SetBy, Setter, Source, TaskKind, WorkState, incident, task};

use super::{Told, place};
use crate::domain::diff;
use crate::domain::fact::{Fact, Work};
use crate::domain::id::{self, SiteKey};
use crate::domain::register::Registers;
use crate::domain::sla::{Deadlines, Rule};
use crate::domain::state::State;
use crate::domain::statistics::incident::reopened_at;
use crate::domain::status_type::filter::CLOSED_STATES;

/// The states in which nobody has to act any more.
fn is_closed(state: WorkState) -> bool {
    CLOSED_STATES.contains(&state)
}

/// The states in which somebody has the work: from then on `Start` is when it was assigned.
fn is_assigned(work: &Work) -> bool {
    work.state
        .as_ref()
        .is_some_and(|state| !matches!(state.meaning, WorkState::NotAssigned | WorkState::Unknown))
}

/// An event of an incident.
pub(super) fn incident(state: &mut State, fact: &Fact, work: &Work) -> Told {
    let setter = fact.setter();
    let site = place::matrix_site(
        state,
        &work.building,
        work.place.property.as_deref(),
        setter,
    );
    let zone = place::mentioned(state, site, &work.building, &work.place, setter);
    let id = id::incident(&work.building, &work.code);
    let before = state.incidents.get(id).cloned();
    let mut row = before.clone().unwrap_or_else(|| incident::Model {
        site_id: site,
        building_id: place::building_of(state, site),
        ..empty_incident(&work.building, &work.code, fact.occurred_at)
    });
    let mut registers = Registers::new(&mut row.set_by.0, setter);
    registers.write_some("zone_id", &mut row.zone_id, zone);
    registers.write_some("name", &mut row.name, work.name.clone());
    registers.write_some(
        "description",
        &mut row.description,
        work.description.clone(),
    );
    registers.write_some("kind", &mut row.kind, work.kind.clone());
    if let Some(priority) = &work.priority
        && registers.claim("priority")
    {
        row.priority = priority.meaning;
        row.priority_raw = Some(priority.raw.clone());
    }
    if let Some(state) = &work.state
        && registers.claim("state")
    {
        row.state = state.meaning;
        row.state_raw = Some(state.raw.clone());
    }
    if let Some(level) = work.escalation_level {
        registers.write("escalation_level", &mut row.escalation_level, level);
        row.highest_escalation_level = row.highest_escalation_level.max(level);
    }
    let assigned = work.start.filter(|_| is_assigned(work));
    registers.write_some("assigned_at", &mut row.assigned_at, assigned);
    registers.write_some("due_at", &mut row.due_at, work.due);
    registers.write_some("started_at", &mut row.started_at, work.started);
    registers.write_some("ended_at", &mut row.ended_at, work.ended);
    if let Some(sensors) = &work.sensors {
        registers.write("sensors", &mut row.sensors, Json(sensors.clone()));
    }
    row.reported_at = earliest(row.reported_at, work.start, fact.occurred_at);
    row.last_activity_at = row.last_activity_at.max(fact.occurred_at);
    if let Some(state) = &work.state {
        stood(&mut row, state.meaning, fact.occurred_at);
    }
    settle(&mut row, &state.sla_rule);

    let order = work_order(&row);
    let told = Told {
        subject: id.0,
        filed: place::filed(state, site, row.zone_id),
        incident: Some(id),
        task: Some(order.id),
        tenant: None,
        late: before
            .as_ref()
            .is_some_and(|row| row.last_activity_at > fact.occurred_at),
        changes: changes(state, setter, before.as_ref(), &row),
        ..Told::default()
    };
    state.put_task(order);
    state.put_incident(row);
    told
}

/// Takes in that an incident was told to be in `state` at a time.
pub(in crate::domain) fn stood(row: &mut incident::Model, state: WorkState, at: DateTime<Utc>) {
    match state {
        WorkState::Unknown => {}
        state if is_closed(state) => {
            row.first_ended_at = row.first_ended_at.into_iter().chain([at]).min();
        }
        _ => row.last_open_at = row.last_open_at.max(Some(at)),
    }
}

/// What follows from what an incident was told and from the operator's word.
pub(in crate::domain) fn settle(row: &mut incident::Model, rule: &Rule) {
    row.is_open = !is_closed(row.state);
    row.completed_at = row
        .ended_at
        .filter(|_| !row.is_open && is_of_the_last_end(row));
    row.reopened_at = reopened_at(row.first_ended_at, row.last_open_at);
    Deadlines::of(row, rule).store(row);
}

/// Whether the end was told of since the incident was open last: before that it was the end of what was reopened.
fn is_of_the_last_end(row: &incident::Model) -> bool {
    let told = row.set_by.0.get("ended_at");
    let told = told.and_then(|setter| DateTime::from_timestamp_micros(setter.1));
    told >= row.last_open_at
}

/// An incident of which nothing is told yet but that something happened at `at`.
pub(in crate::domain) fn empty_incident(
    building: &str,
    code: &str,
    at: DateTime<Utc>,
) -> incident::Model {
    let site = SiteKey::matrix(building);
    incident::Model {
        id: id::incident(building, code),
        site_id: site.id(),
        building_id: site.building(),
        zone_id: None,
        code: code.to_owned(),
        task_id: id::work_order(building, code),
        name: None,
        description: None,
        kind: None,
        priority: Priority::Unknown,
        priority_raw: None,
        state: WorkState::Unknown,
        state_raw: None,
        is_open: true,
        escalation_level: 0,
        highest_escalation_level: 0,
        reported_at: at,
        assigned_at: None,
        due_at: None,
        started_at: None,
        ended_at: None,
        completed_at: None,
        sensors: Json(Vec::new()),
        sla_start_by: None,
        sla_due_at: None,
        sla_miss_at: None,
        sla_risk_at: None,
        first_ended_at: None,
        last_open_at: None,
        reopened_at: None,
        last_activity_at: at,
        set_by: Json(SetBy::new()),
    }
}

/// The fields of the incident that changed, and the name of its zone when this fact told it.
fn changes(
    state: &State,
    setter: Setter,
    before: Option<&incident::Model>,
    row: &incident::Model,
) -> Vec<Change> {
    let mut changes = diff::changes::<incident::Entity>(row.id.0, "", before, row);
    changes.retain(|change| change.field != "task_id" && change.field != "ended_at");
    if let Some(zone) = row.zone_id.and_then(|zone| state.zones.get(zone)) {
        let told_here = zone.set_by.0.get("name") == Some(&setter);
        let stored = state
            .zones
            .stored(zone.id)
            .and_then(|zone| zone.name.clone());
        if told_here && stored != zone.name {
            changes.push(Change {
                of: zone.id.0,
                field: "zone.name".to_owned(),
                from: stored.into(),
                to: zone.name.clone().into(),
            });
        }
    }
    changes
}

/// Matrix's own work order for an incident: the incident seen as a task.
pub(in crate::domain) fn work_order(incident: &incident::Model) -> task::Model {
    task::Model {
        name: incident.name.clone(),
        description: incident.description.clone(),
        zone_id: incident.zone_id,
        incident_id: Some(incident.id),
        initiator: incident.kind.clone(),
        priority: Some(incident.priority),
        priority_raw: incident.priority_raw.clone(),
        state: Some(incident.state),
        state_raw: incident.state_raw.clone(),
        assigned_at: incident.assigned_at,
        due_at: incident.due_at,
        started_at: incident.started_at,
        ended_at: incident.ended_at,
        completed_at: incident.completed_at,
        reported_at: incident.reported_at,
        last_activity_at: incident.last_activity_at,
        is_described: true,
        ..super::empty_task(
            incident.task_id,
            Source::Matrix,
            TaskKind::IncidentWork,
            None,
            &incident.code,
            Some((incident.site_id, incident.building_id)),
            incident.reported_at,
        )
    }
}

/// An event of a Matrix task.
pub(super) fn matrix_task(state: &mut State, fact: &Fact, work: &Work) -> Told {
    let setter = fact.setter();
    let site = place::matrix_site(
        state,
        &work.building,
        work.place.property.as_deref(),
        setter,
    );
    let zone = place::mentioned(state, site, &work.building, &work.place, setter);
    let id = id::matrix_task(&work.building, &work.code);
    let before = state.tasks.get(id).cloned();
    let mut row = before.clone().unwrap_or_else(|| {
        let home = (site, place::building_of(state, site));
        task::Model {
            is_described: true,
            ..super::empty_task(
                id,
                Source::Matrix,
                TaskKind::Scheduled,
                None,
                &work.code,
                Some(home),
                fact.occurred_at,
            )
        }
    });
    let mut registers = Registers::new(&mut row.set_by.0, setter);
    registers.write_some("zone_id", &mut row.zone_id, zone);
    registers.write_some("name", &mut row.name, work.name.clone());
    registers.write_some(
        "description",
        &mut row.description,
        work.description.clone(),
    );
    registers.write_some("initiator", &mut row.initiator, work.kind.clone());
    if let Some(priority) = &work.priority
        && registers.claim("priority")
    {
        row.priority = Some(priority.meaning);
        row.priority_raw = Some(priority.raw.clone());
    }
    if let Some(state) = &work.state
        && registers.claim("state")
    {
        row.state = Some(state.meaning);
        row.state_raw = Some(state.raw.clone());
    }
    let assigned = work.start.filter(|_| is_assigned(work));
    registers.write_some("assigned_at", &mut row.assigned_at, assigned);
    registers.write_some("due_at", &mut row.due_at, work.due);
    registers.write_some("started_at", &mut row.started_at, work.started);
    registers.write_some("ended_at", &mut row.ended_at, work.ended);
    row.completed_at = row.ended_at.filter(|_| row.state.is_some_and(is_closed));
    row.reported_at = earliest(row.reported_at, work.start, fact.occurred_at);
    row.last_activity_at = row.last_activity_at.max(fact.occurred_at);

    let mut changes = diff::changes::<task::Entity>(id.0, "", before.as_ref(), &row);
    changes.retain(|change| change.field != "ended_at");
    let told = Told {
        subject: id.0,
        filed: place::filed(state, site, row.zone_id),
        incident: None,
        task: Some(id),
        tenant: None,
        late: before
            .as_ref()
            .is_some_and(|row| row.last_activity_at > fact.occurred_at),
        changes,
        ..Told::default()
    };
    state.put_task(row);
    told
}

fn earliest(
    known: DateTime<Utc>,
    start: Option<DateTime<Utc>>,
    occurred: DateTime<Utc>,
) -> DateTime<Utc> {
    known.min(occurred).min(start.unwrap_or(occurred))
}
