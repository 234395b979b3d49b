//! The rest of a building's day as Matrix tells it: zones and levels change, shifts and audits are held.
//! The Meta of these is not public; what is sent is as plausible as any.

use super::{
    element::{AUDITS, GRIDS, Scene, Told, WORKFORCE, later},
    estate::{Building, Estate, Zone},
    words::Priority,
};
use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use serde_json::json;

/// A change of the grid: a passing zone comes, is renamed, closed and removed; or a level is announced and renamed.
pub(super) fn grid(
    rng: &mut Rng,
    estate: &Estate,
    building: &Building,
    zone: &Zone,
    start: DateTime<Utc>,
) -> Told {
    let level = &building.levels[zone.level];
    if rng.f64() < 0.4 {
        let scene = Scene {
            estate,
            building,
            module: GRIDS,
            subject: &level.id,
        };
        let meta = |name: &str| json!({ "Level": level.id, "LevelName": name });
        let mut told = vec![scene.element(
            start,
            "LEVEL_CREATED",
            "Level created",
            Priority::Low,
            meta(&level.name),
        )];
        if rng.bool() {
            let at = later(rng, start, 600..7_200);
            let name = format!("{} (refurbished)", level.name);
            told.push(scene.element(
                at,
                "LEVEL_NAME_MODIFIED",
                "Level renamed",
                Priority::Low,
                meta(&name),
            ));
        }
        return told;
    }
    let number = rng.u32(1..1_000);
    let id = format!("zone-l{}-popup-{number}", zone.level + 1);
    let scene = Scene {
        estate,
        building,
        module: GRIDS,
        subject: &id,
    };
    let meta = |name: &str, status: &str| json!({ "Zone": id, "ZoneName": name, "Level": level.id, "LevelName": level.name, "Status": status });
    let (first, second) = (
        format!("L{} Pop-up Pantry {number}", zone.level + 1),
        format!("L{} Event Catering {number}", zone.level + 1),
    );
    let steps = [
        ("ZONE_CREATED", "Zone created", first.as_str(), "ACTIVE"),
        (
            "ZONE_NAME_MODIFIED",
            "Zone renamed",
            second.as_str(),
            "ACTIVE",
        ),
        (
            "ZONE_STATUS_MODIFIED",
            "Zone status changed",
            second.as_str(),
            "INACTIVE",
        ),
        ("ZONE_REMOVED", "Zone removed", second.as_str(), "REMOVED"),
    ];
    let mut at = start;
    let mut told = Told::new();
    for (event, description, name, status) in steps.into_iter().take(rng.usize(1..=4)) {
        told.push(scene.element(at, event, description, Priority::Low, meta(name, status)));
        at = later(rng, at, 1_800..14_400);
    }
    told
}

/// A cleaner's shift.
pub(super) fn shift(
    rng: &mut Rng,
    estate: &Estate,
    building: &Building,
    start: DateTime<Utc>,
) -> Told {
    let id = format!("shift-{}", rng.u32(10_000..100_000));
    let scene = Scene {
        estate,
        building,
        module: WORKFORCE,
        subject: &id,
    };
    let meta = |status: &str| json!({ "Name": "Day shift", "Shift": id, "Status": status, "Start": start.timestamp(), "End": start.timestamp() + 8 * 3_600 });
    let mut told = vec![scene.element(
        start - TimeDelta::seconds(1),
        "SHIFTS_PUBLISHED",
        "Shifts published",
        Priority::Low,
        meta("PUBLISHED"),
    )];
    let (event, description) = match rng.u32(..10) {
        0 => ("SHIFT_ABSENT", "Cleaner absent"),
        1 | 2 => ("SHIFT_DELAYED", "Shift delayed"),
        _ => ("SHIFT_STARTED", "Shift started"),
    };
    let begun = later(rng, start, 60..1_800);
    told.push(scene.element(begun, event, description, Priority::Low, meta(event)));
    if event == "SHIFT_STARTED" {
        let ended = later(rng, begun, 6 * 3_600..8 * 3_600);
        told.push(scene.element(
            ended,
            "SHIFT_COMPLETED",
            "Shift completed",
            Priority::Low,
            meta("COMPLETED"),
        ));
    }
    told
}

/// An audit of a zone.
pub(super) fn audit(
    rng: &mut Rng,
    estate: &Estate,
    building: &Building,
    zone: &Zone,
    start: DateTime<Utc>,
) -> Told {
    let id = format!("audit-{}", rng.u32(10_000..100_000));
    let scene = Scene {
        estate,
        building,
        module: AUDITS,
        subject: &id,
    };
    let meta = |status: &str, score: Option<u32>| json!({ "Name": "Hygiene audit", "Audit": id, "Status": status, "Zone": zone.id, "ZoneName": zone.name, "Score": score });
    let mut told = vec![scene.element(
        start,
        "AUDIT_STARTED",
        "Audit started",
        Priority::Normal,
        meta("STARTED", None),
    )];
    let (ended, score) = (later(rng, start, 600..3_600), rng.u32(55..=100));
    told.push(scene.element(
        ended,
        "AUDIT_COMPLETED",
        "Audit completed",
        Priority::Normal,
        meta("COMPLETED", Some(score)),
    ));
    told
}
