//! What the changes of an activity name: an id in them is a link, and crossing it asks again.

use std::collections::{HashMap, HashSet};

use entity::{
    Change, activity, building, incident, level, property, site, status_change, task, zone,
};
use sea_orm::{ConnectionTrait, DbErr};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::read::seen;
use crate::domain::scope::Scope;

/// Where an id in a change leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pointer {
    Building,
    Incident,
    Level,
    Property,
    Site,
    StatusChange,
    Task,
    Zone,
}

/// Where the field of a change leads; the inner `None` is nowhere that is known.
fn pointer(field: &str) -> Option<Option<Pointer>> {
    let column = field.rsplit('.').next().unwrap_or(field);
    let noun = column.strip_suffix("_id")?;
    Some(match noun {
        "building" => Some(Pointer::Building),
        "incident" => Some(Pointer::Incident),
        "level" => Some(Pointer::Level),
        "property" => Some(Pointer::Property),
        // A site's parent.
        "site" | "parent" => Some(Pointer::Site),
        "status_change" => Some(Pointer::StatusChange),
        "task" => Some(Pointer::Task),
        "zone" => Some(Pointer::Zone),
        _ => None,
    })
}

fn id(value: &Value) -> Option<Uuid> {
    value.as_str().and_then(|text| Uuid::try_parse(text).ok())
}

/// Takes the ids that lie outside `scope` out of the changes of `rows`; a change of which nothing is left goes. At most
/// one statement for each noun that is named.
///
/// # Errors
/// What the database says.
pub async fn keep_seen(
    scope: &Scope,
    connection: &impl ConnectionTrait,
    rows: &mut [activity::Model],
) -> Result<(), DbErr> {
    if !matches!(scope, Scope::Claims(_)) {
        return Ok(());
    }
    let mut named: HashMap<Pointer, Vec<Uuid>> = HashMap::new();
    for change in rows.iter().flat_map(|row| &row.changes.0) {
        if let Some(Some(pointer)) = pointer(&change.field) {
            let ids = [&change.from, &change.to].into_iter().filter_map(id);
            named.entry(pointer).or_default().extend(ids);
        }
    }
    let mut found: HashMap<Pointer, HashSet<Uuid>> = HashMap::new();
    for (pointer, ids) in named {
        let ids = match pointer {
            Pointer::Building => seen::<building::Entity>(scope, connection, &ids).await?,
            Pointer::Incident => seen::<incident::Entity>(scope, connection, &ids).await?,
            Pointer::Level => seen::<level::Entity>(scope, connection, &ids).await?,
            Pointer::Property => seen::<property::Entity>(scope, connection, &ids).await?,
            Pointer::Site => seen::<site::Entity>(scope, connection, &ids).await?,
            Pointer::StatusChange => seen::<status_change::Entity>(scope, connection, &ids).await?,
            Pointer::Task => seen::<task::Entity>(scope, connection, &ids).await?,
            Pointer::Zone => seen::<zone::Entity>(scope, connection, &ids).await?,
        };
        found.insert(pointer, ids);
    }
    for row in rows {
        row.changes.0.retain_mut(|change| keep(change, &found));
    }
    Ok(())
}

/// Whether anything is left of `change`.
fn keep(change: &mut Change, found: &HashMap<Pointer, HashSet<Uuid>>) -> bool {
    let Some(pointer) = pointer(&change.field) else {
        return true;
    };
    let found = pointer.and_then(|pointer| found.get(&pointer));
    for value in [&mut change.from, &mut change.to] {
        let is_seen = id(value).is_some_and(|id| found.is_some_and(|found| found.contains(&id)));
        if !is_seen {
            *value = Value::Null;
        }
    }
    change.from != change.to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_ends_in_id_is_taken_for_a_link() {
        assert_eq!(pointer("building_id"), Some(Some(Pointer::Building)));
        assert_eq!(pointer("task.incident_id"), Some(Some(Pointer::Incident)));
        assert_eq!(pointer("site.parent_id"), Some(Some(Pointer::Site)));
        assert_eq!(pointer("note.author_id"), Some(None));
        assert_eq!(pointer("status"), None);
    }
}
