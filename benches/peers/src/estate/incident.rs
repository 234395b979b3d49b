//! Matrix's side: a zone, and how an incident goes, as elements of a batch with the second each is told at.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Building, Story, pick};

const TROUBLES: [(&str, &str, &str); 6] = [
    ("Bad odour", "Ammonia above its threshold", "AMMONIA"),
    ("Bin full", "The bin is full", "BIN_FILL"),
    ("Soap empty", "A dispenser is empty", "DISPENSER"),
    ("Wet floor", "Water was found on the floor", "WETNESS"),
    ("Crowded", "More visitors than expected", "PEOPLE_COUNT"),
    ("Complaint", "Somebody complained", "FEEDBACK"),
];

/// Code, word, seconds until it is due, per cent of all.
const PRIORITIES: [(&str, &str, i64, u32); 4] = [
    ("H", "HIGH", 900, 15),
    ("M", "MEDIUM", 1_200, 25),
    ("N", "NORMAL", 1_800, 40),
    ("L", "LOW", 3_600, 20),
];

/// The element that tells of a zone, a day before the year.
pub(super) fn zone(building: &Building, number: usize) -> (i64, String) {
    let (id, name) = building.zone(number);
    let at = 1_759_190_400 + number as i64;
    let level = number / 8 + 1;
    let meta = json!({ "Zone": id, "ZoneName": name, "Level": format!("{}_l{level}", building.matrix), "LevelName": format!("Level {level}") });
    element(
        building,
        at,
        ("scgrids", "ZONE_CREATED"),
        "NORMAL",
        ("A zone was made", &id),
        meta,
    )
}

/// All that is told of one incident: about three events.
pub(super) fn story(
    rng: &mut Rng,
    building: &Building,
    zone: &(String, String),
    story: &Story,
) -> Vec<(i64, String)> {
    let (name, description, by) = TROUBLES[rng.usize(..TROUBLES.len())];
    let (code, word, window, _) = draw(rng);
    let (mut start, mut level, mut status) = (story.start.timestamp(), 0, "NOT_ASSIGNED");
    let (mut begun, mut ended) = (0, 0);
    let sensor = format!("{by}-{}-{:02}", zone.0, rng.u32(1..=2));
    let mut told = Vec::new();
    let mut say = |at, event, start, level, status, begun, ended| {
        let meta = json!({
            "AEnd": ended, "AStart": begun, "By": by, "End": start + window,
            "EscalationLevel": format!("L{level}"), "Name": name, "Priority": code,
            "SourceDeviceIdentifier": [sensor], "Start": start, "Status": status, "TaskId": story.task_id,
            "Type": "INCIDENT", "Zone": zone.0, "ZoneName": zone.1,
        });
        let about = (description, story.task_id.as_str());
        told.push(element(
            building,
            at,
            ("scworkforcemanagement", event),
            word,
            about,
            meta,
        ));
    };
    let mut at = start;
    let event = if rng.f64() < 0.4 {
        status = "ASSIGNED";
        "INCIDENT_CREATED"
    } else {
        "INCIDENT_CREATED_OPEN"
    };
    say(at, event, start, level, status, begun, ended);
    while level < 3 && rng.f64() < 0.2 {
        at += rng.i64(300..1_200);
        level += 1;
        say(at, "INCIDENT_ESCALATED", start, level, status, begun, ended);
    }
    // Nobody came.
    if rng.f64() < 0.08 {
        return told;
    }
    if status != "ASSIGNED" {
        start = at + rng.i64(10..300);
    }
    begun = start.max(at) + rng.i64(30..1_500);
    say(
        begun,
        "INCIDENT_STARTED",
        start,
        level,
        "STARTED",
        begun,
        ended,
    );
    ended = begun + rng.i64(120..2_400);
    let (event, status) = match rng.f64() {
        0.0..0.9 => ("INCIDENT_COMPLETED", "COMPLETED"),
        0.9..0.98 => ("INCIDENT_INCOMPLETE", "INCOMPLETE"),
        _ => return told,
    };
    say(ended, event, start, level, status, begun, ended);
    told
}

/// That somebody reported an incident; its code ends with the number.
pub(super) fn report(building: &Building, zone: &(String, String), at: i64, number: u32) -> String {
    let (name, description, by) = TROUBLES[number as usize % TROUBLES.len()];
    let (code, word, window, _) = PRIORITIES[number as usize % PRIORITIES.len()];
    let task = format!("{at}{number:09}");
    let meta = json!({
        "AEnd": 0, "AStart": 0, "By": by, "End": at + window, "EscalationLevel": "L0", "Name": name, "Priority": code,
        "SourceDeviceIdentifier": [format!("{by}-{}", zone.0)], "Start": at, "Status": "NOT_ASSIGNED", "TaskId": task,
        "Type": "INCIDENT", "Zone": zone.0, "ZoneName": zone.1,
    });
    let event = ("scworkforcemanagement", "INCIDENT_CREATED_OPEN");
    element(building, at, event, word, (description, &task), meta).1
}

fn draw(rng: &mut Rng) -> (&'static str, &'static str, i64, u32) {
    let mut drawn = rng.u32(..100);
    for priority in PRIORITIES {
        if drawn < priority.3 {
            return priority;
        }
        drawn -= priority.3;
    }
    PRIORITIES[2]
}

fn element(
    building: &Building,
    at: i64,
    (module, event): (&str, &str),
    priority: &str,
    (description, about): (&str, &str),
    meta: Value,
) -> (i64, String) {
    let id = &building.matrix;
    let element = json!({
        "ID": id, "ATTR": format!("{event}#{about}"), "Description": description, "Event": event,
        "Principal": id, "PType": "building", "Entity": building.property, "EType": "property",
        "RoutingKey": format!("matrix.{id}.{module}.{event}.{priority}"),
        "RoutingKeyS": ["matrix", id, module, event, priority],
        "Status": priority, "Time": format!("{module}#{at}"), "UnixTime": at.to_string(), "UnixTimeInt": at,
        "Module": module, "Meta": meta,
    });
    (at, element.to_string())
}

/// What a person may say of an incident.
pub(super) fn complaint(rng: &mut Rng) -> &'static str {
    pick(
        rng,
        &[
            "The tap in the second washroom drips",
            "The light flickers and goes out",
            "The door does not close by itself",
            "The dispenser is broken off the wall",
        ],
    )
}
