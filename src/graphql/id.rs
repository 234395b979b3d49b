//! Global ids: opaque outside, `Type:uuid` inside.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, ID, OutputType, Positioned, ServerResult, Value};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

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

/// The global id of a row; made when it is written.
#[derive(Clone, Copy, Debug)]
pub struct GlobalId(pub Kind, pub Uuid);

/// The longest name of a type with an id.
const LONGEST_NAME: usize = 18;
/// How long a global id is inside, at most, and outside.
const INSIDE: usize = LONGEST_NAME + 1 + Hyphenated::LENGTH;
const OUTSIDE: usize = INSIDE.div_ceil(3) * 4;

impl GlobalId {
    /// Hands its text to `write`.
    pub(super) fn with<T>(self, write: impl FnOnce(&str) -> T) -> T {
        let (mut inside, mut outside) = ([0; INSIDE], [0; OUTSIDE]);
        let mut length = 0;
        let mut id = Uuid::encode_buffer();
        let id = self.1.hyphenated().encode_lower(&mut id);
        for part in [self.0.name(), ":", id] {
            if let Some(place) = inside.get_mut(length..length + part.len()) {
                place.copy_from_slice(part.as_bytes());
                length += part.len();
            }
        }
        let inside = inside.get(..length).unwrap_or_default();
        let length = URL_SAFE_NO_PAD.encode_slice(inside, &mut outside);
        let outside = outside.get(..length.unwrap_or_default());
        write(str::from_utf8(outside.unwrap_or_default()).unwrap_or_default())
    }
}

impl OutputType for GlobalId {
    fn type_name() -> Cow<'static, str> {
        <ID as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <ID as OutputType>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        _: &ContextSelectionSet<'_>,
        _: &Positioned<Field>,
    ) -> ServerResult<Value> {
        Ok(Value::String(self.with(str::to_owned)))
    }
}

/// The global id of a row, as text.
pub fn encode(kind: Kind, id: Uuid) -> ID {
    ID(GlobalId(kind, id).with(str::to_owned))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_each_type_is_found_again() {
        let id = Uuid::from_u128(0x0015_ca58_c7ed_58e3_9850_2bd9_d0e4_a46c);
        for (kind, name) in KINDS {
            assert!(name.len() <= LONGEST_NAME);
            assert_eq!(decode(&encode(kind, id)).unwrap(), (kind, id), "{name}");
        }
        let text = "VGFzazowMDE1Y2E1OC1jN2VkLTU4ZTMtOTg1MC0yYmQ5ZDBlNGE0NmM";
        assert_eq!(encode(Kind::Task, id).0, text);
    }
}
