//! Histories for the properties: facts that contradict, repeat and overtake each other, events of Matrix that are one
//! by their key and differ in the rest, and the operator's word on places said anywhere among them.

use chrono::{DateTime, Utc};
use entity::status_change::Compliance;
use entity::{ActivityKind, Priority, Version, WorkState};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use crate::domain::fact::{
    Chase, Description, Fact, LevelEvent, NamedPlace, Note, Place, SiteDescription, Stage,
    StatusChange, Stray, TaskName, Told, What, Word, Work, ZoneEvent,
};
use crate::domain::id::{self, SiteKey};

/// The places that the settings declare: each a name and its sites, the root first.
pub(crate) type Places = Vec<(String, Vec<SiteKey>)>;

/// What the operator says of places.
#[derive(Clone, Debug)]
pub(crate) enum Saying {
    /// The settings say which places there are; what they said before is taken back.
    Settings(Places),
    /// A mutation says that these are one place.
    Linked(Vec<SiteKey>, Option<String>),
    /// A mutation takes these out of what they were linked to.
    Unlinked(Vec<SiteKey>),
}

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A platform says something.
    Fact(Box<Fact>),
    /// The operator says something.
    Said(Saying),
}

pub(super) fn at(second: u8) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + i64::from(second), 0).unwrap_or_default()
}

pub(super) fn fact(kind: ActivityKind, second: u8, key: &str, what: What) -> Fact {
    Fact {
        id: id::activity(&(format!("{kind:?}"), second, key)),
        kind,
        occurred_at: at(second),
        content: 0,
        what,
        data: None,
    }
}

/// What varies in an event of Matrix.
#[derive(Clone, Copy, Debug)]
struct Event {
    which: u8,
    building: u8,
    code: u8,
    stage: u8,
    second: u8,
    noise: u8,
}

/// One to three events with one key. What they differ in is not part of it: what the envelope says beside its key.
fn events() -> impl Strategy<Value = Vec<Fact>> {
    let event = (0..10_u8, 0..2_u8, 0..3_u8, 0..6_u8, 0..20_u8, any::<u8>()).prop_map(
        |(which, building, code, stage, second, noise)| Event {
            which,
            building,
            code,
            stage,
            second,
            noise,
        },
    );
    let envelopes = proptest::collection::vec(0..3_u8, 1..=3);
    (event, envelopes).prop_map(|(event, envelopes)| {
        let facts = envelopes.into_iter().map(|envelope| Fact {
            content: u64::from(envelope) + 1,
            ..event.told(envelope)
        });
        facts.collect()
    })
}

impl Event {
    fn told(self, envelope: u8) -> Fact {
        let Self {
            building,
            code,
            stage,
            second,
            noise,
            ..
        } = self;
        let building = format!("b{building}");
        let key = format!("{building} {code} {stage} {noise}");
        let place = self.place(envelope);
        let (kind, what) = match self.which {
            0..=4 => (
                KINDS[usize::from(stage)],
                What::Incident(self.work(envelope)),
            ),
            5 => (
                WORK[usize::from(stage)],
                What::MatrixTask(self.work(envelope)),
            ),
            6 | 7 => {
                let zone = ZoneEvent {
                    building,
                    place: Place {
                        zone: None,
                        ..place
                    },
                    zone: NamedPlace {
                        code: format!("z{}", code % 2),
                        name: (stage == 1).then(|| format!("Renamed at {second} {noise}")),
                    },
                    status: (stage == 2).then(|| format!("status {second} {noise}")),
                    removed: match stage {
                        0 => Some(false),
                        3 => Some(true),
                        _ => None,
                    },
                };
                (ActivityKind::ZoneChanged, What::Zone(zone))
            }
            8 => {
                let level = LevelEvent {
                    building,
                    place: Place {
                        level: None,
                        ..place
                    },
                    level: NamedPlace {
                        code: format!("l{}", code % 2),
                        name: (stage > 1).then(|| format!("Level at {second} {noise}")),
                    },
                    created: stage.is_multiple_of(2),
                };
                (ActivityKind::LevelChanged, What::Level(level))
            }
            // Without a building the property is what it is about, and so of its key.
            _ if noise.is_multiple_of(3) => {
                let property = (noise.is_multiple_of(2)).then(|| format!("p{}", noise % 4));
                let place = Place {
                    property,
                    ..Place::default()
                };
                (ActivityKind::OtherEvent, What::Other(place))
            }
            _ => (ActivityKind::OtherEvent, What::Other(place)),
        };
        fact(kind, second, &key, what)
    }

