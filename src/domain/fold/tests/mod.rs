//! P2 on the pure fold: any permutation of the same facts, any of them repeated, ends in the same rows and the same
//! activities, whenever the operator says which places there are.

pub(crate) mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::Hash;

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Version, WorkState};
use proptest::prelude::*;

use self::history::{Step, at, fact, histories};
use super::{apply, declare_places, finish};
use crate::domain::fact::{
    Description, Fact, Note, Place, SiteDescription, Stage, TaskName, Told, What, Word, Work,
};
use crate::domain::state::{State, Table};
use crate::domain::{id, operator};

/// What P2 promises to be the same.
#[derive(Debug, PartialEq)]
struct Outcome {
    rows: BTreeMap<String, String>,
    activities: BTreeSet<(uuid::Uuid, String, DateTime<Utc>, uuid::Uuid)>,
}

/// Folds `steps` in batches of `batch`, each starting from what the one before it stored.
fn fold(steps: &[Step], batch: usize) -> Outcome {
    let mut state = State::default();
    let mut activities = BTreeSet::new();
    for (index, step) in steps.iter().enumerate() {
        if index % batch == 0 {
            state = stored(state);
        }
        match step {
            Step::Fact(fact) => {
                let (_, folded) = apply(&mut state, fact);
                let told = folded.activities.into_iter().map(|new| new.row);
                for row in told.filter(|row| row.kind != ActivityKind::Linked) {
                    let kind = format!("{:?}", row.kind);
                    activities.insert((row.id.0, kind, row.occurred_at, row.subject_id));
                }
            }
            // The operator's word is a transaction of its own.
            Step::Places(places) => {
                state = stored(state);
                declare_places(
                    &mut state,
                    operator::place::declared(places, 1).into_iter().collect(),
                );
                state = stored(state);
            }
        }
    }
    finish(&mut state, at(255));
    let mut rows = BTreeMap::new();
    keep(&mut rows, "property", &state.properties);
    keep(&mut rows, "site", &state.sites);
    keep(&mut rows, "building", &state.buildings);
    keep(&mut rows, "level", &state.levels);
    keep(&mut rows, "zone", &state.zones);
    keep(&mut rows, "incident", &state.incidents);
    keep(&mut rows, "task", &state.tasks);
    keep(&mut rows, "status_change", &state.status_changes);
    keep(&mut rows, "note", &state.notes);
    keep(&mut rows, "chase", &state.chases);
    Outcome { rows, activities }
}

fn keep<Id, Row>(rows: &mut BTreeMap<String, String>, table: &str, from: &Table<Id, Row>)
where
    Id: Copy + Ord + Hash + Debug,
    Row: Clone + PartialEq + Debug,
{
    rows.extend(
        from.iter()
            .map(|(id, row)| (format!("{table} {id:?}"), format!("{row:?}"))),
    );
}

/// The state as a later batch loads it, after this one is finished.
fn stored(mut state: State) -> State {
    finish(&mut state, at(255));
    let mut next = State::default();
    next.known.clone_from(&state.known);
    next.place_links.clone_from(&state.place_links);
    next.properties = reloaded(&state.properties);
    next.sites = reloaded(&state.sites);
    next.buildings = reloaded(&state.buildings);
    next.levels = reloaded(&state.levels);
    next.zones = reloaded(&state.zones);
    next.status_changes = reloaded(&state.status_changes);
    next.notes = reloaded(&state.notes);
    next.chases = reloaded(&state.chases);
    for (_, row) in state.incidents.iter() {
        next.load_incident(row.clone());
    }
    for (_, row) in state.tasks.iter() {
        next.load_task(row.clone());
    }
    next
}

fn reloaded<Id: Copy + Ord + Hash, Row: Clone + PartialEq>(
    table: &Table<Id, Row>,
) -> Table<Id, Row> {
    let mut next = Table::default();
    for (id, row) in table.iter() {
        next.load(*id, row.clone());
    }
    next
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn order_repetition_and_batching_do_not_matter((steps, other) in histories(), batch in 1..9_usize) {
        prop_assert_eq!(fold(&steps, steps.len()), fold(&other, batch));
    }

    #[test]
    fn one_fact_gives_exactly_one_activity_of_its_own((steps, _) in histories()) {
        let facts = steps.iter().filter_map(|step| match step {
            Step::Fact(fact) => Some(fact.id.0),
            Step::Places(_) => None,
        });
        let distinct: BTreeSet<_> = facts.collect();
        let told: BTreeSet<_> = fold(&steps, 1).activities.into_iter().map(|activity| activity.0).collect();
        prop_assert_eq!(distinct, told);
    }
}

