//! Activities: one interface, and one object type for each kind that implements it. They are registered by hand from
//! one table, because they share all their fields and one Rust type.

use std::borrow::Cow;
use std::sync::LazyLock;

use async_graphql::indexmap::{IndexMap, IndexSet};
use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaField, MetaType, MetaTypeId, Registry};
use async_graphql::{
    ContextSelectionSet, Json, OutputType, Positioned, ServerResult, SimpleObject, Value,
};
use chrono::{DateTime, Utc};
use entity::activity;
use uuid::Uuid;

use crate::domain::table::ActiveEnum;
use crate::graphql::cursor;
use crate::graphql::edge_field;
use crate::graphql::enums::ActivityKind;
use crate::graphql::id::{self, GlobalId, Kind};
use crate::graphql::object::{Chase, Level, Note, StatusChange};
use crate::graphql::slot::Slots;
use crate::graphql::written::{self, Below, Written, written};

/// One field that an activity changed.
#[derive(SimpleObject)]
pub struct Change {
    /// The name of the field in this schema; with the noun before it (`zone.name`) where it belongs to another thing.
    field: String,
    /// The value before; null when there was none, or when it is the id of something outside what the viewer may see. An id
    /// is the global one, as `node` takes it; that of a site, which is no node, a UUID.
    from: Option<Json<serde_json::Value>>,
    /// The value after; null when it was taken away, or when it is the id of something outside what the viewer may see. An
    /// id is the global one, as `node` takes it; that of a site, which is no node, a UUID.
    to: Option<Json<serde_json::Value>>,
}

written!(Change { field, from, to });

impl Change {
    /// A stored change, as far as the viewer may see it.
    fn new(stored: entity::Change) -> Self {
        let column = stored.field.rsplit('.').next().unwrap_or(&stored.field);
        let kind = Kind::of_column(column);
        let shown = |value: serde_json::Value| match value {
            serde_json::Value::Null => None,
            value => Some(Json(in_api(kind, value))),
        };
        Self {
            field: in_schema(&stored.field),
            from: shown(stored.from),
            to: shown(stored.to),
        }
    }
}

/// The global id instead of the stored one, where a value is the id of a node.
fn in_api(kind: Option<Kind>, value: serde_json::Value) -> serde_json::Value {
    let id = value.as_str().and_then(|id| Uuid::try_parse(id).ok());
    match (kind, id) {
        (Some(kind), Some(id)) => id::encode(kind, id).0.into(),
        _ => value,
    }
}

/// The fields that all activities share.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Shared {
    /// The global id.
    id: GlobalId,
    /// The place in the feed: give it as `after` to `activities` or to a subscription, with any filter.
    cursor: String,
    /// What it tells.
    kind: ActivityKind,
    /// When it happened (UTC), by the platform's clock.
    occurred_at: DateTime<Utc>,
    /// When caretaker made it durable (UTC).
    recorded_at: DateTime<Utc>,
    /// Whether something that happened later was already known of the same thing when this arrived.
    late: bool,
    /// The Urgent tenant it is filed under; null for Matrix.
    tenant: Option<String>,
    /// The fields it changed; empty when it told nothing new, as a late one may.
    changes: Vec<Change>,
    #[graphql(skip)]
    pub(in crate::graphql) slots: Slots,
}

written!(Shared {
    id, cursor, kind, occurred_at, recorded_at, late, tenant, changes,
} and slots);

/// Something that happened.
pub struct Activity {
    stored: entity::ActivityKind,
    shared: Shared,
}

impl Activity {
    pub(in crate::graphql) fn new(row: activity::Model, slots: Slots) -> Self {
        let changes = row.changes.0.into_iter().map(Change::new);
        Self {
            stored: row.kind,
            shared: Shared {
                id: GlobalId(Kind::Activity, row.id.0),
                cursor: cursor::feed(row.seq),
                kind: row.kind.into(),
                occurred_at: row.occurred_at,
                recorded_at: row.recorded_at,
                late: row.late,
                tenant: row.tenant,
                changes: changes.collect(),
                slots,
            },
        }
    }

