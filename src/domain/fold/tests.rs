//! P2 on the pure fold: any permutation of the same facts, any of them repeated, ends in the same rows and the same
//! activities.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Priority, Version, WorkState, note, task};
use proptest::prelude::*;

use super::{apply, finish};
use crate::domain::fact::{
    Chase, Description, Fact, NamedPlace, Note, Place, SiteDescription, Stage, StatusChange,
    TaskName, Told, What, Word, Work, ZoneEvent,
};
use crate::domain::id;
use crate::domain::state::State;

fn at(second: u8) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + i64::from(second), 0).unwrap_or_default()
}

/// What P2 promises to be the same.
#[derive(Debug, PartialEq)]
struct Outcome {
    rows: BTreeMap<String, String>,
    activities: BTreeSet<(uuid::Uuid, String, DateTime<Utc>, uuid::Uuid)>,
}

/// Folds `facts` in batches of `batch`, each starting from what the one before it stored.
fn fold(facts: &[Fact], batch: usize) -> Outcome {
    let mut state = State::default();
    let mut activities = BTreeSet::new();
    for (index, fact) in facts.iter().enumerate() {
        if index % batch == 0 {
            finish(&mut state, at(255));
            state = stored(state);
        }
        let (_, folded) = apply(&mut state, fact);
        for new in folded.activities {
            let row = new.row;
            if row.kind != ActivityKind::Linked {
                activities.insert((
                    row.id.0,
                    format!("{:?}", row.kind),
                    row.occurred_at,
                    row.subject_id,
                ));
            }
        }
    }
    finish(&mut state, at(255));
    let mut rows = BTreeMap::new();
    let mut keep = |table: &str, id: uuid::Uuid, row: String| {
        rows.insert(format!("{table} {id}"), row);
    };
    state
        .properties
        .iter()
        .for_each(|(id, row)| keep("property", id.0, format!("{row:?}")));
    state
        .sites
        .iter()
        .for_each(|(id, row)| keep("site", id.0, format!("{row:?}")));
    state
        .buildings
        .iter()
        .for_each(|(id, row)| keep("building", id.0, format!("{row:?}")));
    state
        .zones
        .iter()
        .for_each(|(id, row)| keep("zone", id.0, format!("{row:?}")));
    state
        .incidents
        .iter()
        .for_each(|(id, row)| keep("incident", id.0, format!("{row:?}")));
    state
        .tasks
        .iter()
        .for_each(|(id, row): (_, &task::Model)| keep("task", id.0, format!("{row:?}")));
    state
        .status_changes
        .iter()
        .for_each(|(id, row)| keep("status_change", id.0, format!("{row:?}")));
    state
        .notes
        .iter()
        .for_each(|(id, row): (_, &note::Model)| keep("note", id.0, format!("{row:?}")));
    state
        .chases
        .iter()
        .for_each(|(id, row)| keep("chase", id.0, format!("{row:?}")));
    Outcome { rows, activities }
}

/// The state as a later batch loads it.
fn stored(state: State) -> State {
    let mut next = State::default();
    next.known = state.known.clone();
    state
        .properties
        .iter()
        .for_each(|(id, row)| next.properties.load(*id, row.clone()));
    state
        .sites
        .iter()
        .for_each(|(id, row)| next.sites.load(*id, row.clone()));
    state
        .buildings
        .iter()
        .for_each(|(id, row)| next.buildings.load(*id, row.clone()));
    state
        .levels
        .iter()
        .for_each(|(id, row)| next.levels.load(*id, row.clone()));
    state
        .zones
        .iter()
        .for_each(|(id, row)| next.zones.load(*id, row.clone()));
    state
        .incidents
        .iter()
        .for_each(|(_, row)| next.load_incident(row.clone()));
    state
        .tasks
        .iter()
        .for_each(|(_, row)| next.load_task(row.clone()));
    state
        .status_changes
        .iter()
        .for_each(|(id, row)| next.status_changes.load(*id, row.clone()));
    state
        .notes
        .iter()
        .for_each(|(id, row)| next.notes.load(*id, row.clone()));
    state
        .chases
        .iter()
        .for_each(|(id, row)| next.chases.load(*id, row.clone()));
    next
}

