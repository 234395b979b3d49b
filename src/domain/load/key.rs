//! The keys that a batch of facts names: what the SELECTs of the load are asked with.

use std::collections::BTreeSet;

use entity::SiteId;
use uuid::Uuid;

use crate::domain::fact::{Fact, Place, Told, What};
use crate::domain::id::{self, SiteKey};

/// The keys that the facts name; sorted and without repeats.
#[derive(Default)]
pub(super) struct KeySet {
    pub(super) facts: BTreeSet<Uuid>,
    pub(super) properties: BTreeSet<Uuid>,
    pub(super) sites: BTreeSet<Uuid>,
    /// Sites that are told a parent: their building's other sites may move with them.
    pub(super) parented: Vec<(SiteId, Option<SiteId>)>,
    pub(super) levels: BTreeSet<Uuid>,
    pub(super) zones: BTreeSet<Uuid>,
    pub(super) incident_codes: BTreeSet<String>,
    pub(super) tasks: BTreeSet<Uuid>,
    pub(super) external_identifiers: BTreeSet<String>,
    pub(super) status_changes: BTreeSet<Uuid>,
    pub(super) chases: BTreeSet<Uuid>,
    pub(super) notes: BTreeSet<Uuid>,
    pub(super) tenants: BTreeSet<String>,
    pub(super) references: BTreeSet<String>,
    /// Whether a task is asked for by its reference: by a note, or by a call that names it by nothing else.
    pub(super) asks_by_reference: bool,
}

impl KeySet {
    /// The keys of `facts`.
    pub(super) fn of(facts: &[&Fact]) -> Self {
        let mut keys = Self::default();
        for fact in facts {
            keys.facts.insert(fact.id.0);
            match &fact.what {
                What::Incident(work) => {
                    keys.place(Some(&work.building), &work.place);
                    keys.incident_codes.insert(work.code.clone());
                    keys.external_identifiers.insert(work.code.clone());
                }
                What::MatrixTask(work) => {
                    keys.place(Some(&work.building), &work.place);
                    keys.tasks
                        .insert(id::matrix_task(&work.building, &work.code).0);
                }
                What::Zone(event) => {
                    keys.place(Some(&event.building), &event.place);
                    keys.zones
                        .insert(id::zone(&event.building, &event.zone.code).0);
                }
                What::Level(event) => {
                    keys.place(Some(&event.building), &event.place);
                    keys.levels
                        .insert(id::level(&event.building, &event.level.code).0);
                }
                What::Other(place) => keys.place(place.building.as_deref(), place),
                What::Description(told) => {
                    keys.task(&told.tenant, &told.identifier);
                    if let Told::Value(reference) = &told.reference {
                        keys.references.insert(reference.clone());
                    }
                    if let Told::Value(code) = &told.external_identifier {
                        keys.incident_codes.insert(code.clone());
                    }
                    if let Told::Value(site) = &told.site {
                        let parent = match &site.parent_code {
                            Told::Value(code) => {
                                Some(Some(SiteKey::urgent(&told.tenant, code).id()))
                            }
                            Told::Null => Some(None),
                            Told::Absent => None,
                        };
                        let site = SiteKey::urgent(&told.tenant, &site.code).id();
                        keys.sites.insert(site.0);
                        keys.sites.extend(parent.flatten().map(|parent| parent.0));
                        keys.parented.extend(parent.map(|parent| (site, parent)));
                    }
                }
                What::Status(told) => {
                    keys.task(&told.tenant, &told.task);
                    keys.references.extend(told.reference.clone());
                    keys.status_changes
                        .insert(id::status_change(&told.tenant, &told.identifier).0);
                }
                What::Chase(told) => {
                    keys.task(&told.tenant, &told.task);
                    keys.references.extend(told.reference.clone());
                    keys.chases
                        .insert(id::chase(&told.tenant, &told.identifier).0);
                }
                What::Note(told) => {
                    keys.tenants.insert(told.task.tenant.clone());
                    keys.references.extend(told.task.reference.clone());
                    keys.notes
                        .insert(id::note(&told.task.tenant, &told.identifier).0);
                    match &told.task.identifier {
                        Some(identifier) => keys.task(&told.task.tenant, identifier),
                        None => keys.asks_by_reference = true,
                    }
                }
                What::Stray(told) => {
                    keys.tenants.insert(told.tenant.clone());
                    keys.references.extend(told.reference.clone());
                    keys.asks_by_reference = true;
                }
            }
        }
        keys
    }

    fn place(&mut self, building: Option<&str>, place: &Place) {
        self.properties
            .extend(place.property.as_deref().map(|code| id::property(code).0));
        let Some(building) = building else { return };
        self.sites.insert(SiteKey::matrix(building).id().0);
        self.zones.extend(
            place
                .zone
                .as_ref()
                .map(|zone| id::zone(building, &zone.code).0),
        );
        self.levels.extend(
            place
                .level
                .as_ref()
                .map(|level| id::level(building, &level.code).0),
        );
    }

    fn task(&mut self, tenant: &str, identifier: &str) {
        self.tasks.insert(id::urgent_task(tenant, identifier).0);
        self.tenants.insert(tenant.to_owned());
    }
}

pub(super) fn uuids(keys: &BTreeSet<Uuid>) -> Vec<Uuid> {
    keys.iter().copied().collect()
}

pub(super) fn texts(keys: &BTreeSet<String>) -> Vec<String> {
    keys.iter().cloned().collect()
}
