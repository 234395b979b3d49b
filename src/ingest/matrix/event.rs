//! One event of the bus as it stands on the wire, read with tolerance: digits for numbers, pieces of the routing key
//! for members that are missing. What the event means is decided next door, in `facts`.

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

use crate::ingest::flag::Flags;
use crate::ingest::member::{Members, Wrong, bounded, scalar, tolerate, wrong};
use crate::ingest::time;

/// The envelope of an event, and its `Meta`.
#[derive(Debug)]
pub(super) struct Event<'a> {
    /// The members of the envelope.
    pub(super) envelope: Members<'a>,
    /// The members of `Meta`, or why there are none.
    pub(super) meta: Result<Members<'a>, Wrong>,
    /// Event id, upper case; empty when nothing names it.
    pub(super) name: String,
    /// Module id.
    pub(super) module: Option<String>,
    /// Id of the principal.
    pub(super) principal: Option<String>,
    /// The word for the priority in the envelope.
    pub(super) priority: Option<String>,
    /// `ID`, whatever it names.
    pub(super) id: Option<String>,
    /// The building, where one is told.
    pub(super) building: Option<String>,
    /// The property, where one is told.
    pub(super) property: Option<String>,
    /// When it happened.
    pub(super) occurred_at: DateTime<Utc>,
}

impl<'a> Event<'a> {
    /// Reads the envelope.
    pub(super) fn read(
        envelope: &Members<'a>,
        received_at: DateTime<Utc>,
        flags: &mut Flags,
    ) -> Result<Self, Wrong> {
        let route = Route::of(envelope);
        let occurred_at = occurred_at(envelope, flags)?;
        if occurred_at > received_at + Duration::days(1) {
            flags.raise(&envelope.path("UnixTimeInt"), "later than its arrival");
        }
        let mut code = |name| tolerate(envelope.code(name, flags), flags);
        let (principal, id, entity) = (code("Principal"), code("ID"), code("Entity"));
        let routed = route.principal;
        let principal =
            principal.or_else(|| Some(bounded(routed?, &envelope.path("RoutingKey"), flags)));
        let named = |kinds: &[&str]| {
            let pairs = [("PType", &principal), ("EType", &entity)];
            let is_wanted = |(type_name, _): &(&str, _)| {
                matches!(
                    envelope.get(type_name),
                    Some(Value::String(word))
                        if kinds.iter().any(|kind| word.trim().eq_ignore_ascii_case(kind))
                )
            };
            let wanted = pairs.into_iter().filter(is_wanted);
            wanted
                .filter_map(|(_, code)| code.clone())
                .collect::<Vec<String>>()
        };
        // `ID` is the building, unless the event itself says that this id is of something larger.
        let larger = named(&["property", "organisation", "organization"]);
        let building = id
            .clone()
            .filter(|id| !larger.contains(id))
            .or_else(|| named(&["building"]).into_iter().next());
        // The entity's property goes before the principal's: it is the nearer one.
        let property = named(&["property"]).pop();
        let name = lenient(envelope, "Event", flags).or(route.event);
        if name.is_none() {
            flags.raise(&envelope.path("Event"), "missing; kept as an unknown event");
        }
        Ok(Self {
            meta: match envelope.get("Meta") {
                Some(meta) => Members::of(meta, envelope.path("Meta")),
                None => Err(envelope.wrong("Meta", "an object")),
            },
            name: name.unwrap_or_default().trim().to_ascii_uppercase(),
            module: lenient(envelope, "Module", flags).or(route.module),
            principal: principal.or_else(|| id.clone()).or(entity),
            id,
            priority: lenient(envelope, "Status", flags).or(route.priority),
            envelope: envelope.clone(),
            building,
            property,
            occurred_at,
        })
    }
}

/// An optional text; another shape is flagged and passed over.
pub(super) fn lenient(members: &Members<'_>, name: &str, flags: &mut Flags) -> Option<String> {
    tolerate(members.word(name), flags)
}

/// An optional time; what is no whole seconds since 1970 is flagged and not told.
pub(super) fn lenient_time(
    members: &Members<'_>,
    name: &str,
    flags: &mut Flags,
) -> Option<DateTime<Utc>> {
    let told = time::seconds(members.get(name));
    tolerate(
        told.map_err(|expected| members.wrong(name, expected)),
        flags,
    )
}

/// `matrix.<principal>.<module>.<event>.<priority>`, as parts or joined.
#[derive(Default)]
struct Route {
    principal: Option<String>,
    module: Option<String>,
    event: Option<String>,
    priority: Option<String>,
}

impl Route {
    fn of(envelope: &Members<'_>) -> Self {
        let parts: Vec<String> = match (envelope.get("RoutingKeyS"), envelope.get("RoutingKey")) {
            (Some(Value::Array(parts)), _) if parts.len() >= 5 => parts
                .iter()
                .map(|part| scalar(part).unwrap_or_default())
                .collect(),
            (_, Some(Value::String(key))) => key.split('.').map(str::to_owned).collect(),
            _ => return Self::default(),
        };
        // From the end: a principal may hold dots itself.
        let [_, principal @ .., module, event, priority] = parts.as_slice() else {
            return Self::default();
        };
        let told = |text: String| (!text.trim().is_empty()).then_some(text);
        Self {
            principal: told(principal.join(".")),
            module: told(module.clone()),
            event: told(event.clone()),
            priority: told(priority.clone()),
        }
    }
}

/// `UnixTimeInt`, else `UnixTime`, else the seconds of `Time`: what is missing or cannot be read gives way to the next.
fn occurred_at(envelope: &Members<'_>, flags: &mut Flags) -> Result<DateTime<Utc>, Wrong> {
    for name in ["UnixTimeInt", "UnixTime"] {
        if let Some(at) = lenient_time(envelope, name, flags) {
            return Ok(at);
        }
    }
    let after_module = match envelope.get("Time") {
        Some(Value::String(text)) => {
            let seconds = text
                .rsplit_once('#')
                .map_or(text.as_str(), |(_, seconds)| seconds);
            Some(Value::String(seconds.to_owned()))
        }
        other => other.cloned(),
    };
    let told = time::seconds(after_module.as_ref())
        .map_err(|_| envelope.wrong("Time", "\"<module>#<whole seconds since 1970>\""));
    tolerate(told, flags).ok_or_else(|| {
        wrong(
            envelope.path("UnixTimeInt"),
            "the time of the event in whole seconds since 1970, here or in UnixTime or Time",
            envelope.get("UnixTimeInt"),
        )
    })
}