fn fact(kind: ActivityKind, second: u8, key: &str, what: What) -> Fact {
    Fact {
        id: id::activity(&(format!("{kind:?}"), second, key)),
        kind,
        occurred_at: at(second),
        what,
        data: None,
    }
}

fn incident() -> impl Strategy<Value = Fact> {
    (0..2_u8, 0..3_u8, 0..6_u8, 0..20_u8, 0..4_u8, any::<u8>()).prop_map(
        |(building, code, stage, second, level, noise)| {
            let (stage, state, kind) = match stage {
                0 => (
                    Stage::Created,
                    WorkState::NotAssigned,
                    ActivityKind::IncidentReported,
                ),
                1 => (
                    Stage::Open,
                    WorkState::Assigned,
                    ActivityKind::IncidentReported,
                ),
                2 => (
                    Stage::Escalated,
                    WorkState::Assigned,
                    ActivityKind::IncidentEscalated,
                ),
                3 => (
                    Stage::Started,
                    WorkState::Started,
                    ActivityKind::IncidentStarted,
                ),
                4 => (
                    Stage::Incomplete,
                    WorkState::Incomplete,
                    ActivityKind::IncidentNotResolved,
                ),
                _ => (
                    Stage::Completed,
                    WorkState::Completed,
                    ActivityKind::IncidentCompleted,
                ),
            };
            let ended = matches!(stage, Stage::Completed).then(|| at(second));
            let work = Work {
                building: format!("b{building}"),
                place: Place {
                    building: Some(format!("b{building}")),
                    property: (noise % 3 > 0).then(|| format!("p{}", noise % 2)),
                    zone: (noise % 4 > 0).then(|| NamedPlace {
                        code: format!("z{}", noise % 2),
                        name: (noise % 5 > 0).then(|| format!("Zone {noise}")),
                    }),
                    level: None,
                },
                code: format!("c{code}"),
                stage,
                name: (noise % 7 > 0).then(|| format!("name {noise}")),
                description: None,
                kind: None,
                priority: Some(Word {
                    meaning: if noise % 2 == 0 {
                        Priority::High
                    } else {
                        Priority::Low
                    },
                    raw: (noise % 2).to_string(),
                }),
                state: (noise % 11 > 0).then(|| Word {
                    meaning: state,
                    raw: format!("{state:?}"),
                }),
                escalation_level: (noise % 3 > 0).then_some(i32::from(level)),
                start: (noise % 6 > 0).then(|| at(second / 2)),
                due: (noise % 5 > 1).then(|| at(second.saturating_add(9))),
                started: (stage >= Stage::Started).then(|| at(second)),
                ended,
                sensors: None,
            };
            let key = format!("{building} {code} {stage:?} {level} {noise}");
            fact(kind, second, &key, What::Incident(work))
        },
    )
}

fn zone() -> impl Strategy<Value = Fact> {
    (0..2_u8, 0..2_u8, 0..20_u8, 0..4_u8).prop_map(|(building, zone, second, how)| {
        let event = ZoneEvent {
            building: format!("b{building}"),
            place: Place::default(),
            zone: NamedPlace {
                code: format!("z{zone}"),
                name: (how == 1).then(|| format!("Renamed at {second}")),
            },
            status: (how == 2).then(|| format!("status {second}")),
            removed: match how {
                0 => Some(false),
                3 => Some(true),
                _ => None,
            },
        };
        fact(
            ActivityKind::ZoneChanged,
            second,
            &format!("{building} {zone} {how}"),
            What::Zone(event),
        )
    })
}