    /// The object type that stands for a kind.
    pub(in crate::graphql) fn type_of(kind: entity::ActivityKind) -> &'static str {
        let mut types = TYPES.iter();
        let found = types.find(|(known, _)| *known == kind);
        found.map_or("Activity", |(_, name)| name)
    }

    /// The names of the object types of all kinds.
    pub(in crate::graphql) fn types() -> impl Iterator<Item = &'static str> {
        TYPES.iter().map(|(_, name)| name.as_str())
    }
}

/// The object types that stand for the kinds.
static TYPES: LazyLock<Vec<(entity::ActivityKind, String)>> = LazyLock::new(|| {
    let name = |kind: &entity::ActivityKind| (*kind, pascal(&kind.to_value()));
    KINDS.iter().map(|(kind, _)| name(kind)).collect()
});

/// `INCIDENT_REPORTED` is the type `IncidentReported`.
fn pascal(word: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first
            .into_iter()
            .chain(letters.map(|letter| letter.to_ascii_lowercase()))
            .collect::<String>()
    };
    word.split('_').map(capital).collect()
}

/// `zone.removed_at` is `zone.removedAt` here.
pub(super) fn in_schema(field: &str) -> String {
    let mut name = String::with_capacity(field.len());
    let mut raise = false;
    for letter in field.chars() {
        if letter == '_' {
            raise = true;
        } else if std::mem::take(&mut raise) {
            name.push(letter.to_ascii_uppercase());
        } else {
            name.push(letter);
        }
    }
    name
}

const KINDS: [(entity::ActivityKind, &str); 20] = [
    (
        entity::ActivityKind::IncidentReported,
        "An incident was reported.",
    ),
    (
        entity::ActivityKind::IncidentEscalated,
        "An incident was escalated.",
    ),
    (
        entity::ActivityKind::IncidentStarted,
        "Work on an incident began.",
    ),
    (
        entity::ActivityKind::IncidentCompleted,
        "An incident was dealt with.",
    ),
    (
        entity::ActivityKind::IncidentNotResolved,
        "Work on an incident ended without success.",
    ),
    (
        entity::ActivityKind::TaskCreated,
        "A maintenance task was created.",
    ),
    (
        entity::ActivityKind::TaskChanged,
        "The description of a maintenance task changed.",
    ),
    (
        entity::ActivityKind::TaskStarted,
        "Work on a Matrix task began.",
    ),
    (
        entity::ActivityKind::TaskCompleted,
        "A Matrix task was done.",
    ),
    (
        entity::ActivityKind::TaskNotResolved,
        "A Matrix task ended without success.",
    ),
    (
        entity::ActivityKind::StatusChanged,
        "The status of a maintenance task changed.",
    ),
    (
        entity::ActivityKind::NoteAdded,
        "A note was added to a maintenance task.",
    ),
    (
        entity::ActivityKind::TaskChased,
        "Somebody chased a maintenance task.",
    ),
    (
        entity::ActivityKind::ZoneChanged,
        "A zone was created, renamed, given a status or removed.",
    ),
    (
        entity::ActivityKind::LevelChanged,
        "A floor was created or renamed.",
    ),
    (
        entity::ActivityKind::Linked,
        "Things known apart turned out to belong together.",
    ),
    (
        entity::ActivityKind::Corrected,
        "Something known was told in other words, which are shown from then on, or no longer belongs where it was filed.",
    ),
    (
        entity::ActivityKind::SlaAtRisk,
        "A deadline came near: a notice of what was known then.",
    ),
    (
        entity::ActivityKind::SlaBreached,
        "A deadline passed: a notice of what was known then.",
    ),
    (
        entity::ActivityKind::OtherEvent,
        "Something that caretaker keeps whole but does not interpret: shifts, audits, unknown events.",
    ),
];

