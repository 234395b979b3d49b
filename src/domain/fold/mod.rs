//! The fold: `state + fact → state' + activity`. Pure: no I/O, no clock.
//!
//! ```text
//!  facts in any order, any of them repeated          the same rows, the same activities
//!  ────────────────────────────────────────► fold ──────────────────────────────────────►
//! ```
//! One fact gives exactly one activity; its kind and subject come from the fact alone. What it did to other things
//! stands in its changes. `Linked` activities tell of knowledge that came late, and so are part of the story of arrival.

mod act;
mod description;
mod event;
mod place;
#[cfg(test)]
pub(crate) mod tests;
mod work;

use chrono::{DateTime, Utc};
use entity::{
    ActivityId, ActivityKind, BuildingId, Change, IncidentId, Json, SetBy, SiteId, Source, TaskId,
    TaskKind, activity, place_link, site, task,
};
use serde_json::Value;
use uuid::Uuid;

use self::place::Filed;
use super::fact::{Fact, What};
use super::id::{self, SiteKey};
use super::state::{LinkFrom, State, TimelineLink};

/// What became of one fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the model.
    Applied,
    /// It was known.
    Duplicate,
    /// It is in the model, and contradicts what was said before under the same identifier.
    Conflict,
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

/// A task that turned out to belong somewhere.
#[derive(Debug)]
struct Linked {
    id: ActivityId,
    task: TaskId,
    changes: Vec<Change>,
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
    conflict: bool,
}

/// Applies `fact`.
pub fn apply(state: &mut State, fact: &Fact) -> (Verdict, Folded) {
    let mut folded = Folded::default();
    if !state.known.insert(fact.id) {
        again(state, fact);
        return (Verdict::Duplicate, folded);
    }
    let told = match &fact.what {
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
    };
    if let Some(tenant) = &told.tenant {
        description::join_notes(state, tenant, fact, &mut folded);
    }
    let verdict = if told.conflict {
        Verdict::Conflict
    } else {
        Verdict::Applied
    };
    folded.activities.push(activity(
        fact.id,
        fact.kind,
        fact.occurred_at,
        told,
        fact.data.clone(),
    ));
    for linked in std::mem::take(&mut folded.linked) {
        if state.known.insert(linked.id) {
            let told = Told {
                subject: linked.task.0,
                filed: filed_task(state, linked.task),
                incident: task(state, linked.task).and_then(|row| row.incident_id),
                task: Some(linked.task),
                tenant: task(state, linked.task).and_then(|row| row.tenant.clone()),
                changes: linked.changes,
                ..Told::default()
            };
            folded.activities.push(activity(
                linked.id,
                ActivityKind::Linked,
                fact.occurred_at,
                told,
                None,
            ));
        }
    }
    (verdict, folded)
}

/// A known act that comes under another credential is no news, but may be the version that the row has to show.
fn again(state: &mut State, fact: &Fact) {
    match &fact.what {
        What::Status(told) => drop(act::status(state, fact, told)),
        What::Note(told) => drop(act::note(state, fact, told)),
        What::Chase(told) => drop(act::chase(state, fact, told)),
        _ => {}
    }
}

/// Brings buildings, zones and what stands on them into line after the last fact of a batch, and tells which sites
/// moved to another building.
pub fn finish(state: &mut State, at: DateTime<Utc>) -> Vec<NewActivity> {
    place::finish(state);
    link_timelines(state);
    let moved: Vec<_> = state
        .rehomed
        .iter()
        .filter(|moved| moved.from != moved.to)
        .copied()
        .collect();
    moved
        .into_iter()
        .map(|moved| {
            let told = Told {
                subject: moved.site.0,
                filed: place::filed(state, moved.site, None),
                changes: vec![Change {
                    of: moved.site.0,
                    field: "site.building_id".to_owned(),
                    from: moved.from.0.to_string().into(),
                    to: moved.to.0.to_string().into(),
                }],
                ..Told::default()
            };
            let id = id::activity(&("rehomed", moved.site, moved.from, moved.to, at));
            activity(id, ActivityKind::Linked, at, told, None)
        })
        .collect()
}

/// The timelines that take in what was filed before its place was known: those of where the tasks stand at the end.
fn link_timelines(state: &mut State) {
    let tasks = std::mem::take(&mut state.moved_tasks)
        .into_iter()
        .map(|task| (task, LinkFrom::Task(task)));
    let notes = std::mem::take(&mut state.found_notes)
        .into_iter()
        .map(|(note, task)| (task, LinkFrom::Note(note)));
    for (task, from) in tasks.chain(notes).collect::<Vec<_>>() {
        let Some(row) = state.tasks.get(task) else {
            continue;
        };
        let places = [
            row.building_id.map(|id| id.0),
            row.zone_id.map(|id| id.0),
            row.incident_id.map(|id| id.0),
            Some(task.0).filter(|_| matches!(from, LinkFrom::Note(_))),
        ];
        state.links.extend(
            places
                .into_iter()
                .flatten()
                .map(|subject| TimelineLink { subject, from }),
        );
    }
}

/// Files an activity of this batch under where its site stands at the end of the batch: on the way there, a site may
/// have stood under a building that nobody will ever see.
pub fn refile(state: &State, row: &mut activity::Model) {
    let Some(site) = row.site_id else { return };
    let filed = place::filed(state, site, None);
    row.building_id = filed.building;
    row.property_id = filed.property.or(row.property_id);
    if state
        .sites
        .get(site)
        .is_some_and(|site| site.source == Source::Urgent)
    {
        row.zone_id = filed.zone;
    }
}

/// Whether a site is stored under another building than the root of its chain.
pub fn is_astray(state: &State, row: &site::Model) -> bool {
    let root = place::root(state, row.id);
    state
        .sites
        .get(root)
        .is_some_and(|root| place::key_of(root).building() != row.building_id)
}

/// Takes in the operator's word on places: the sites it names are known from now on, and all that it moves is settled.
/// `finish` has to follow.
pub fn declare_places(state: &mut State, links: Vec<(SiteKey, place_link::Model)>) {
    let before: Vec<SiteId> = state.place_links.keys().copied().collect();
    state.place_links.clear();
    let keys: Vec<SiteKey> = links
        .into_iter()
        .map(|(key, link)| {
            state.place_links.insert(link.site_id, link);
            key
        })
        .collect();
    // All of them are known before the first is settled: a site needs the row of its root.
    for key in &keys {
        place::site(state, key);
    }
    for site in keys.iter().map(SiteKey::id).chain(before) {
        state.touched_sites.insert(site);
        place::settle(state, site);
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
