//! Events of places: zones, levels, and everything that is kept whole because it is not understood.

use entity::{level, zone};

use super::{Told, place};
use crate::domain::diff;
use crate::domain::fact::{Fact, LevelEvent, Place, ZoneEvent};
use crate::domain::register::Registers;
use crate::domain::state::State;

/// A zone was created, renamed, given a status or removed.
pub(super) fn zone(state: &mut State, fact: &Fact, event: &ZoneEvent) -> Told {
    let setter = fact.setter();
    let site = place::matrix_site(
        state,
        &event.building,
        event.place.property.as_deref(),
        setter,
    );
    let level = event
        .place
        .level
        .as_ref()
        .map(|told| place::level(state, site, &event.building, told, setter));
    let before = state.zones.get(entity_id(event)).cloned();
    let id = place::zone(state, site, &event.building, &event.zone, level, setter);
    let mut changes = Vec::new();
    if let Some(mut row) = state.zones.get(id).cloned() {
        let mut registers = Registers::new(&mut row.set_by.0, setter);
        registers.write_some("status", &mut row.status, event.status.clone());
        if let Some(removed) = event.removed {
            registers.write(
                "removed_at",
                &mut row.removed_at,
                removed.then_some(fact.occurred_at),
            );
        }
        changes = diff::changes::<zone::Entity>(id.0, "", before.as_ref(), &row);
        state.zones.put(id, row);
    }
    let late = before.is_some_and(|row| row.set_by.0.values().any(|held| *held > setter));
    Told {
        subject: id.0,
        filed: place::filed(state, site, Some(id)),
        late,
        changes,
        ..Told::default()
    }
}

fn entity_id(event: &ZoneEvent) -> entity::ZoneId {
    crate::domain::id::zone(&event.building, &event.zone.code)
}

/// A level was created or renamed.
pub(super) fn level(state: &mut State, fact: &Fact, event: &LevelEvent) -> Told {
    let setter = fact.setter();
    let site = place::matrix_site(
        state,
        &event.building,
        event.place.property.as_deref(),
        setter,
    );
    let before = state
        .levels
        .get(crate::domain::id::level(&event.building, &event.level.code))
        .cloned();
    let id = place::level(state, site, &event.building, &event.level, setter);
    let changes = state
        .levels
        .get(id)
        .map(|row| diff::changes::<level::Entity>(id.0, "", before.as_ref(), row))
        .unwrap_or_default();
    let late = before.is_some_and(|row| row.set_by.0.values().any(|held| *held > setter));
    Told {
        subject: id.0,
        filed: place::filed(state, site, None),
        late,
        changes,
        ..Told::default()
    }
}

/// Shifts, audits and whatever is not known yet: filed under its place, kept whole in the activity's data.
pub(super) fn other(state: &mut State, fact: &Fact, told: &Place) -> Told {
    let setter = fact.setter();
    let property = told
        .property
        .as_deref()
        .map(|code| place::property(state, code));
    let Some(building) = &told.building else {
        let subject = property.map_or(fact.id.0, |property| property.0);
        let filed = place::Filed {
            property,
            ..place::Filed::default()
        };
        return Told {
            subject,
            filed,
            ..Told::default()
        };
    };
    let site = place::matrix_site(state, building, told.property.as_deref(), setter);
    let zone = place::mentioned(state, site, building, told, setter);
    Told {
        subject: site.0,
        filed: place::filed(state, site, zone),
        ..Told::default()
    }
}
