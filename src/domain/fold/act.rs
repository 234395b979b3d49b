//! Status changes, notes and chases: sets keyed by GUID. Urgent sends one act to every recipient in that user's
//! language; each version stands in the feed, and the row shows the version that is first by
//! (credential's position in the settings, its own time, its activity).

use chrono::{DateTime, SecondsFormat, Utc};
use entity::{Change, Json, TaskId, Version, chase, note, status_change, task};
use sea_orm::EntityTrait;

use super::{Told, description};
use crate::domain::diff;
use crate::domain::fact::{Chase, Fact, Note, StatusChange, Stray};
use crate::domain::id;
use crate::domain::state::State;
use crate::domain::status_type;

/// A status change.
pub(super) fn status(state: &mut State, fact: &Fact, told: &StatusChange) -> Told {
    let (task, before) = description::mention(
        state,
        fact,
        &told.tenant,
        &told.task,
        told.reference.as_deref(),
    );
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
    let contradiction = held.as_ref().and_then(|held| {
        let differs = [
            of_tasks(state, Some(held.task_id), Some(task)),
            of_times("StatusChangeDateTimeUtc", held.changed_at, row.changed_at),
            differs(
                "AssetDowntime.IsAssetBackUp",
                held.is_asset_back_up,
                row.is_asset_back_up,
            ),
        ];
        contradiction("StatusChangeIdentifier", &told.identifier, differs)
    });
    let from = held.as_ref().map(|held| held.task_id);
    let lender = from.and_then(|from| super::task(state, from).cloned());
    let mut kept = Kept::default();
    if shows_instead(held.as_ref().map(|held| &held.version), told.version) {
        kept = Kept::of::<status_change::Entity>(id.0, "status_change.", held.as_ref(), &row);
        state.put_status_change(row);
    }
    for task in from.into_iter().chain([task]) {
        show_status(state, task);
    }
    let finished = finish(
        state,
        fact,
        id.0,
        task,
        &told.tenant,
        before.as_ref(),
        contradiction,
    );
    kept.told(state, finished, from, lender.as_ref())
}

/// A chase.
pub(super) fn chase(state: &mut State, fact: &Fact, told: &Chase) -> Told {
    let (task, before) = description::mention(
        state,
        fact,
        &told.tenant,
        &told.task,
        told.reference.as_deref(),
    );
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
    let contradiction = held.as_ref().and_then(|held| {
        let differs = [
            of_tasks(state, Some(held.task_id), Some(task)),
            of_times("ChasedDateTimeUtc", held.chased_at, row.chased_at),
        ];
        contradiction("ChaseIdentifier", &told.identifier, differs)
    });
    let from = held.as_ref().map(|held| held.task_id);
    let lender = from.and_then(|from| super::task(state, from).cloned());
    let mut kept = Kept::default();
    if shows_instead(held.as_ref().map(|held| &held.version), told.version) {
        kept = Kept::of::<chase::Entity>(id.0, "chase.", held.as_ref(), &row);
        state.put_chase(row);
    }
    for task in from.into_iter().chain([task]) {
        count_chases(state, task);
    }
    let finished = finish(
        state,
        fact,
        id.0,
        task,
        &told.tenant,
        before.as_ref(),
        contradiction,
    );
    kept.told(state, finished, from, lender.as_ref())
}

/// A note. Without a TaskIdentifier it belongs to a task only while exactly one has its reference.
pub(super) fn note(state: &mut State, fact: &Fact, told: &Note) -> Told {
    let tenant = &told.task.tenant;
    let named = told.task.identifier.as_deref().map(|identifier| {
        description::mention(
            state,
            fact,
            tenant,
            identifier,
            told.task.reference.as_deref(),
        )
    });
    let reference = told.task.reference.clone().unwrap_or_default();
    let task = match &named {
        Some((task, _)) => Some(*task),
        None => state.task_by_reference(tenant, &reference),
    };
    let id = id::note(tenant, &told.identifier);
    let row = note::Model {
        id,
        task_id: task,
        is_task_named: named.is_some(),
        tenant: tenant.clone(),
        reference,
        identifier: told.identifier.clone(),
        text: told.text.clone(),
        noted_at: fact.occurred_at,
        version: Json(told.version),
    };
    let held = state.notes.get(id).cloned();
    let contradiction = held.as_ref().and_then(|held| {
        let reference = |row: &note::Model| {
            let told = Some(row.reference.clone());
            told.filter(|reference| !reference.is_empty())
        };
        let differs = [
            of_tasks(state, held.task_id, row.task_id),
            of_times("NoteDateTimeUtc", held.noted_at, row.noted_at),
            differs("TaskReference", reference(held), reference(&row)),
        ];
        contradiction("NoteIdentifier", &told.identifier, differs)
    });
    let from = held.as_ref().and_then(|held| held.task_id);
    let lender = from.and_then(|from| super::task(state, from).cloned());
    let mut kept = Kept::default();
    if shows_instead(held.as_ref().map(|held| &held.version), told.version) {
        kept = Kept::of::<note::Entity>(id.0, "note.", held.as_ref(), &row);
        state.put_note(row);
    }
    let finished = match task {
        Some(task) => {
            let before = match named {
                // None where the note is the first that is heard of the task.
                Some((_, before)) => before,
                None => super::task(state, task).cloned(),
            };
            finish(
                state,
                fact,
                id.0,
                task,
                tenant,
                before.as_ref(),
                contradiction,
            )
        }
        None => Told {
            subject: id.0,
            tenant: Some(tenant.clone()),
            contradiction,
            ..Told::default()
        },
    };
    kept.told(state, finished, from, lender.as_ref())
}

