//! What an event of the bus means. Events that lack a piece of their identity: work is refused with the path,
//! places and whatever we do not know are kept whole as "other".

use entity::{ActivityKind, Priority, Source, WorkState};
use serde_json::Value;

use super::event::{Event, lenient, lenient_time};
use crate::domain::fact::{
    Fact, LevelEvent, NamedPlace, Place, Stage, What, Word, Work, ZoneEvent,
};
use crate::domain::id;
use crate::ingest::canonical;
use crate::ingest::flag::Flags;
use crate::ingest::member::{Members, Wrong, indexable, scalar, tolerate};

impl Event<'_> {
    /// The fact that the event tells. `element` is the whole of it.
    pub(super) fn fact(&self, element: &Value, flags: &mut Flags) -> Result<Fact, Wrong> {
        let place = self.place(flags);
        let (kind, what) = match self.work_kind() {
            Some((kind, stage)) => {
                let work = self.work(stage, place, flags)?;
                let is_task = self.name.starts_with("TASK");
                let what = if is_task {
                    What::MatrixTask(work)
                } else {
                    What::Incident(work)
                };
                (kind, what)
            }
            None => self.place_event(place, flags),
        };
        let is_work = matches!(what, What::Incident(_) | What::MatrixTask(_));
        Ok(Fact {
            id: id::activity(&self.key(is_work)),
            kind,
            occurred_at: self.occurred_at,
            // The key leaves out most of the envelope.
            content: canonical::rank(element),
            what,
            data: (!is_work).then(|| element.clone()),
        })
    }

    /// The parts that the platform's own repeats agree in (`ARCHITECTURE.md`, "Matrix's event key"); the hash of `Meta`
    /// tells apart what falls in one second.
    fn key(&self, is_work: bool) -> impl serde::Serialize {
        let subject = self.meta.as_ref().ok().and_then(|meta| {
            let told = |name| meta.get(name).and_then(scalar);
            told("TaskId").or_else(|| told("Zone"))
        });
        // What the activity is about must follow from its key. Of an incident's identity the building is a part; where
        // the principal is a property, only this tells buildings apart.
        let (building, property) = match is_work {
            true => (self.work_building(), None),
            false => (self.building.clone(), self.property.clone()),
        };
        (
            Source::Matrix,
            self.principal.clone(),
            (building.is_none().then_some(property), building),
            self.module.clone(),
            self.name.clone(),
            subject,
            self.occurred_at.timestamp(),
            self.envelope.get("ATTR").map(canonical::text),
            self.envelope.get("Meta").map(canonical::hash),
        )
    }

    /// Work is never without a building: where nothing better is told, `ID` counts, whatever else has that id.
    fn work_building(&self) -> Option<String> {
        self.building.clone().or_else(|| self.id.clone())
    }

    fn work_kind(&self) -> Option<(ActivityKind, Stage)> {
        Some(match self.name.as_str() {
            "INCIDENT_CREATED" => (ActivityKind::IncidentReported, Stage::Created),
            "INCIDENT_CREATED_OPEN" | "NEW_INCIDENT_CREATED_OPEN" => {
                (ActivityKind::IncidentReported, Stage::Open)
            }
            "INCIDENT_ESCALATED" => (ActivityKind::IncidentEscalated, Stage::Escalated),
            "INCIDENT_STARTED" => (ActivityKind::IncidentStarted, Stage::Started),
            "INCIDENT_COMPLETED" => (ActivityKind::IncidentCompleted, Stage::Completed),
            "INCIDENT_INCOMPLETE" => (ActivityKind::IncidentNotResolved, Stage::Incomplete),
            "TASK_STARTED" => (ActivityKind::TaskStarted, Stage::Started),
            "TASK_COMPLETED" => (ActivityKind::TaskCompleted, Stage::Completed),
            "TASK_INCOMPLETE" => (ActivityKind::TaskNotResolved, Stage::Incomplete),
            _ => return None,
        })
    }

    fn place(&self, flags: &mut Flags) -> Place {
        let meta = self.meta.as_ref().ok();
        let mut named = |code: &str, name: &str| {
            let meta = meta?;
            let code = tolerate(meta.code(code, flags), flags)?;
            let name =
                lenient(meta, name, flags).map(|text| indexable(text, &meta.path(name), flags));
            Some(NamedPlace { code, name })
        };
        Place {
            building: self.building.clone(),
            property: self.property.clone(),
            zone: named("Zone", "ZoneName"),
            level: named("Level", "LevelName"),
        }
    }

    fn work(&self, stage: Stage, place: Place, flags: &mut Flags) -> Result<Work, Wrong> {
        let meta = self.meta.as_ref().map_err(Clone::clone)?;
        let code = meta.required_code("TaskId", "the id of the incident or task", flags)?;
        let Some(building) = self.work_building() else {
            return Err(self.envelope.wrong("ID", "the id of the building"));
        };
        let mut at = |name| lenient_time(meta, name, flags);
        let (start, due, started, ended) = (at("Start"), at("End"), at("AStart"), at("AEnd"));
        let name = lenient(meta, "Name", flags);
        let kind = lenient(meta, "By", flags).map(|by| indexable(by, &meta.path("By"), flags));
        if let (Some(started), Some(ended)) = (started, ended)
            && ended < started
        {
            flags.raise(&meta.path("AEnd"), "completed before it was started");
        } else if stage == Stage::Completed && ended.is_none() {
            flags.raise(&meta.path("AEnd"), "completed without an end");
        }
        Ok(Work {
            building,
            place,
            code,
            stage,
            name,
            description: lenient(&self.envelope, "Description", flags),
            kind,
            priority: self.work_priority(meta, flags),
            state: self.state(meta, stage, flags),
            escalation_level: escalation_level(meta, flags),
            start,
            due,
            started,
            ended,
            sensors: sensors(meta, flags),
        })
    }

    fn work_priority(&self, meta: &Members<'_>, flags: &mut Flags) -> Option<Word<Priority>> {
        let raw = lenient(meta, "Priority", flags).or_else(|| self.priority.clone())?;
        let meaning = match raw.trim().to_ascii_uppercase().as_str() {
            "H" | "HIGH" => Priority::High,
            "M" | "MEDIUM" => Priority::Medium,
            "N" | "NORMAL" => Priority::Normal,
            "L" | "LOW" => Priority::Low,
            _ => Priority::Unknown,
        };
        Some(Word { meaning, raw })
    }

    fn state(
        &self,
        meta: &Members<'_>,
        stage: Stage,
        flags: &mut Flags,
    ) -> Option<Word<WorkState>> {
        let Some(raw) = lenient(meta, "Status", flags) else {
            let meaning = match stage {
                Stage::Created => WorkState::Assigned,
                Stage::Open => WorkState::NotAssigned,
                // An escalation happens to assigned and to unassigned incidents alike.
                Stage::Escalated => return None,
                Stage::Started => WorkState::Started,
                Stage::Incomplete => WorkState::Incomplete,
                Stage::Completed => WorkState::Completed,
            };
            return Some(Word {
                meaning,
                raw: self.name.clone(),
            });
        };
        let meaning = match raw
            .trim()
            .to_ascii_uppercase()
            .replace([' ', '-'], "_")
            .as_str()
        {
            "NOT_ASSIGNED" => WorkState::NotAssigned,
            "ASSIGNED" => WorkState::Assigned,
            "PENDING" => WorkState::Pending,
            "STARTED" => WorkState::Started,
            "COMPLETED" => WorkState::Completed,
            "INCOMPLETE" => WorkState::Incomplete,
            _ => WorkState::Unknown,
        };
        Some(Word {
            meaning,
            raw: indexable(raw, &meta.path("Status"), flags),
        })
    }

    /// A zone or level event, or anything else. The Meta of these is not public: nothing in it is required.
    fn place_event(&self, mut place: Place, flags: &mut Flags) -> (ActivityKind, What) {
        let mut name = || {
            let meta = self.meta.as_ref().ok()?;
            let name = lenient(meta, "Name", flags)?;
            Some(indexable(name, &meta.path("Name"), flags))
        };
        let building = self.building.clone();
        match (
            self.name.as_str(),
            building,
            place.zone.clone(),
            place.level.clone(),
        ) {
            (
                "ZONE_CREATED" | "ZONE_NAME_MODIFIED" | "ZONE_STATUS_MODIFIED" | "ZONE_REMOVED",
                Some(building),
                Some(mut zone),
                _,
            ) => {
                zone.name = zone.name.or_else(&mut name);
                place.zone = Some(zone.clone());
                let removed = match self.name.as_str() {
                    "ZONE_CREATED" => Some(false),
                    "ZONE_REMOVED" => Some(true),
                    _ => None,
                };
                let meta = self.meta.as_ref().ok();
                let status = meta.and_then(|meta| {
                    let status = lenient(meta, "Status", flags)?;
                    Some(indexable(status, &meta.path("Status"), flags))
                });
                let zone = ZoneEvent {
                    building,
                    place,
                    zone,
                    status,
                    removed,
                };
                (ActivityKind::ZoneChanged, What::Zone(zone))
            }
            ("LEVEL_CREATED" | "LEVEL_NAME_MODIFIED", Some(building), _, Some(mut level)) => {
                level.name = level.name.or_else(&mut name);
                place.level = Some(level.clone());
                let level = LevelEvent {
                    building,
                    place,
                    level,
                    created: self.name == "LEVEL_CREATED",
                };
                (ActivityKind::LevelChanged, What::Level(level))
            }
            _ => (ActivityKind::OtherEvent, What::Other(place)),
        }
    }
}

fn escalation_level(meta: &Members<'_>, flags: &mut Flags) -> Option<i32> {
    let raw = lenient(meta, "EscalationLevel", flags)?;
    let digits = raw.trim().trim_start_matches(['L', 'l']);
    let level = digits.parse().ok().filter(|level| *level >= 0);
    if level.is_none() {
        let odd = meta.wrong("EscalationLevel", "a level such as L2");
        flags.raise(&odd.path, odd.reason);
    }
    level
}

fn sensors(meta: &Members<'_>, flags: &mut Flags) -> Option<Vec<String>> {
    let told = meta.get("SourceDeviceIdentifier")?;
    let sensors: Option<Vec<String>> = match told {
        Value::Array(items) => items.iter().map(scalar).collect(),
        single => scalar(single).map(|sensor| vec![sensor]),
    };
    if sensors.is_none() {
        let odd = meta.wrong("SourceDeviceIdentifier", "an array of texts");
        flags.raise(&odd.path, odd.reason);
    }
    sensors
}
