//! Status changes, notes and chases: sets keyed by GUID. Urgent sends one act to every recipient in that user's
//! language; each version stands in the feed, and the row shows the version that is first by
//! (credential's position in the settings, its own time, its activity).

use entity::{Json, TaskId, Version, chase, note, status_change, task};

use super::{Told, description};
use crate::domain::diff;
use crate::domain::fact::{Chase, Fact, Note, StatusChange};
use crate::domain::id;
use crate::domain::state::State;
use crate::domain::status_type;

/// A status change.
pub(super) fn status(state: &mut State, fact: &Fact, told: &StatusChange) -> Told {
    let (task, before) =
        description::mention(state, fact, &told.tenant, &told.task, Some(&told.reference));
    let id = id::status_change(&told.tenant, &told.identifier);
    let row = status_change::Model {
        id,
        task_id: task,
        tenant: told.tenant.clone(),
        identifier: told.identifier.clone(),
        status: told.status.clone(),
        changed_at: fact.occurred_at,
        note: told.note.clone(),
        compliance: Json(told.compliance.clone()),
        downtime_reason: told.downtime_reason.clone(),
        is_asset_back_up: told.is_asset_back_up,
        version: Json(told.version),
    };
    let held = state.status_changes.get(id).cloned();
    let conflict = held.as_ref().is_some_and(|held| {
        (held.task_id, held.changed_at, held.is_asset_back_up)
            != (row.task_id, row.changed_at, row.is_asset_back_up)
    });
    if shows_instead(held.as_ref().map(|held| &held.version), told.version) {
        state.status_changes.put(id, row);
    }
    for task in held.map(|held| held.task_id).into_iter().chain([task]) {
        show_status(state, task);
    }
    finish(
        state,
        fact,
        id.0,
        task,
        &told.tenant,
        before.as_ref(),
        conflict,
    )
}

/// A chase.
pub(super) fn chase(state: &mut State, fact: &Fact, told: &Chase) -> Told {
    let (task, before) =
        description::mention(state, fact, &told.tenant, &told.task, Some(&told.reference));
    let id = id::chase(&told.tenant, &told.identifier);
    let row = chase::Model {
        id,
        task_id: task,
        tenant: told.tenant.clone(),
        identifier: told.identifier.clone(),
        text: told.text.clone(),
        chased_at: fact.occurred_at,
        version: Json(told.version),
    };
    let held = state.chases.get(id).cloned();
    let conflict = held
        .as_ref()
        .is_some_and(|held| (held.task_id, held.chased_at) != (row.task_id, row.chased_at));
    if shows_instead(held.as_ref().map(|held| &held.version), told.version) {
        state.chases.put(id, row);
    }
    for task in held.map(|held| held.task_id).into_iter().chain([task]) {
        count_chases(state, task);
    }
    finish(
        state,
        fact,
        id.0,
        task,
        &told.tenant,
        before.as_ref(),
        conflict,
    )
}

/// A note. Without a TaskIdentifier it belongs to a task only while exactly one has its reference.
pub(super) fn note(state: &mut State, fact: &Fact, told: &Note) -> Told {
    let tenant = &told.task.tenant;
    let named = told.task.identifier.as_deref().map(|identifier| {
        description::mention(state, fact, tenant, identifier, Some(&told.task.reference))
    });
    let task = match &named {
        Some((task, _)) => Some(*task),
        None => description::task_by_reference(state, tenant, &told.task.reference),
    };
    let id = id::note(tenant, &told.identifier);
    let row = note::Model {
        id,
        task_id: task,
        is_task_named: named.is_some(),
        tenant: tenant.clone(),
        reference: told.task.reference.clone(),
        identifier: told.identifier.clone(),
        text: told.text.clone(),
        noted_at: fact.occurred_at,
        version: Json(told.version),
    };
    let held = state.notes.get(id).cloned();
    let conflict = held.as_ref().is_some_and(|held| {
        (held.task_id, held.noted_at, &held.reference)
            != (row.task_id, row.noted_at, &row.reference)
    });
    if shows_instead(held.as_ref().map(|held| &held.version), told.version) {
        state.notes.put(id, row);
    }
    match task {
        Some(task) => {
            let before = named.and_then(|(_, before)| before);
            let before = before.or_else(|| super::task(state, task).cloned());
            finish(state, fact, id.0, task, tenant, before.as_ref(), conflict)
        }
        None => Told {
            subject: id.0,
            tenant: Some(tenant.clone()),
            conflict,
            ..Told::default()
        },
    }
}

fn shows_instead(held: Option<&Json<Version>>, version: Version) -> bool {
    held.is_none_or(|held| version < held.0)
}

fn finish(
    state: &State,
    fact: &Fact,
    subject: uuid::Uuid,
    task: TaskId,
    tenant: &str,
    before: Option<&task::Model>,
    conflict: bool,
) -> Told {
    let row = super::task(state, task);
    Told {
        subject,
        filed: super::filed_task(state, task),
        incident: row.and_then(|row| row.incident_id),
        task: Some(task),
        tenant: Some(tenant.to_owned()),
        late: before.is_some_and(|before| before.last_activity_at > fact.occurred_at),
        changes: row
            .map(|row| diff::changes::<task::Entity>(task.0, "task.", before, row))
            .unwrap_or_default(),
        conflict,
    }
}

/// The status of a task is that of its latest status change by (time, id); a status named in a description counts
/// only while there is none.
pub(super) fn show_status(state: &mut State, task: TaskId) {
    let latest = state
        .status_changes
        .iter()
        .filter(|(_, change)| change.task_id == task)
        .map(|(id, change)| (change.changed_at, *id, change.status.clone()))
        .max();
    let Some(mut row) = state.tasks.get(task).cloned() else {
        return;
    };
    match latest {
        Some((at, id, status)) => {
            row.status = Some(status);
            row.status_at = Some(at);
            row.status_change_id = Some(id);
        }
        None => {
            // Status changes of a described task are loaded with it, so none here means none at all.
            row.status = row.described_status.clone();
            row.status_at = None;
            row.status_change_id = None;
        }
    }
    row.status_key = row.status.as_deref().map(status_type::key);
    state.put_task(row);
}

fn count_chases(state: &mut State, task: TaskId) {
    let times: Vec<_> = state
        .chases
        .iter()
        .filter(|(_, chase)| chase.task_id == task)
        .map(|(_, chase)| chase.chased_at)
        .collect();
    let Some(mut row) = state.tasks.get(task).cloned() else {
        return;
    };
    row.chase_count = i32::try_from(times.len()).unwrap_or(i32::MAX);
    row.last_chased_at = times.into_iter().max();
    state.put_task(row);
}
