//! After the last fact of a batch: buildings and zones come into line, timelines take in what was filed before its
//! place was known, and activities are filed under where things stand in the end.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use entity::{ActivityKind, Change, Source, ZoneId, activity};

use super::{NewActivity, Told, place};
use crate::domain::id;
use crate::domain::state::{LinkFrom, Rehomed, State, TimelineLink};

/// Brings buildings, zones and what stands on them into line after the last fact of a batch, and tells which sites
/// moved to another building, or are another zone of it than before.
pub fn finish(state: &mut State, at: DateTime<Utc>) -> Vec<NewActivity> {
    place::finish(state);
    count_open_incidents(state);
    link_timelines(state);
    let moved = state.rehomed.iter();
    moved
        .map(|moved| {
            let told = Told {
                subject: moved.site.0,
                filed: place::filed(state, moved.site, None),
                changes: changes(moved),
                ..Told::default()
            };
            let id = id::activity(&("rehomed", moved, at));
            super::activity(id, ActivityKind::Linked, at, told, None)
        })
        .collect()
}

/// How many open incidents zones have: those they had, without those of this batch, and with what these are now.
fn count_open_incidents(state: &mut State) {
    let mut more: BTreeMap<ZoneId, i32> = BTreeMap::new();
    for (stored, row) in state.incidents.differing() {
        for (row, by) in [(stored, -1), (Some(row), 1)] {
            let zone = row.filter(|row| row.is_open).and_then(|row| row.zone_id);
            if let Some(zone) = zone {
                *more.entry(zone).or_default() += by;
            }
        }
    }
    for (zone, more) in more {
        let stored = state.zones.stored(zone);
        let count = stored.map_or(0, |row| row.open_incident_count) + more;
        if let Some(mut row) = state.zones.get(zone).cloned() {
            // What an older release writes beside this one is counted only by the upkeep.
            row.open_incident_count = count.max(0);
            state.zones.put(zone, row);
        }
    }
}

fn changes(moved: &Rehomed) -> Vec<Change> {
    let zone = |zone: Option<ZoneId>| zone.map(|zone| zone.0);
    let fields = [
        ("site.building_id", Some(moved.from.0), Some(moved.to.0)),
        ("site.zone_id", zone(moved.from_zone), zone(moved.to_zone)),
    ];
    let differ = fields.into_iter().filter(|(_, from, to)| from != to);
    differ
        .map(|(field, from, to)| Change {
            of: moved.site.0,
            field: field.to_owned(),
            from: from.map(|id| id.to_string()).into(),
            to: to.map(|id| id.to_string()).into(),
        })
        .collect()
}

/// The timelines that take in what was filed before its place was known: those of where the tasks stand at the end.
fn link_timelines(state: &mut State) {
    let tasks = std::mem::take(&mut state.moved_tasks)
        .into_iter()
        .map(|task| (task, LinkFrom::Task(task)));
    let notes = std::mem::take(&mut state.found_notes)
        .into_iter()
        .map(|(note, task)| (task, LinkFrom::Note(note)));
    for (task, from) in tasks.chain(notes).collect::<Vec<_>>() {
        let Some(row) = state.tasks.get(task) else {
            continue;
        };
        let places = [
            row.building_id.map(|id| id.0),
            row.zone_id.map(|id| id.0),
            row.incident_id.map(|id| id.0),
            Some(task.0).filter(|_| matches!(from, LinkFrom::Note(_))),
        ];
        state.links.extend(
            places
                .into_iter()
                .flatten()
                .map(|subject| TimelineLink { subject, from }),
        );
    }
}

/// Files an activity of this batch under where its site stands at the end of the batch: on the way there, a site may
/// have stood under a building that nobody will ever see.
pub fn refile(state: &State, row: &mut activity::Model) {
    let Some(site) = row.site_id else { return };
    let filed = place::filed(state, site, None);
    row.building_id = filed.building;
    row.property_id = filed.property.or(row.property_id);
    if state
        .sites
        .get(site)
        .is_some_and(|site| site.source == Source::Urgent)
    {
        row.zone_id = filed.zone;
    }
}