/// What the history has to know of a status change, note or chase beside the activity that tells it.
#[derive(Debug, Default)]
struct Kept {
    changes: Vec<Change>,
    /// What the task that had it before has lost.
    taken: Vec<Change>,
}

impl Kept {
    /// `row` is shown from now on. Of a new one it is enough that it was not there before.
    fn of<E: EntityTrait>(
        id: uuid::Uuid,
        prefix: &str,
        held: Option<&E::Model>,
        row: &E::Model,
    ) -> Self {
        let mut changes = diff::changes::<E>(id, prefix, held, row);
        let Some(held) = held else {
            changes.retain(|change| change.field.ends_with(".identifier"));
            return Self {
                changes,
                taken: Vec::new(),
            };
        };
        let is_moved = changes
            .iter()
            .any(|change| change.field.ends_with(".task_id"));
        let taken = is_moved.then(|| diff::taken::<E>(id, prefix, held));
        Self {
            changes,
            taken: taken.unwrap_or_default(),
        }
    }

    /// The same with what is told of the task, and of the one that had it before.
    fn told(
        self,
        state: &State,
        mut told: Told,
        from: Option<TaskId>,
        lender: Option<&task::Model>,
    ) -> Told {
        told.changes.extend(self.changes);
        if let Some(from) = from.filter(|_| !self.taken.is_empty()) {
            let row = super::task(state, from);
            let mut left = row
                .map(|row| diff::changes::<task::Entity>(from.0, "task.", lender, row))
                .unwrap_or_default();
            left.extend(self.taken);
            told.left = Some((from, left));
        }
        told
    }
}

/// A call that names its task by a reference only, where that is not enough: it changes nothing, and is filed under the
/// task that has this reference now, if it is only one.
pub(super) fn stray(state: &State, fact: &Fact, told: &Stray) -> Told {
    let reference = told.reference.as_deref();
    let task = reference.and_then(|reference| state.task_by_reference(&told.tenant, reference));
    let row = task.and_then(|task| super::task(state, task));
    Told {
        subject: fact.id.0,
        filed: task
            .map(|task| super::filed_task(state, task))
            .unwrap_or_default(),
        incident: row.and_then(|row| row.incident_id),
        task,
        tenant: Some(told.tenant.clone()),
        ..Told::default()
    }
}

/// What more than language-dependent text differs in, in plain words; none where nothing does.
fn contradiction(
    name: &str,
    identifier: &str,
    differs: impl IntoIterator<Item = Option<String>>,
) -> Option<String> {
    let differs: Vec<String> = differs.into_iter().flatten().collect();
    let and = differs.join("; ");
    (!differs.is_empty()).then(|| format!("{name} {identifier} came before with another {and}"))
}

fn differs<T: PartialEq + std::fmt::Display>(
    name: &str,
    before: Option<T>,
    now: Option<T>,
) -> Option<String> {
    let word = |told: &Option<T>| {
        told.as_ref()
            .map_or_else(|| "none".to_owned(), T::to_string)
    };
    (before != now).then(|| format!("{name}: {} then, {} now", word(&before), word(&now)))
}

fn of_times(name: &str, before: DateTime<Utc>, now: DateTime<Utc>) -> Option<String> {
    let word = |time: DateTime<Utc>| Some(time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    differs(name, word(before), word(now))
}

fn of_tasks(state: &State, before: Option<TaskId>, now: Option<TaskId>) -> Option<String> {
    let word = |task: Option<TaskId>| super::task(state, task?).map(|row| row.identifier.clone());
    (before != now)
        .then(|| differs("TaskIdentifier", word(before), word(now)))
        .flatten()
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
    contradiction: Option<String>,
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
        contradiction,
        ..Told::default()
    }
}

/// The status of a task is that of its latest status change by (time, id); a status named in a description counts
/// only while there is none.
pub(super) fn show_status(state: &mut State, task: TaskId) {
    let latest = state
        .latest_status(task)
        .map(|change| (change.changed_at, change.id, change.status.clone()));
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
    let (count, last) = state.chases_of(task);
    let Some(mut row) = state.tasks.get(task).cloned() else {
        return;
    };
    row.chase_count = i32::try_from(count).unwrap_or(i32::MAX);
    row.last_chased_at = last;
    state.put_task(row);
}
