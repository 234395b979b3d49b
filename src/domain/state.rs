//! The part of the model that a batch touches, in memory: what the fold reads and changes.
//! It holds no SQL; `load` fills it and `store` writes what differs.

mod index;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use chrono::{DateTime, Utc};
use entity::{
    ActivityId, BuildingId, ChaseId, IncidentId, LevelId, NoteId, PropertyId, SiteId, Source,
    StatusChangeId, TaskId, ZoneId, building, chase, incident, level, note, place_link, property,
    site, status_change, task, zone,
};
use serde::Serialize;
use uuid::Uuid;

use self::index::Index;
use super::sla::Rule;

/// A tenant and a TaskReference: what a note without a task's identifier knows of its task.
type Reference = (String, String);

/// The rows of one table: as they were stored, and as they are now.
#[derive(Clone, Debug)]
pub struct Table<Id, Row> {
    stored: HashMap<Id, Row>,
    rows: BTreeMap<Id, Row>,
}

impl<Id, Row> Default for Table<Id, Row> {
    fn default() -> Self {
        Self {
            stored: HashMap::new(),
            rows: BTreeMap::new(),
        }
    }
}

impl<Id: Copy + Ord + Hash, Row: Clone + PartialEq> Table<Id, Row> {
    /// Takes in a row that the database holds.
    pub fn load(&mut self, id: Id, row: Row) {
        self.rows.insert(id, row.clone());
        self.stored.insert(id, row);
    }

    /// The row as it is now.
    pub fn get(&self, id: Id) -> Option<&Row> {
        self.rows.get(&id)
    }

    /// Sets the row.
    pub fn put(&mut self, id: Id, row: Row) {
        self.rows.insert(id, row);
    }

    /// Takes the row away.
    pub fn remove(&mut self, id: Id) {
        self.rows.remove(&id);
    }

    /// All rows as they are now, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&Id, &Row)> {
        self.rows.iter()
    }

    /// All rows as they are now, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Row> {
        self.rows.values_mut()
    }

    /// The row as it was stored.
    pub fn stored(&self, id: Id) -> Option<&Row> {
        self.stored.get(&id)
    }

    /// The rows that are new or differ from what is stored, in the order of their ids.
    pub fn changed(&self) -> Vec<Row> {
        self.differing().map(|(_, row)| row.clone()).collect()
    }

    /// The same, each after what is stored of it.
    pub fn differing(&self) -> impl Iterator<Item = (Option<&Row>, &Row)> {
        let rows = self.rows.iter();
        let rows = rows.map(|(id, row)| (self.stored.get(id), row));
        rows.filter(|(stored, row)| *stored != Some(row))
    }

    /// The stored rows that are gone.
    pub fn removed(&self) -> Vec<Id> {
        let mut removed: Vec<Id> = self
            .stored
            .keys()
            .filter(|id| !self.rows.contains_key(id))
            .copied()
            .collect();
        removed.sort_unstable();
        removed
    }
}