fn described() -> impl Strategy<Value = Fact> {
    (0..2_u8, 0..3_u8, any::<bool>(), 0..20_u8, any::<u8>()).prop_map(
        |(tenant, task, is_change, second, noise)| {
            let told = |value: u8| match value {
                0 => Told::Absent,
                1 => Told::Null,
                other => Told::Value(format!("value {other}")),
            };
            let description = Description {
                tenant: format!("t{tenant}"),
                identifier: format!("u{task}"),
                is_change,
                as_of: at(second),
                reference: Told::Value(format!("r{}", noise % 2)),
                external_identifier: if noise % 3 == 0 {
                    Told::Absent
                } else {
                    Told::Value(format!("c{}", noise % 3))
                },
                description: told(noise % 4),
                supplier: told(noise % 5),
                status: told(noise % 6),
                site: (noise % 4 > 0).then(|| SiteDescription {
                    code: format!("s{}", noise % 4),
                    parent_code: match noise % 7 {
                        0 => Told::Null,
                        1 => Told::Absent,
                        other => Told::Value(format!("s{}", other % 4)),
                    },
                    name: told(noise % 5),
                    ..SiteDescription::default()
                }),
                raw: format!("{{{noise}}}"),
                ..Description::default()
            };
            let kind = if is_change {
                ActivityKind::TaskChanged
            } else {
                ActivityKind::TaskCreated
            };
            let key = format!("{tenant} {task} {noise}");
            fact(kind, second, &key, What::Description(Box::new(description)))
        },
    )
}

fn act() -> impl Strategy<Value = Fact> {
    (
        0..3_u8,
        0..2_u8,
        0..3_u8,
        0..3_u8,
        0..20_u8,
        0..3_u8,
        any::<u8>(),
    )
        .prop_map(|(which, tenant, task, guid, second, position, noise)| {
            let tenant = format!("t{tenant}");
            let key = format!("{which} {tenant} {task} {guid} {noise}");
            let kind = match which {
                0 => ActivityKind::StatusChanged,
                1 => ActivityKind::NoteAdded,
                _ => ActivityKind::TaskChased,
            };
            let id = id::activity(&(format!("{kind:?}"), second, &key));
            let version = Version(u32::from(position), at(second).timestamp_micros(), id.0);
            let (task, identifier) = (format!("u{task}"), format!("g{guid}"));
            let reference = format!("r{}", noise % 2);
            let what = match which {
                0 => What::Status(StatusChange {
                    tenant,
                    task,
                    reference,
                    identifier,
                    status: format!("status {noise}"),
                    note: None,
                    compliance: Vec::new(),
                    downtime_reason: None,
                    is_asset_back_up: None,
                    version,
                }),
                1 => What::Note(Note {
                    task: TaskName {
                        tenant,
                        identifier: (noise % 2 == 0).then_some(task),
                        reference,
                    },
                    identifier,
                    text: format!("note {noise}"),
                    version,
                }),
                _ => What::Chase(Chase {
                    tenant,
                    task,
                    reference,
                    identifier,
                    text: format!("chase {noise}"),
                    version,
                }),
            };
            fact(kind, second, &key, what)
        })
}

/// Facts, and the same facts shuffled with some of them repeated.
pub(crate) fn histories() -> impl Strategy<Value = (Vec<Fact>, Vec<Fact>)> {
    let one = prop_oneof![3 => incident(), 1 => zone(), 3 => described(), 3 => act()];
    proptest::collection::vec(one, 1..24).prop_flat_map(|facts| {
        let repeats = proptest::sample::subsequence(facts.clone(), 0..=facts.len());
        let other = repeats.prop_flat_map({
            let facts = facts.clone();
            move |repeats| Just([facts.clone(), repeats].concat()).prop_shuffle()
        });
        (Just(facts), other)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn order_repetition_and_batching_do_not_matter((facts, other) in histories(), batch in 1..9_usize) {
        prop_assert_eq!(fold(&facts, facts.len()), fold(&other, batch));
    }

    #[test]
    fn one_fact_gives_exactly_one_activity_of_its_own((facts, _) in histories()) {
        let distinct: BTreeSet<_> = facts.iter().map(|fact| fact.id.0).collect();
        let told: BTreeSet<_> = fold(&facts, 1).activities.into_iter().map(|activity| activity.0).collect();
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
