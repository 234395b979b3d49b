//! Global ids: opaque outside, `Type:uuid` inside.

use async_graphql::ID;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::error::Fault;

/// The types that have a global id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `Activity`, whatever it tells.
    Activity,
    /// `Building`.
    Building,
    /// `Chase`.
    Chase,
    /// `Delivery`.
    Delivery,
    /// `Incident`.
    Incident,
    /// `Level`.
    Level,
    /// `Note`.
    Note,
    /// `Property`.
    Property,
    /// `QuarantinedElement`.
    QuarantinedElement,
    /// `StatusChange`.
    StatusChange,
    /// `Task`.
    Task,
    /// `Zone`.
    Zone,
}

const KINDS: [(Kind, &str); 12] = [
    (Kind::Activity, "Activity"),
    (Kind::Building, "Building"),
    (Kind::Chase, "Chase"),
    (Kind::Delivery, "Delivery"),
    (Kind::Incident, "Incident"),
    (Kind::Level, "Level"),
    (Kind::Note, "Note"),
    (Kind::Property, "Property"),
    (Kind::QuarantinedElement, "QuarantinedElement"),
    (Kind::StatusChange, "StatusChange"),
    (Kind::Task, "Task"),
    (Kind::Zone, "Zone"),
];

impl Kind {
    /// The name of the type.
    pub fn name(self) -> &'static str {
        KINDS
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }

    /// The type that a foreign key column points at.
    pub(super) fn of_column(column: &str) -> Option<Self> {
        let noun = column.strip_suffix("_id")?.replace('_', "");
        KINDS
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(&noun))
            .map(|(kind, _)| *kind)
    }
}

/// The global id of a row.
pub fn encode(kind: Kind, id: Uuid) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{}:{id}", kind.name())))
}

/// The row that a global id names.
///
/// # Errors
/// When it is not a global id.
pub fn decode(id: &str) -> Result<(Kind, Uuid), Fault> {
    let parse = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
        let (name, id) = text.split_once(':')?;
        let (kind, _) = KINDS.iter().find(|(_, known)| *known == name)?;
        Some((*kind, Uuid::try_parse(id).ok()?))
    };
    parse().ok_or_else(|| Fault::input("not an id of this API"))
}

/// The row of one type that a global id names.
///
/// # Errors
/// When it is not a global id, or one of another type.
pub fn decode_as(kind: Kind, id: &str) -> Result<Uuid, Fault> {
    let (found, id) = decode(id)?;
    if found == kind {
        Ok(id)
    } else {
        Err(Fault::input(format!(
            "the id of a {} was given where that of a {} is expected",
            found.name(),
            kind.name()
        )))
    }
}