/// The fields that not all kinds have.
fn own_fields(kind: entity::ActivityKind, registry: &mut Registry) -> Vec<(String, MetaField)> {
    let level = (kind == entity::ActivityKind::LevelChanged)
        .then(|| edge_field::one::<Level>(registry, "level", "The floor, as it is now."));
    let own = match kind {
        entity::ActivityKind::StatusChanged => Some(edge_field::one::<StatusChange>(
            registry,
            "statusChange",
            "The status change; null when its version was replaced before it could be read.",
        )),
        entity::ActivityKind::NoteAdded => Some(edge_field::one::<Note>(
            registry,
            "note",
            "The note, in the version that is shown now.",
        )),
        entity::ActivityKind::TaskChased => Some(edge_field::one::<Chase>(
            registry,
            "chase",
            "The chase, in the version that is shown now.",
        )),
        entity::ActivityKind::OtherEvent
        | entity::ActivityKind::ZoneChanged
        | entity::ActivityKind::LevelChanged => Some(edge_field::one::<Json<serde_json::Value>>(
            registry,
            "data",
            "The event as the platform sent it.",
        )),
        _ => None,
    };
    own.into_iter().chain(level).collect()
}

impl OutputType for Activity {
    fn type_name() -> Cow<'static, str> {
        "Activity".into()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        Self::type_of(self.stored).into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(MetaTypeId::Interface, |registry| {
            let shared = shared_fields(registry);
            let mut possible_types = IndexSet::new();
            for (kind, description) in KINDS {
                let name = Self::type_of(kind).to_owned();
                let mut fields = shared.clone();
                fields.extend(own_fields(kind, registry));
                registry.types.insert(
                    name.clone(),
                    object_type(name.clone(), description, fields),
                );
                registry.add_implements(&name, "Activity");
                possible_types.insert(name);
            }
            MetaType::Interface {
                name: "Activity".to_owned(),
                description: Some(
                    "Something that happened. Activities are never changed or taken back; together they are the feed, \
                     and those of one thing are its timeline. What one is filed under is what was known when it was recorded."
                        .to_owned(),
                ),
                fields: shared,
                possible_types,
                extends: false,
                keys: None,
                visible: None,
                inaccessible: false,
                tags: Vec::new(),
                rust_typename: Some(std::any::type_name::<Self>()),
                directive_invocations: Vec::new(),
                requires_scopes: Vec::new(),
            }
        })
    }

    /// Objects are written, see `written`.
    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}

impl Written for Activity {
    fn write(&self, below: &Below<'_>, json: &mut written::Json) {
        self.shared
            .write_as(Self::type_of(self.stored), below, json);
    }
}

/// The fields of `Shared`, which is only their declaration and no type of the schema.
fn shared_fields(registry: &mut Registry) -> IndexMap<String, MetaField> {
    match registry.create_fake_output_type::<Shared>() {
        MetaType::Object { fields, .. } => fields,
        _ => IndexMap::new(),
    }
}

fn object_type(name: String, description: &str, fields: IndexMap<String, MetaField>) -> MetaType {
    MetaType::Object {
        name,
        description: Some(description.to_owned()),
        fields,
        cache_control: Default::default(),
        extends: false,
        shareable: false,
        resolvable: true,
        keys: None,
        visible: None,
        inaccessible: false,
        interface_object: false,
        tags: Vec::new(),
        is_subscription: false,
        rust_typename: Some(std::any::type_name::<Activity>()),
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_schema() {
        assert_eq!(pascal("INCIDENT_NOT_RESOLVED"), "IncidentNotResolved");
        assert_eq!(pascal("LINKED"), "Linked");
        assert_eq!(in_schema("zone.removed_at"), "zone.removedAt");
        assert_eq!(in_schema("state"), "state");
    }
}
