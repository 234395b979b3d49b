//! Urgent's descriptions of tasks, and what joins a task to its incident and to the notes that only know its reference.

use entity::{ActivityKind, Change, Json, Source, TaskId, TaskKind, task};

use super::{Folded, Linked, Told, place};
use crate::domain::diff;
use crate::domain::fact::{Description, Fact, class};
use crate::domain::id;
use crate::domain::register::Registers;
use crate::domain::state::State;

/// An Urgent task, known from its first mention on.
pub(super) fn mention(
    state: &mut State,
    fact: &Fact,
    tenant: &str,
    identifier: &str,
    reference: Option<&str>,
) -> (TaskId, Option<task::Model>) {
    let id = id::urgent_task(tenant, identifier);
    let before = state.tasks.get(id).cloned();
    let mut row = before.clone().unwrap_or_else(|| {
        super::empty_task(
            id,
            Source::Urgent,
            TaskKind::Maintenance,
            Some(tenant),
            identifier,
            None,
            fact.occurred_at,
        )
    });
    let mut setter = fact.setter();
    setter.0 = class::MENTION;
    let mut registers = Registers::new(&mut row.set_by.0, setter);
    registers.write_some(
        "reference",
        &mut row.reference,
        reference.map(str::to_owned),
    );
    row.reported_at = row.reported_at.min(fact.occurred_at);
    row.last_activity_at = row.last_activity_at.max(fact.occurred_at);
    state.put_task(row);
    (id, before)
}

/// "Task created" and "task changed".
pub(super) fn describe(
    state: &mut State,
    fact: &Fact,
    told: &Description,
    folded: &mut Folded,
) -> Told {
    let setter = fact.setter();
    let (id, before) = mention(state, fact, &told.tenant, &told.identifier, None);
    let mut site_changes = Vec::new();
    let site = told.site.clone().map(|site| {
        let (site, changes) =
            place::describe_site(state, &told.tenant, &site, told.is_change, setter);
        site_changes = changes;
        site
    });
    if let Some(mut row) = state.tasks.get(id).cloned() {
        let change = told.is_change;
        let mut registers = Registers::new(&mut row.set_by.0, setter);
        registers.tell(
            "reference",
            &mut row.reference,
            told.reference.clone(),
            change,
        );
        registers.tell(
            "external_identifier",
            &mut row.external_identifier,
            told.external_identifier.clone(),
            change,
        );
        registers.tell(
            "initiator",
            &mut row.initiator,
            told.initiator.clone(),
            change,
        );
        registers.tell(
            "description",
            &mut row.description,
            told.description.clone(),
            change,
        );
        registers.tell(
            "defect_source",
            &mut row.defect_source,
            told.defect_source.clone(),
            change,
        );
        registers.tell("category", &mut row.category, told.category.clone(), change);
        registers.tell(
            "chargeability",
            &mut row.chargeability,
            told.chargeability.clone(),
            change,
        );
        registers.tell("workflow", &mut row.workflow, told.workflow.clone(), change);
        registers.tell(
            "service_level",
            &mut row.service_level,
            told.service_level.clone(),
            change,
        );
        registers.tell("supplier", &mut row.supplier, told.supplier.clone(), change);
        registers.tell(
            "is_asset_available",
            &mut row.is_asset_available,
            told.is_asset_available.clone(),
            change,
        );
        registers.tell(
            "custom_fields",
            &mut row.custom_fields,
            told.custom_fields.clone().map(Json),
            change,
        );
        registers.tell(
            "related",
            &mut row.related,
            told.related.clone().map(Json),
            change,
        );
        registers.tell(
            "described_status",
            &mut row.described_status,
            told.status.clone(),
            change,
        );
        let mut assets = Some(row.assets.clone());
        registers.tell("assets", &mut assets, told.assets.clone().map(Json), change);
        row.assets = assets.unwrap_or_default();
        registers.tell("site_id", &mut row.site_id, site, change);
        registers.write("raw", &mut row.raw, Some(told.raw.clone()));
        row.is_described = true;
        state.put_task(row);
    }
    super::act::show_status(state, id);
    rehome(state, id);
    let row = super::task(state, id);
    let mut changes = row
        .map(|row| diff::changes::<task::Entity>(id.0, "", before.as_ref(), row))
        .unwrap_or_default();
    changes.extend(site_changes);
    let filed = super::filed_task(state, id);
    if let Some(before) = &before {
        link_if_moved(state, before, id, fact, folded);
    }
    Told {
        subject: id.0,
        filed,
        incident: row_incident(state, id),
        task: Some(id),
        tenant: Some(told.tenant.clone()),
        late: before
            .as_ref()
            .is_some_and(|row| row.last_activity_at > fact.occurred_at),
        changes,
        ..Told::default()
    }
}

