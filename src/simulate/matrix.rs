//! Matrix's workforce played: how incidents and cleaning tasks go, as elements of a batch.
//! What else happens in a building is `background`; batching is `call`.

use super::{
    element::{Scene, Told, WORKFORCE, later},
    estate::{Building, Estate, Zone},
    words::{Priority, Trouble},
};
use chrono::{DateTime, Utc};
use fastrand::Rng;
use serde_json::{Value, json};

/// A work order on its way; `meta` is how Matrix shows it at one moment.
struct WorkOrder<'a> {
    kind: &'a str,
    task_id: String,
    name: &'a str,
    by: &'a str,
    sources: Vec<String>,
    priority: Priority,
    zone: &'a Zone,
    start: i64,
    end: i64,
    a_start: i64,
    a_end: i64,
    level: u32,
    status: &'a str,
    /// Whether this one's times arrive as digit strings.
    digits: bool,
}

impl WorkOrder<'_> {
    fn meta(&self) -> Value {
        let seconds = |value: i64| {
            if self.digits {
                json!(value.to_string())
            } else {
                json!(value)
            }
        };
        json!({
            "AEnd": seconds(self.a_end),
            "AStart": seconds(self.a_start),
            "By": self.by,
            "End": seconds(self.end),
            "EscalationLevel": format!("L{}", self.level),
            "Name": self.name,
            "Priority": self.priority.code(),
            "SourceDeviceIdentifier": self.sources,
            "Start": seconds(self.start),
            "Status": self.status,
            "TaskId": self.task_id,
            "Type": self.kind,
            "Zone": self.zone.id,
            "ZoneName": self.zone.name,
        })
    }

    /// `Start` moves on assignment, and the due time with it.
    fn assign(&mut self, at: DateTime<Utc>) {
        self.status = "ASSIGNED";
        self.start = at.timestamp();
        self.end = self.start + self.priority.window();
    }
}

/// 19 digits: the second, then nanoseconds.
fn task_id(rng: &mut Rng, at: DateTime<Utc>) -> String {
    format!("{}{:09}", at.timestamp(), rng.u32(..1_000_000_000))
}

/// An incident from its report to its end, and its TaskId.
pub(super) fn incident(
    rng: &mut Rng,
    estate: &Estate,
    building: &Building,
    zone: &Zone,
    trouble: &Trouble,
    start: DateTime<Utc>,
) -> (Told, String) {
    let task_id = task_id(rng, start);
    let scene = Scene {
        estate,
        building,
        module: WORKFORCE,
        subject: &task_id,
    };
    let window = trouble.priority.window();
    let mut order = WorkOrder {
        kind: "INCIDENT",
        task_id: task_id.clone(),
        name: trouble.name,
        by: trouble.by,
        sources: vec![format!(
            "{}-L{}-{}-{:02}",
            trouble.alias,
            zone.level + 1,
            zone.kind.code,
            rng.u32(1..=2)
        )],
        priority: trouble.priority,
        zone,
        start: start.timestamp(),
        end: start.timestamp() + window,
        a_start: 0,
        a_end: 0,
        level: 0,
        status: "NOT_ASSIGNED",
        digits: rng.f64() < 0.1,
    };
    let mut told = Told::new();
    let mut say = |at, event, order: &WorkOrder| {
        told.push(scene.element(
            at,
            event,
            trouble.description,
            trouble.priority,
            order.meta(),
        ))
    };
    let mut at = start;
    if rng.f64() < 0.4 {
        order.status = if rng.f64() < 0.2 {
            "PENDING"
        } else {
            "ASSIGNED"
        };
        say(at, "INCIDENT_CREATED", &order);
    } else {
        let event = if rng.f64() < 0.25 {
            "NEW_INCIDENT_CREATED_OPEN"
        } else {
            "INCIDENT_CREATED_OPEN"
        };
        say(at, event, &order);
    }
    while order.level < 4 && rng.f64() < 0.35 {
        at = later(rng, at, 300..window.max(900));
        order.level += 1;
        if order.status != "ASSIGNED" && rng.f64() < 0.6 {
            order.assign(at);
        }
        say(at, "INCIDENT_ESCALATED", &order);
    }
    if rng.f64() < 0.08 {
        return (told, task_id); // nobody came
    }
    let begun = later(rng, at, 60..window);
    if order.status != "ASSIGNED" {
        order.assign(at + (begun - at) / 2);
    }
    order.status = "STARTED";
    order.a_start = begun.timestamp();
    say(begun, "INCIDENT_STARTED", &order);
    let ended = later(rng, begun, 120..2_400);
    if rng.f64() < 0.88 {
        order.status = "COMPLETED";
        order.a_end = ended.timestamp();
        say(ended, "INCIDENT_COMPLETED", &order);
    } else {
        order.status = "INCOMPLETE";
        say(ended, "INCIDENT_INCOMPLETE", &order);
    }
    (told, task_id)
}

/// A scheduled cleaning task: started, then completed or not.
pub(super) fn cleaning(
    rng: &mut Rng,
    estate: &Estate,
    building: &Building,
    zone: &Zone,
    start: DateTime<Utc>,
) -> Told {
    const NAMES: &[&str] = &[
        "Routine cleaning",
        "Deep cleaning",
        "Replenish consumables",
        "Evening round",
    ];
    const DESCRIPTION: &str = "Scheduled task";
    let task_id = task_id(rng, start);
    let scene = Scene {
        estate,
        building,
        module: WORKFORCE,
        subject: &task_id,
    };
    let mut order = WorkOrder {
        kind: "TASK",
        task_id: task_id.clone(),
        name: NAMES[rng.usize(..NAMES.len())],
        by: "Schedule",
        sources: vec![],
        priority: Priority::Normal,
        zone,
        start: start.timestamp() - rng.i64(0..600),
        end: start.timestamp() + 1_800,
        a_start: start.timestamp(),
        a_end: 0,
        level: 0,
        status: "STARTED",
        digits: rng.f64() < 0.1,
    };
    let mut told = vec![scene.element(
        start,
        "TASK_STARTED",
        DESCRIPTION,
        Priority::Normal,
        order.meta(),
    )];
    let ended = later(rng, start, 300..2_700);
    let event = if rng.f64() < 0.9 {
        order.status = "COMPLETED";
        order.a_end = ended.timestamp();
        "TASK_COMPLETED"
    } else {
        order.status = "INCOMPLETE";
        "TASK_INCOMPLETE"
    };
    told.push(scene.element(ended, event, DESCRIPTION, Priority::Normal, order.meta()));
    told
}