/// What a batch touches.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Facts that are known already.
    pub known: HashSet<ActivityId>,
    /// The operator's word on deadlines.
    pub sla_rule: Rule,
    /// The operator's word on sites.
    pub place_links: HashMap<SiteId, place_link::Model>,
    /// `property`
    pub properties: Table<PropertyId, property::Model>,
    /// `site`
    pub sites: Table<SiteId, site::Model>,
    /// `building`
    pub buildings: Table<BuildingId, building::Model>,
    /// `level`
    pub levels: Table<LevelId, level::Model>,
    /// `zone`
    pub zones: Table<ZoneId, zone::Model>,
    /// `incident`
    pub incidents: Table<IncidentId, incident::Model>,
    /// `task`
    pub tasks: Table<TaskId, task::Model>,
    /// `status_change`
    pub status_changes: Table<StatusChangeId, status_change::Model>,
    /// `note`
    pub notes: Table<NoteId, note::Model>,
    /// `chase`
    pub chases: Table<ChaseId, chase::Model>,
    /// Incidents by Matrix's TaskId.
    incidents_by_code: Index<String, IncidentId>,
    /// Urgent tasks by the external identifier that they have or had in this batch.
    urgent_by_code: Index<String, TaskId>,
    /// Urgent tasks by their reference.
    tasks_by_reference: Index<Reference, TaskId>,
    /// Notes that do not name their task, by the reference that they give.
    notes_by_reference: Index<Reference, NoteId>,
    /// The status changes of a task, the latest last.
    statuses_of_task: Index<TaskId, (DateTime<Utc>, StatusChangeId)>,
    /// The chases of a task, the latest last.
    chases_of_task: Index<TaskId, (DateTime<Utc>, ChaseId)>,
    /// References that other tasks have than before: their notes have to be looked at again.
    touched_references: BTreeSet<Reference>,
    /// Tasks that got a building, a zone or an incident after something had been filed under them.
    pub moved_tasks: BTreeSet<TaskId>,
    /// Notes that found their task after they had been filed.
    pub found_notes: BTreeMap<NoteId, TaskId>,
    /// Timelines that take in activities filed before their place was known.
    pub links: BTreeSet<TimelineLink>,
    /// Sites whose building or zone changed; rows that are not in memory follow by SQL.
    pub rehomed: BTreeSet<Rehomed>,
    /// Sites that were moved since this was emptied last: who folds call after call knows by it which one moved them.
    pub stirred: BTreeSet<SiteId>,
    /// Sites whose buildings have to be looked at again before the batch is stored.
    pub touched_sites: BTreeSet<SiteId>,
}

impl State {
    /// Takes in an incident that the database holds.
    pub fn load_incident(&mut self, row: incident::Model) {
        self.incidents_by_code.insert(row.code.clone(), row.id);
        self.incidents.load(row.id, row);
    }

    /// Sets an incident.
    pub fn put_incident(&mut self, row: incident::Model) {
        self.incidents_by_code.insert(row.code.clone(), row.id);
        self.incidents.put(row.id, row);
    }

    /// Takes in a task that the database holds.
    pub fn load_task(&mut self, row: task::Model) {
        self.index_task(&row);
        self.tasks.load(row.id, row);
    }

    /// Sets a task.
    pub fn put_task(&mut self, row: task::Model) {
        let before = self.tasks.get(row.id).and_then(reference_of);
        let after = reference_of(&row);
        if before != after {
            if let Some(before) = before {
                self.tasks_by_reference.remove(&before, &row.id);
                self.touched_references.insert(before);
            }
            self.touched_references.extend(after);
        }
        self.index_task(&row);
        self.tasks.put(row.id, row);
    }

    fn index_task(&mut self, row: &task::Model) {
        if let (Source::Urgent, Some(code)) = (row.source, &row.external_identifier) {
            self.urgent_by_code.insert(code.clone(), row.id);
        }
        if let Some(reference) = reference_of(row) {
            self.tasks_by_reference.insert(reference, row.id);
        }
    }

    /// Takes in a status change that the database holds.
    pub fn load_status_change(&mut self, row: status_change::Model) {
        self.statuses_of_task
            .insert(row.task_id, (row.changed_at, row.id));
        self.status_changes.load(row.id, row);
    }

    /// Sets a status change.
    pub fn put_status_change(&mut self, row: status_change::Model) {
        if let Some(held) = self.status_changes.get(row.id) {
            self.statuses_of_task
                .remove(&held.task_id, &(held.changed_at, held.id));
        }
        self.statuses_of_task
            .insert(row.task_id, (row.changed_at, row.id));
        self.status_changes.put(row.id, row);
    }

    /// The latest status change of a task by (time, id).
    pub fn latest_status(&self, task: TaskId) -> Option<&status_change::Model> {
        let (_, id) = self.statuses_of_task.last(&task)?;
        self.status_changes.get(*id)
    }

    /// Takes in a chase that the database holds.
    pub fn load_chase(&mut self, row: chase::Model) {
        self.chases_of_task
            .insert(row.task_id, (row.chased_at, row.id));
        self.chases.load(row.id, row);
    }

