//! The fold: `state + fact → state' + activity`. Pure: no I/O, no clock.
//!
//! ```text
//!  facts in any order, any of them repeated          the same rows, the same activities
//!  ────────────────────────────────────────► fold ──────────────────────────────────────►
//! ```
//! One fact gives exactly one activity; its kind and subject come from the fact alone. What it did to other things
//! stands in its changes. `Linked` activities tell of knowledge that came late, `Corrected` ones of what was told twice in
//! different words; both are part of the story of arrival. Every change of a field stands in the changes of an activity
//! filed under its task or incident, and of a site's place in one about the site: the history is read from there.

mod act;
mod description;
mod event;
mod finish;
mod place;
#[cfg(test)]
pub(crate) mod tests;
mod work;

use chrono::{DateTime, Utc};
use entity::{
    ActivityId, ActivityKind, BuildingId, Change, IncidentId, Json, SetBy, SiteId, Source, TaskId,
    TaskKind, activity, task,
};
use serde_json::Value;
use uuid::Uuid;

pub use self::finish::{finish, refile};
use self::place::Filed;
pub use self::place::{declare_places, is_astray};
#[cfg(test)]
pub(in crate::domain) use self::work::empty_incident;
pub(in crate::domain) use self::work::{settle, stood, work_order};
use super::fact::{Fact, What};
use super::id;
use super::state::State;

/// What became of one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the model.
    Applied,
    /// It was known.
    Duplicate,
    /// It is in the model, and contradicts what was said before under the same identifier: in plain words, how.
    Conflict(String),
}

/// An activity that has not been given its number and its delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct NewActivity {
    /// All but seq, recorded_at and delivery_id.
    pub row: activity::Model,
}

/// What applying one fact gave.
#[derive(Debug, Default)]
pub struct Folded {
    /// The activities, the fact's own first.
    pub activities: Vec<NewActivity>,
    linked: Vec<Linked>,
}

/// A task that turned out to belong somewhere, or no longer has what it had.
#[derive(Debug)]
struct Linked {
    kind: ActivityKind,
    id: ActivityId,
    task: TaskId,
    /// The incident it is filed under; that of the task when not given.
    incident: Option<IncidentId>,
    changes: Vec<Change>,
}

impl Linked {
    /// `task` no longer has something, or has it in other words, by what `fact` told of another.
    fn corrected(task: TaskId, fact: &Fact, changes: Vec<Change>) -> Self {
        Self {
            kind: ActivityKind::Corrected,
            id: id::activity(&("corrected", task, fact.id, &changes)),
            task,
            incident: None,
            changes,
        }
    }
}

/// What a fact told, before it is made an activity.
#[derive(Debug, Default)]
struct Told {
    subject: Uuid,
    filed: Filed,
    incident: Option<IncidentId>,
    task: Option<TaskId>,
    tenant: Option<String>,
    late: bool,
    changes: Vec<Change>,
    /// What was said otherwise before under the same identifier, in plain words.
    contradiction: Option<String>,
    /// The task that had this before, and what it lost.
    left: Option<(TaskId, Vec<Change>)>,
}

/// Applies `fact`.
pub fn apply(state: &mut State, fact: &Fact) -> (Verdict, Folded) {
    let mut folded = Folded::default();
    if !state.known.insert(fact.id) {
        again(state, fact, &mut folded);
        tell_linked(state, fact, &mut folded);
        return (Verdict::Duplicate, folded);
    }
    let mut told = match &fact.what {
        What::Incident(work) => {
            let told = work::incident(state, fact, work);
            description::join_tasks(state, &work.code, fact, &mut folded);
            told
        }
        What::MatrixTask(work) => work::matrix_task(state, fact, work),
        What::Zone(event) => event::zone(state, fact, event),
        What::Level(event) => event::level(state, fact, event),
        What::Other(place) => event::other(state, fact, place),
        What::Description(told) => description::describe(state, fact, told, &mut folded),
        What::Status(told) => act::status(state, fact, told),
        What::Note(told) => act::note(state, fact, told),
        What::Chase(told) => act::chase(state, fact, told),
        What::Stray(told) => act::stray(state, fact, told),
    };
    description::join_notes(state, fact, &mut folded);
    let verdict = match told.contradiction.take() {
        Some(contradiction) => Verdict::Conflict(contradiction),
        None => Verdict::Applied,
    };
    leave(fact, &mut told, &mut folded);
    folded.activities.push(activity(
        fact.id,
        fact.kind,
        fact.occurred_at,
        told,
        fact.data.clone(),
    ));
    tell_linked(state, fact, &mut folded);
    (verdict, folded)
}