fn row_incident(state: &State, id: TaskId) -> Option<entity::IncidentId> {
    state.tasks.get(id).and_then(|row| row.incident_id)
}

/// A task stands where its site stands, and belongs to the one incident whose TaskId it names.
fn rehome(state: &mut State, id: TaskId) {
    let Some(mut row) = state.tasks.get(id).cloned() else {
        return;
    };
    let site = row.site_id.and_then(|site| state.sites.get(site));
    row.building_id = site.map(|site| site.building_id);
    row.zone_id = site.and_then(|site| site.zone_id);
    row.incident_id = row
        .external_identifier
        .as_deref()
        .and_then(|code| state.incident_by_code(code));
    state.put_task(row);
}

/// Tells that a task known before now has a building, a zone or an incident, and lets their timelines take in what it
/// did before.
fn link_if_moved(
    state: &mut State,
    before: &task::Model,
    id: TaskId,
    fact: &Fact,
    folded: &mut Folded,
) {
    let Some(row) = state.tasks.get(id).cloned() else {
        return;
    };
    let mut changes = Vec::new();
    let mut change = |field: &str, from: Option<uuid::Uuid>, to: Option<uuid::Uuid>| {
        if from != to {
            changes.push(Change {
                of: id.0,
                field: field.to_owned(),
                from: from.map(|id| id.to_string()).into(),
                to: to.map(|id| id.to_string()).into(),
            });
        }
    };
    change(
        "building_id",
        before.building_id.map(|id| id.0),
        row.building_id.map(|id| id.0),
    );
    change(
        "zone_id",
        before.zone_id.map(|id| id.0),
        row.zone_id.map(|id| id.0),
    );
    change(
        "incident_id",
        before.incident_id.map(|id| id.0),
        row.incident_id.map(|id| id.0),
    );
    if changes.is_empty() {
        return;
    }
    state.moved_tasks.insert(id);
    // The incident that it leaves is told too.
    if let Some(left) = before
        .incident_id
        .filter(|_| before.incident_id != row.incident_id)
    {
        let left_it = changes
            .iter()
            .filter(|change| change.field == "incident_id");
        folded.linked.push(Linked {
            incident: Some(left),
            ..Linked::corrected(id, fact, left_it.cloned().collect())
        });
    }
    folded.linked.push(Linked {
        kind: ActivityKind::Linked,
        id: id::activity(&("linked", id, fact.id)),
        task: id,
        incident: None,
        changes,
    });
}

/// After an incident event: the Urgent tasks that name its TaskId.
pub(super) fn join_tasks(state: &mut State, code: &str, fact: &Fact, folded: &mut Folded) {
    let incident = state.incident_by_code(code);
    let tasks = state
        .urgent_by_code(code)
        .into_iter()
        .filter(|row| row.incident_id != incident)
        .collect::<Vec<_>>();
    for before in tasks {
        let id = before.id;
        rehome(state, id);
        link_if_moved(state, &before, id, fact, folded);
    }
}

/// After a task became known or got another reference: the notes that name it by its reference only.
pub(super) fn join_notes(state: &mut State, fact: &Fact, folded: &mut Folded) {
    for (id, task) in state.take_notes_to_place() {
        let Some(note) = state.notes.get(id) else {
            continue;
        };
        if note.task_id == task {
            continue;
        }
        let mut note = note.clone();
        if let Some(left) = note.task_id {
            let taken = diff::taken::<entity::note::Entity>(id.0, "note.", &note);
            folded.linked.push(Linked::corrected(left, fact, taken));
        }
        let from = std::mem::replace(&mut note.task_id, task);
        state.put_note(note);
        let Some(task) = task else {
            state.found_notes.remove(&id);
            continue;
        };
        state.found_notes.insert(id, task);
        let change = Change {
            of: id.0,
            field: "note.task_id".to_owned(),
            from: from.map(|task| task.0.to_string()).into(),
            to: task.0.to_string().into(),
        };
        folded.linked.push(Linked {
            kind: ActivityKind::Linked,
            id: id::activity(&("linked", id, fact.id)),
            task,
            incident: None,
            changes: vec![change],
        });
    }
}