    fn place(self, envelope: u8) -> Place {
        let noise = self.noise;
        Place {
            building: Some(format!("b{}", self.building)),
            property: (envelope > 0).then(|| format!("p{envelope}")),
            zone: (!noise.is_multiple_of(4)).then(|| NamedPlace {
                code: format!("z{}", noise % 2),
                name: (!noise.is_multiple_of(5)).then(|| format!("Zone {noise}")),
            }),
            level: (noise % 6 > 2).then(|| NamedPlace {
                code: format!("l{}", noise % 2),
                name: (noise % 5 > 1).then(|| format!("Level {noise}")),
            }),
        }
    }

    fn work(self, envelope: u8) -> Work {
        let (second, noise) = (self.second, self.noise);
        let (stage, state) = STAGES[usize::from(self.stage)];
        Work {
            building: format!("b{}", self.building),
            place: self.place(envelope),
            code: format!("c{}", self.code),
            stage,
            name: (!noise.is_multiple_of(7)).then(|| format!("name {noise}")),
            description: (envelope != 1).then(|| format!("described {envelope}")),
            kind: (noise % 8 > 4).then(|| format!("sensor {noise}")),
            priority: Some(Word {
                meaning: if envelope.is_multiple_of(2) {
                    Priority::High
                } else {
                    Priority::Low
                },
                raw: (envelope % 2).to_string(),
            }),
            state: (!noise.is_multiple_of(11)).then(|| Word {
                meaning: state,
                raw: format!("{state:?}"),
            }),
            escalation_level: (!noise.is_multiple_of(3)).then_some(i32::from(noise % 4)),
            start: (!noise.is_multiple_of(6)).then(|| at(second / 2)),
            due: (noise % 5 > 1).then(|| at(second.saturating_add(9))),
            started: (stage >= Stage::Started).then(|| at(second)),
            ended: matches!(stage, Stage::Completed).then(|| at(second)),
            sensors: (noise % 7 > 4).then(|| vec![format!("device {noise}")]),
        }
    }
}

const STAGES: [(Stage, WorkState); 6] = [
    (Stage::Created, WorkState::NotAssigned),
    (Stage::Open, WorkState::Assigned),
    (Stage::Escalated, WorkState::Assigned),
    (Stage::Started, WorkState::Started),
    (Stage::Incomplete, WorkState::Incomplete),
    (Stage::Completed, WorkState::Completed),
];

const KINDS: [ActivityKind; 6] = [
    ActivityKind::IncidentReported,
    ActivityKind::IncidentReported,
    ActivityKind::IncidentEscalated,
    ActivityKind::IncidentStarted,
    ActivityKind::IncidentNotResolved,
    ActivityKind::IncidentCompleted,
];

