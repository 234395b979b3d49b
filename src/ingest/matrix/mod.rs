//! The Matrix Event Bus: a batch of events → facts. One bad element becomes a misfit, its siblings survive.

mod event;
mod facts;
mod hub;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::RawValue;

use super::flag::Flags;
use super::member::{Members, Wrong, wrong};
use super::{Unusable, body};
use crate::domain::delivery::{Content, Misfit};
use crate::domain::fact::Fact;
use event::Event;
use hub::Element;

/// The most elements of one batch: a body of brackets only would otherwise become millions of misfits.
pub const MOST_ELEMENTS: usize = 100_000;

/// Reads a batch: an array of objects or of strings that each hold one; a lone object is a batch of one. What stands in
/// the wrappers of Event Hubs is unwrapped first, and positions are counted after that.
///
/// # Errors
/// The body is no JSON, or neither an array nor an object.
pub fn decode(bytes: &[u8], received_at: DateTime<Utc>) -> Result<Content, Unusable> {
    let batch = body::well_formed(bytes)?;
    let elements: Vec<&RawValue> = match batch.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(batch.get()).map_err(|error| {
            Unusable::not_json(bytes, format!("The body is not JSON: {error}."))
        })?,
        Some(b'{') => vec![batch],
        _ => {
            let found = serde_json::from_str(batch.get()).unwrap_or(Value::Null);
            let expected = "an array of event objects, or one such object";
            return Err(Unusable::wrong_shape(
                bytes,
                wrong("$".to_owned(), expected, Some(&found)),
            ));
        }
    };
    let too_many = |found: usize| {
        let reason =
            format!("Expected at most {MOST_ELEMENTS} events in one batch; found {found}.");
        let path = "$".to_owned();
        Unusable::wrong_shape(bytes, Wrong { path, reason })
    };
    if elements.len() > MOST_ELEMENTS {
        return Err(too_many(elements.len()));
    }
    let mut content = Content::default();
    let mut flags = Flags::default();
    let mut position = 0;
    for (at, wrapper) in elements.into_iter().enumerate() {
        let misfit = |position, wrong: Wrong, text: &str| Misfit {
            element: Some(position),
            path: wrong.path,
            reason: wrong.reason,
            content: body::mend(text, true).0.into_owned(),
        };
        let elements = match hub::unwrap(wrapper.get(), format!("$[{at}]")) {
            Ok(elements) => elements,
            Err(wrong) => {
                content.misfits.push(misfit(position, wrong, wrapper.get()));
                position += 1;
                continue;
            }
        };
        if position + elements.len() > MOST_ELEMENTS {
            return Err(too_many(position + elements.len()));
        }
        for Element { path, text } in elements {
            let mut own = Flags::default();
            match read(&text, path.clone(), received_at, &mut own) {
                Ok(fact) => {
                    content.facts.push((position, Arc::new(fact)));
                    let origin = body::origin(bytes, position, path, text);
                    content.origins.push(origin);
                    flags.append(own);
                }
                Err(wrong) => content.misfits.push(misfit(position, wrong, &text)),
            }
            position += 1;
        }
    }
    content.flags = flags.into_list();
    Ok(content)
}

fn read(
    text: &str,
    path: String,
    received_at: DateTime<Utc>,
    flags: &mut Flags,
) -> Result<Fact, Wrong> {
    let element = match body::value(text, &path, flags)? {
        Value::String(text) => {
            body::well_formed(text.as_bytes()).map_err(|unusable| Wrong {
                path: path.clone(),
                reason: format!(
                    "Expected an object, or a text that holds one. {}",
                    unusable.misfit.reason.replace("The body", "The text")
                ),
            })?;
            body::value(&text, &path, flags)?
        }
        element => element,
    };
    let event = Event::read(&Members::of(&element, path)?, received_at, flags)?;
    event.fact(&element, flags)
}

#[cfg(test)]
mod tests;