fn leave(fact: &Fact, told: &mut Told, folded: &mut Folded) {
    if let Some((task, changes)) = told.left.take() {
        folded.linked.push(Linked::corrected(task, fact, changes));
    }
}

/// Makes activities of what the fact told of other tasks.
fn tell_linked(state: &mut State, fact: &Fact, folded: &mut Folded) {
    for linked in std::mem::take(&mut folded.linked) {
        if state.known.insert(linked.id) {
            let told = Told {
                subject: linked.task.0,
                filed: filed_task(state, linked.task),
                incident: linked
                    .incident
                    .or_else(|| task(state, linked.task).and_then(|row| row.incident_id)),
                task: Some(linked.task),
                tenant: task(state, linked.task).and_then(|row| row.tenant.clone()),
                changes: linked.changes,
                ..Told::default()
            };
            folded.activities.push(activity(
                linked.id,
                linked.kind,
                fact.occurred_at,
                told,
                None,
            ));
        }
    }
}

/// A known fact is no news. But an act that comes under another credential may be the version that the row has to
/// show, and Matrix's event key leaves out words that may differ: of those the greater count, whichever came first.
fn again(state: &mut State, fact: &Fact, folded: &mut Folded) {
    let mut told = match &fact.what {
        What::Incident(work) => work::incident(state, fact, work),
        What::MatrixTask(work) => work::matrix_task(state, fact, work),
        What::Zone(event) => event::zone(state, fact, event),
        What::Level(event) => event::level(state, fact, event),
        What::Other(place) => event::other(state, fact, place),
        What::Status(told) => act::status(state, fact, told),
        What::Note(told) => act::note(state, fact, told),
        What::Chase(told) => act::chase(state, fact, told),
        // Their key holds all that they say.
        What::Description(_) | What::Stray(_) => return,
    };
    // The name of a zone is compared with the stored one: within a batch, the first call has told of it.
    told.changes.retain(|change| change.field != "zone.name");
    leave(fact, &mut told, folded);
    let id = id::activity(&("corrected", fact.id, &told.changes));
    if !told.changes.is_empty() && state.known.insert(id) {
        let kind = ActivityKind::Corrected;
        let row = activity(id, kind, fact.occurred_at, told, None);
        folded.activities.push(row);
    }
}

fn activity(
    id: ActivityId,
    kind: ActivityKind,
    occurred_at: DateTime<Utc>,
    told: Told,
    data: Option<Value>,
) -> NewActivity {
    NewActivity {
        row: activity::Model {
            seq: 0,
            id,
            kind,
            occurred_at,
            recorded_at: occurred_at,
            late: told.late,
            subject_id: told.subject,
            site_id: told.filed.site,
            property_id: told.filed.property,
            building_id: told.filed.building,
            zone_id: told.filed.zone,
            incident_id: told.incident,
            task_id: told.task,
            tenant: told.tenant,
            delivery_id: None,
            changes: Json(told.changes),
            data: data.map(Json),
            generation: activity::GENERATION,
        },
    }
}

fn task(state: &State, id: TaskId) -> Option<&task::Model> {
    state.tasks.get(id)
}

fn filed_task(state: &State, id: TaskId) -> Filed {
    let row = task(state, id);
    match row.and_then(|row| row.site_id) {
        Some(site) => place::filed(state, site, row.and_then(|row| row.zone_id)),
        None => Filed::default(),
    }
}

/// A task of which nothing is known but its name and perhaps its place.
pub(super) fn empty_task(
    id: TaskId,
    source: Source,
    kind: TaskKind,
    tenant: Option<&str>,
    identifier: &str,
    home: Option<(SiteId, BuildingId)>,
    at: DateTime<Utc>,
) -> task::Model {
    task::Model {
        id,
        source,
        kind,
        tenant: tenant.map(str::to_owned),
        identifier: identifier.to_owned(),
        reference: None,
        external_identifier: None,
        site_id: home.map(|home| home.0),
        building_id: home.map(|home| home.1),
        zone_id: None,
        incident_id: None,
        name: None,
        description: None,
        category: None,
        service_level: None,
        supplier: None,
        workflow: None,
        initiator: None,
        defect_source: None,
        chargeability: None,
        priority: None,
        priority_raw: None,
        state: None,
        state_raw: None,
        status: None,
        status_key: None,
        status_at: None,
        status_change_id: None,
        described_status: None,
        is_described: false,
        assets: Json(Vec::new()),
        is_asset_available: None,
        custom_fields: None,
        related: None,
        reported_at: at,
        assigned_at: None,
        due_at: None,
        started_at: None,
        ended_at: None,
        completed_at: None,
        chase_count: 0,
        last_chased_at: None,
        raw: None,
        last_activity_at: at,
        set_by: Json(SetBy::new()),
    }
}
