//! Histories for the properties: facts that contradict, repeat and overtake each other, and the operator's word on
//! places said anywhere among them.

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Priority, Version, WorkState};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use crate::domain::fact::{
    Chase, Description, Fact, NamedPlace, Note, Place, SiteDescription, Stage, StatusChange,
    TaskName, Told, What, Word, Work, ZoneEvent,
};
use crate::domain::id::{self, SiteKey};

/// The places that an operator declares: each a name and its sites, the root first.
pub(crate) type Places = Vec<(String, Vec<SiteKey>)>;

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A platform says something.
    Fact(Box<Fact>),
    /// The operator says which places there are; what was said before is taken back.
    Places(Places),
}

pub(super) fn at(second: u8) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + i64::from(second), 0).unwrap_or_default()
}

pub(super) fn fact(kind: ActivityKind, second: u8, key: &str, what: What) -> Fact {
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
                    level: (noise % 6 > 2).then(|| NamedPlace {
                        code: format!("l{}", noise % 2),
                        name: (noise % 5 > 1).then(|| format!("Level {noise}")),
                    }),
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

/// The sites of which the facts speak.
fn known_sites() -> Vec<SiteKey> {
    let matrix = ["b0", "b1"].map(SiteKey::matrix);
    let urgent = ["t0", "t1"]
        .into_iter()
        .flat_map(|tenant| ["s0", "s1", "s2", "s3"].map(|code| SiteKey::urgent(tenant, code)));
    matrix.into_iter().chain(urgent).collect()
}

/// One to three places. A site may stand in several: the last that names it counts, and the others hang on its root.
fn places() -> impl Strategy<Value = Places> {
    let sites = subsequence(known_sites(), 1..=4).prop_shuffle();
    let place = (0..3_u8, sites).prop_map(|(name, sites)| (format!("Place {name}"), sites));
    proptest::collection::vec(place, 1..4)
}

/// `facts` in their order, and `words` in theirs, each at its place among the facts.
fn interleaved(facts: Vec<Fact>, words: Vec<Places>, at: &[Index]) -> Vec<Step> {
    let mut at: Vec<usize> = at.iter().map(|at| at.index(facts.len() + 1)).collect();
    at.sort_unstable();
    let mut words = at.into_iter().zip(words).peekable();
    let mut steps = Vec::new();
    for (position, fact) in facts.into_iter().enumerate() {
        while let Some((_, places)) = words.next_if(|(at, _)| *at <= position) {
            steps.push(Step::Places(places));
        }
        steps.push(Step::Fact(Box::new(fact)));
    }
    steps.extend(words.map(|(_, places)| Step::Places(places)));
    steps
}

/// A history, and another with the same facts shuffled and some of them repeated. The operator says the same in both,
/// in the same order, since the last word counts; but at other moments, and perhaps everything twice.
pub(crate) fn histories() -> impl Strategy<Value = (Vec<Step>, Vec<Step>)> {
    let one = prop_oneof![3 => incident(), 1 => zone(), 3 => described(), 3 => act()];
    let facts = proptest::collection::vec(one, 1..24).prop_flat_map(|facts| {
        let repeats = subsequence(facts.clone(), 0..=facts.len());
        let other = repeats.prop_flat_map({
            let facts = facts.clone();
            move |repeats| Just([facts.clone(), repeats].concat()).prop_shuffle()
        });
        (Just(facts), other)
    });
    let word = (places(), any::<Index>(), any::<[Index; 2]>(), any::<bool>());
    let words = proptest::collection::vec(word, 0..4);
    (facts, words).prop_map(|((facts, other), words)| {
        let (mut said, mut first) = (Vec::new(), Vec::new());
        let (mut said_again, mut second) = (Vec::new(), Vec::new());
        for (places, at, again, twice) in words {
            let times = if twice { 2 } else { 1 };
            said_again.extend(vec![places.clone(); times]);
            second.extend_from_slice(&again[..times]);
            said.push(places);
            first.push(at);
        }
        (
            interleaved(facts, said, &first),
            interleaved(other, said_again, &second),
        )
    })
}