#[test]
fn closing_event_before_opening_event_is_kept_but_does_not_reopen() {
    let mut state = State::default();
    let closing = incident_fact(Stage::Completed, WorkState::Completed, 9);
    let opening = incident_fact(Stage::Open, WorkState::NotAssigned, 1);
    apply(&mut state, &closing);
    let (_, folded) = apply(&mut state, &opening);
    assert!(folded.activities[0].row.late);
    let row = state
        .incidents
        .iter()
        .next()
        .map(|(_, row)| row.clone())
        .expect("the incident");
    assert_eq!(
        (row.state, row.is_open, row.reported_at),
        (WorkState::Completed, false, at(1))
    );
}

fn incident_fact(stage: Stage, state: WorkState, second: u8) -> Fact {
    let work = Work {
        building: "b".to_owned(),
        place: Place::default(),
        code: "1".to_owned(),
        stage,
        name: None,
        description: None,
        kind: None,
        priority: None,
        state: Some(Word {
            meaning: state,
            raw: String::new(),
        }),
        escalation_level: None,
        start: None,
        due: None,
        started: None,
        ended: None,
        sensors: None,
    };
    fact(
        ActivityKind::IncidentReported,
        second,
        "one",
        What::Incident(work),
    )
}

#[test]
fn a_note_without_task_identifier_waits_for_its_task_and_lets_go_when_a_second_has_its_reference() {
    let note = |key: &str| {
        let version = Version(0, 0, uuid::Uuid::nil());
        let task = TaskName {
            tenant: "t".to_owned(),
            identifier: None,
            reference: "80027".to_owned(),
        };
        let note = Note {
            task,
            identifier: "g".to_owned(),
            text: "on my way".to_owned(),
            version,
        };
        fact(ActivityKind::NoteAdded, 5, key, What::Note(note))
    };
    let created = |task: &str| {
        let told = Description {
            tenant: "t".to_owned(),
            identifier: task.to_owned(),
            as_of: at(1),
            reference: Told::Value("80027".to_owned()),
            raw: "{}".to_owned(),
            ..Description::default()
        };
        fact(
            ActivityKind::TaskCreated,
            1,
            task,
            What::Description(Box::new(told)),
        )
    };
    let mut state = State::default();
    let task_of = |state: &State| state.notes.iter().next().and_then(|(_, note)| note.task_id);
    apply(&mut state, &note("n"));
    assert_eq!(task_of(&state), None);
    apply(&mut state, &created("u1"));
    assert_eq!(task_of(&state), Some(id::urgent_task("t", "u1")));
    assert_eq!(state.found_notes.len(), 1);
    apply(&mut state, &created("u2"));
    assert_eq!(task_of(&state), None);
}

#[test]
fn sites_that_are_each_others_parent_end_under_one_root() {
    let described = |task: &str, site: &str, parent: &str| {
        let told = Description {
            tenant: "t".to_owned(),
            identifier: task.to_owned(),
            as_of: at(1),
            raw: "{}".to_owned(),
            site: Some(SiteDescription {
                code: site.to_owned(),
                parent_code: Told::Value(parent.to_owned()),
                ..SiteDescription::default()
            }),
            ..Description::default()
        };
        fact(
            ActivityKind::TaskCreated,
            1,
            task,
            What::Description(Box::new(told)),
        )
    };
    let mut state = State::default();
    apply(&mut state, &described("u1", "a", "b"));
    apply(&mut state, &described("u2", "b", "c"));
    apply(&mut state, &described("u3", "c", "a"));
    finish(&mut state, at(9));
    let homes: BTreeSet<_> = state.sites.iter().map(|(_, row)| row.building_id).collect();
    assert_eq!((homes.len(), state.buildings.iter().count()), (1, 1));
}