const WORK: [ActivityKind; 6] = [
    ActivityKind::TaskStarted,
    ActivityKind::TaskStarted,
    ActivityKind::TaskStarted,
    ActivityKind::TaskStarted,
    ActivityKind::TaskNotResolved,
    ActivityKind::TaskCompleted,
];

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
                site: match noise % 5 {
                    0 if noise % 2 == 0 => Told::Null,
                    0 => Told::Absent,
                    site => Told::Value(SiteDescription {
                        code: format!("s{}", site % 4),
                        parent_code: match noise % 7 {
                            0 => Told::Null,
                            1 => Told::Absent,
                            other => Told::Value(format!("s{}", other % 4)),
                        },
                        name: told(noise % 5),
                        address: told(noise % 3).map(|line| serde_json::json!({ "Line1": line })),
                        latitude: told(noise % 6).map(|_| f64::from(noise) / 4.0),
                        longitude: told(noise % 8).map(|_| f64::from(noise) / 2.0),
                    }),
                },
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
        0..4_u8,
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
                2 => ActivityKind::TaskChased,
                _ => ActivityKind::OtherEvent,
            };
            let id = id::activity(&(format!("{kind:?}"), second, &key));
            let version = Version(u32::from(position), at(second).timestamp_micros(), id.0);
            let (task, identifier) = (format!("u{task}"), format!("g{guid}"));
            let reference = (noise % 9 > 0).then(|| format!("r{}", noise % 2));
            let what = match which {
                0 => What::Status(StatusChange {
                    tenant,
                    task,
                    reference,
                    identifier,
                    status: format!("status {noise}"),
                    note: None,
                    compliance: (0..noise % 3)
                        .map(|question| Compliance {
                            name: format!("question {question}"),
                            answer: (noise % 4 > 0).then(|| format!("answer {noise}")),
                        })
                        .collect(),
                    downtime_reason: (noise % 5 > 2).then(|| format!("downtime {noise}")),
                    is_asset_back_up: (noise % 6 > 3).then_some(noise % 2 == 0),
                    version,
                }),
                1 => What::Note(Note {
                    task: TaskName {
                        tenant,
                        identifier: (noise % 2 == 0 || reference.is_none()).then_some(task),
                        reference,
                    },
                    identifier,
                    text: format!("note {noise}"),
                    version,
                }),
                3 => What::Stray(Stray { tenant, reference }),
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

fn saying() -> impl Strategy<Value = Saying> {
    let some = || subsequence(known_sites(), 1..=3).prop_shuffle();
    let name = proptest::option::of(0..3_u8);
    let linked = (some(), name).prop_map(|(sites, name)| {
        let name = name.map(|name| format!("Called {name}"));
        Saying::Linked(sites, name)
    });
    prop_oneof![
        places().prop_map(Saying::Settings),
        linked,
        some().prop_map(Saying::Unlinked),
    ]
}

/// `facts` in their order, and `words` in theirs, each at its place among the facts.
fn interleaved(facts: Vec<Fact>, words: Vec<Saying>, at: &[Index]) -> Vec<Step> {
    let mut at: Vec<usize> = at.iter().map(|at| at.index(facts.len() + 1)).collect();
    at.sort_unstable();
    let mut words = at.into_iter().zip(words).peekable();
    let mut steps = Vec::new();
    for (position, fact) in facts.into_iter().enumerate() {
        while let Some((_, said)) = words.next_if(|(at, _)| *at <= position) {
            steps.push(Step::Said(said));
        }
        steps.push(Step::Fact(Box::new(fact)));
    }
    steps.extend(words.map(|(_, said)| Step::Said(said)));
    steps
}

/// A history, and another with the same facts shuffled and some of them repeated. The operator says the same in both,
/// in the same order, since the last word counts; but at other moments, and perhaps everything twice.
pub(crate) fn histories() -> impl Strategy<Value = (Vec<Step>, Vec<Step>)> {
    let one = |fact: Fact| vec![fact];
    let some = prop_oneof![
        4 => events(),
        3 => described().prop_map(one),
        3 => act().prop_map(one),
    ];
    let facts = proptest::collection::vec(some, 1..18).prop_flat_map(|facts| {
        let facts = facts.concat();
        let repeats = subsequence(facts.clone(), 0..=facts.len());
        let other = repeats.prop_flat_map({
            let facts = facts.clone();
            move |repeats| Just([facts.clone(), repeats].concat()).prop_shuffle()
        });
        (Just(facts), other)
    });
    let word = (saying(), any::<Index>(), any::<[Index; 2]>(), any::<bool>());
    let words = proptest::collection::vec(word, 0..4);
    (facts, words).prop_map(|((facts, other), words)| {
        let (mut said, mut first) = (Vec::new(), Vec::new());
        let (mut said_again, mut second) = (Vec::new(), Vec::new());
        for (saying, at, again, twice) in words {
            let times = if twice { 2 } else { 1 };
            said_again.extend(vec![saying.clone(); times]);
            second.extend_from_slice(&again[..times]);
            said.push(saying);
            first.push(at);
        }
        (
            interleaved(facts, said, &first),
            interleaved(other, said_again, &second),
        )
    })
}
