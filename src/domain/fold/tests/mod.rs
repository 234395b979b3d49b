//! P2 on the pure fold: any permutation of the same facts, any of them repeated, ends in the same rows and the same
//! activities, whenever the operator says which places there are.

pub(crate) mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::Hash;

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Declarer, Version, WorkState, place_link};
use proptest::prelude::*;

use self::history::{Saying, Step, at, fact, histories};
use super::{Verdict, apply, declare_places, finish};
use crate::domain::fact::{
    Chase, Description, Fact, Note, Place, SiteDescription, Stage, StatusChange, TaskName, Told,
    What, Word, Work,
};
use crate::domain::id::{self, SiteKey};
use crate::domain::operator;
use crate::domain::state::{State, Table};

/// The kinds that tell the story of arrival.
const TOLD_BY_ARRIVAL: [ActivityKind; 2] = [ActivityKind::Linked, ActivityKind::Corrected];

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
    let mut links = Links::new();
    for (index, step) in steps.iter().enumerate() {
        if index % batch == 0 {
            state = stored(state);
        }
        match step {
            Step::Fact(fact) => {
                let (_, folded) = apply(&mut state, fact);
                let told = folded.activities.into_iter().map(|new| new.row);
                for row in told.filter(|row| !TOLD_BY_ARRIVAL.contains(&row.kind)) {
                    let kind = format!("{:?}", row.kind);
                    activities.insert((row.id.0, kind, row.occurred_at, row.subject_id));
                }
            }
            // The operator's word is a transaction of its own.
            Step::Said(saying) => {
                state = stored(state);
                say(&mut links, saying);
                declare_places(&mut state, links.clone().into_iter().collect());
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

type Links = BTreeMap<SiteKey, place_link::Model>;

/// What the operator's word makes of `links`, as far as the fold is concerned: the settings go first, and a mutation
/// links, under whatever leads the first of its sites, those that they do not name.
fn say(links: &mut Links, saying: &Saying) {
    match saying {
        Saying::Settings(places) => {
            links.retain(|_, link| link.declared_by == Declarer::Operator);
            links.extend(operator::place::declared(places, 1));
        }
        Saying::Linked(sites, name) => {
            let lead = |key: &SiteKey| links.get(key).map(|link| link.root_site_id);
            let mut root = sites[0].id();
            while let Some(above) = lead_of(links, root).filter(|above| *above != root) {
                root = above;
            }
            let taken: Vec<SiteKey> = sites
                .iter()
                .filter(|key| lead(key).is_none())
                .cloned()
                .collect();
            for key in taken {
                let link = place_link::Model {
                    id: id::place_link(&key),
                    site_id: key.id(),
                    root_site_id: root,
                    name: name.clone(),
                    version: 1,
                    declared_by: Declarer::Operator,
                };
                links.insert(key, link);
            }
        }
        Saying::Unlinked(sites) => {
            links
                .retain(|key, link| link.declared_by == Declarer::Settings || !sites.contains(key));
        }
    }
    // A site that leads another is known to be led by itself.
    let known: BTreeSet<_> = links.values().map(|link| link.site_id).collect();
    links.retain(|_, link| known.contains(&link.root_site_id));
}

fn lead_of(links: &Links, site: entity::SiteId) -> Option<entity::SiteId> {
    let link = links.values().find(|link| link.site_id == site)?;
    Some(link.root_site_id)
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
    for (_, row) in state.incidents.iter() {
        next.load_incident(row.clone());
    }
    for (_, row) in state.tasks.iter() {
        next.load_task(row.clone());
    }
    for (_, row) in state.status_changes.iter() {
        next.load_status_change(row.clone());
    }
    for (_, row) in state.notes.iter() {
        next.load_note(row.clone());
    }
    for (_, row) in state.chases.iter() {
        next.load_chase(row.clone());
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
            Step::Said(_) => None,
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
            reference: Some("80027".to_owned()),
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
            site: Told::Value(SiteDescription {
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

#[test]
fn two_events_with_one_key_end_in_the_same_words_whichever_comes_first() {
    let told = |content: u64, said: &str| {
        let fact = incident_fact(Stage::Open, WorkState::NotAssigned, 1);
        let What::Incident(work) = fact.what else {
            unreachable!()
        };
        let place = Place {
            property: Some(format!("property of {said}")),
            ..work.place
        };
        Fact {
            content,
            what: What::Incident(Work {
                description: Some(said.to_owned()),
                place,
                ..work
            }),
            ..fact
        }
    };
    let (one, other) = (told(1, "A"), told(2, "B"));
    let steps = |facts: [&Fact; 2]| facts.map(|fact| Step::Fact(Box::new(fact.clone())));
    for batch in [1, 2] {
        let first = fold(&steps([&one, &other]), batch);
        assert_eq!(first, fold(&steps([&other, &one]), batch));
        assert_eq!(first.activities.len(), 1);
        let incident = first
            .rows
            .iter()
            .find(|(key, _)| key.starts_with("incident"));
        assert!(incident.unwrap().1.contains("description: Some(\"B\")"));
    }
}

#[test]
fn thousands_of_acts_on_one_task_are_counted_and_the_latest_one_shown() {
    const ACTS: u32 = 20_000;
    let act = |number: u32| {
        let at = at(1) + chrono::Duration::seconds(i64::from(number));
        let id = id::activity(&number);
        let version = Version(0, at.timestamp_micros(), id.0);
        let (tenant, identifier) = ("t".to_owned(), number.to_string());
        let (task, reference) = ("u".to_owned(), Some("r".to_owned()));
        let text = String::new();
        let (kind, what) = match number % 3 {
            0 => (
                ActivityKind::StatusChanged,
                What::Status(StatusChange {
                    tenant,
                    task,
                    reference,
                    identifier,
                    status: text,
                    note: None,
                    compliance: Vec::new(),
                    downtime_reason: None,
                    is_asset_back_up: None,
                    version,
                }),
            ),
            1 => (
                ActivityKind::TaskChased,
                What::Chase(Chase {
                    tenant,
                    task,
                    reference,
                    identifier,
                    text,
                    version,
                }),
            ),
            _ => (
                ActivityKind::NoteAdded,
                What::Note(Note {
                    task: TaskName {
                        tenant,
                        identifier: None,
                        reference,
                    },
                    identifier,
                    text,
                    version,
                }),
            ),
        };
        Fact {
            id,
            kind,
            occurred_at: at,
            content: 0,
            what,
            data: None,
        }
    };
    let mut state = State::default();
    for number in 0..ACTS {
        apply(&mut state, &act(number));
    }
    let (_, task) = state.tasks.iter().next().unwrap();
    assert_eq!(task.chase_count, 6_667);
    assert_eq!(
        task.last_chased_at,
        Some(at(1) + chrono::Duration::seconds(19_999))
    );
    assert_eq!(
        task.status_at,
        Some(at(1) + chrono::Duration::seconds(19_998))
    );
}

#[test]
fn a_null_site_in_a_change_takes_the_task_out_of_its_site_and_one_in_a_created_does_not() {
    let described = |is_change: bool, second: u8, site: Told<SiteDescription>| {
        let told = Description {
            tenant: "t".to_owned(),
            identifier: "u".to_owned(),
            is_change,
            as_of: at(second),
            raw: "{}".to_owned(),
            site,
            ..Description::default()
        };
        let key = format!("{is_change} {second}");
        fact(
            ActivityKind::TaskChanged,
            second,
            &key,
            What::Description(Box::new(told)),
        )
    };
    let site = Told::Value(SiteDescription {
        code: "s".to_owned(),
        ..SiteDescription::default()
    });
    let mut state = State::default();
    let home = |state: &State| {
        let (_, row) = state.tasks.iter().next().unwrap();
        (row.site_id.is_some(), row.building_id.is_some())
    };
    apply(&mut state, &described(true, 1, site));
    apply(&mut state, &described(false, 9, Told::Null));
    assert_eq!(home(&state), (true, true));
    apply(&mut state, &described(true, 2, Told::Null));
    finish(&mut state, at(9));
    assert_eq!(home(&state), (false, false));
}

#[test]
fn a_site_that_becomes_another_zone_of_its_building_says_so() {
    let mut state = State::default();
    let described = |task: &str, site: &str, parent: Option<&str>| {
        let told = Description {
            tenant: "t".to_owned(),
            identifier: task.to_owned(),
            as_of: at(1),
            raw: "{}".to_owned(),
            site: Told::Value(SiteDescription {
                code: site.to_owned(),
                parent_code: parent.map_or(Told::Absent, |code| Told::Value(code.to_owned())),
                ..SiteDescription::default()
            }),
            ..Description::default()
        };
        let what = What::Description(Box::new(told));
        fact(ActivityKind::TaskCreated, 1, task, what)
    };
    apply(&mut state, &described("u1", "room", Some("house")));
    let mut state = stored(state);
    let (house, room) = (SiteKey::urgent("t", "house"), SiteKey::urgent("t", "room"));
    let places = [("House".to_owned(), vec![house, room.clone()])];
    declare_places(
        &mut state,
        operator::place::declared(&places, 1).into_iter().collect(),
    );
    let moved = finish(&mut state, at(9));
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0].row.subject_id, room.id().0);
    let changes = &moved[0].row.changes.0;
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].field, "site.zone_id");
    assert_eq!(changes[0].from, serde_json::json!(room.zone().0));
    assert_eq!(changes[0].to, serde_json::Value::Null);
}

#[test]
fn a_contradiction_is_told_in_words() {
    let chased = |second: u8, task: &str| {
        let chase = Chase {
            tenant: "t".to_owned(),
            task: task.to_owned(),
            reference: None,
            identifier: "g".to_owned(),
            text: String::new(),
            version: Version(0, 0, uuid::Uuid::nil()),
        };
        let key = format!("{second} {task}");
        fact(ActivityKind::TaskChased, second, &key, What::Chase(chase))
    };
    let mut state = State::default();
    assert_eq!(apply(&mut state, &chased(1, "u1")).0, Verdict::Applied);
    let told = "ChaseIdentifier g came before with another TaskIdentifier: u1 then, u2 now; \
                ChasedDateTimeUtc: 2023-11-14T22:13:21Z then, 2023-11-14T22:13:22Z now";
    assert_eq!(
        apply(&mut state, &chased(2, "u2")).0,
        Verdict::Conflict(told.to_owned())
    );
}