    /// Sets a chase.
    pub fn put_chase(&mut self, row: chase::Model) {
        if let Some(held) = self.chases.get(row.id) {
            self.chases_of_task
                .remove(&held.task_id, &(held.chased_at, held.id));
        }
        self.chases_of_task
            .insert(row.task_id, (row.chased_at, row.id));
        self.chases.put(row.id, row);
    }

    /// How often a task was chased, and when last.
    pub fn chases_of(&self, task: TaskId) -> (usize, Option<DateTime<Utc>>) {
        let last = self.chases_of_task.last(&task).map(|(at, _)| *at);
        (self.chases_of_task.count(&task), last)
    }

    /// Takes in a note that the database holds.
    pub fn load_note(&mut self, row: note::Model) {
        if let Some(reference) = reference_of_note(&row) {
            self.notes_by_reference.insert(reference, row.id);
        }
        self.notes.load(row.id, row);
    }

    /// Sets a note.
    pub fn put_note(&mut self, row: note::Model) {
        if let Some(before) = self.notes.get(row.id).and_then(reference_of_note) {
            self.notes_by_reference.remove(&before, &row.id);
        }
        if let Some(reference) = reference_of_note(&row) {
            self.notes_by_reference.insert(reference, row.id);
        }
        self.notes.put(row.id, row);
    }

    /// The notes that have to be looked at again, each with the only task that has its reference now.
    pub fn take_notes_to_place(&mut self) -> Vec<(NoteId, Option<TaskId>)> {
        let touched = std::mem::take(&mut self.touched_references);
        let notes = touched.iter().flat_map(|reference| {
            let task = self.tasks_by_reference.only(reference).copied();
            let notes = self.notes_by_reference.of(reference);
            notes.map(move |note| (*note, task))
        });
        let mut notes: Vec<_> = notes.collect();
        notes.sort_unstable();
        notes
    }

    /// The only task of the tenant with that reference; none while there are several.
    pub fn task_by_reference(&self, tenant: &str, reference: &str) -> Option<TaskId> {
        let reference = (tenant.to_owned(), reference.to_owned());
        self.tasks_by_reference.only(&reference).copied()
    }

    /// The only incident with Matrix's TaskId `code`; none while there are several.
    pub fn incident_by_code(&self, code: &str) -> Option<IncidentId> {
        self.incidents_by_code.only(&code.to_owned()).copied()
    }

    /// The Urgent tasks whose external identifier is `code`.
    pub fn urgent_by_code(&self, code: &str) -> Vec<task::Model> {
        self.urgent_by_code
            .of(&code.to_owned())
            .filter_map(|id| self.tasks.get(*id))
            .filter(|row| row.external_identifier.as_deref() == Some(code))
            .cloned()
            .collect()
    }
}

fn reference_of(row: &task::Model) -> Option<Reference> {
    Some((row.tenant.clone()?, row.reference.clone()?))
}

fn reference_of_note(row: &note::Model) -> Option<Reference> {
    (!row.is_task_named).then(|| (row.tenant.clone(), row.reference.clone()))
}

/// "The timeline of `subject` takes in what was filed under `from`."
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimelineLink {
    /// The building, incident or task whose timeline grows.
    pub subject: Uuid,
    /// What the activities were filed under.
    pub from: LinkFrom,
}

/// What linked activities were filed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkFrom {
    /// The activities of a task.
    Task(TaskId),
    /// The activities whose subject this is, of notes that could not be filed.
    Note(NoteId),
}

/// A site that now stands under another building, or is another zone of it than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rehomed {
    /// The site.
    pub site: SiteId,
    /// The building before.
    pub from: BuildingId,
    /// The building now.
    pub to: BuildingId,
    /// The zone that it was before; null where it was none.
    pub from_zone: Option<ZoneId>,
    /// The zone that it is now.
    pub to_zone: Option<ZoneId>,
}
