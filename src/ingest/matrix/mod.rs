//! The Matrix Event Bus: a batch of events → facts. One bad element becomes a misfit, its siblings survive.

mod event;
mod facts;

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

/// The most elements of one batch: a body of brackets only would otherwise become millions of misfits.
pub const MOST_ELEMENTS: usize = 100_000;

/// Reads a batch: an array of objects or of strings that each hold one; a lone object is a batch of one.
///
/// # Errors
/// The body is no JSON, or neither an array nor an object.
pub fn decode(body: &[u8], received_at: DateTime<Utc>) -> Result<Content, Unusable> {
    let batch = body::well_formed(body)?;
    let elements: Vec<&RawValue> = match batch.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(batch.get())
            .map_err(|error| Unusable::not_json(body, format!("The body is not JSON: {error}.")))?,
        Some(b'{') => vec![batch],
        _ => {
            let found = serde_json::from_str(batch.get()).unwrap_or(Value::Null);
            let expected = "an array of event objects, or one such object";
            return Err(Unusable::wrong_shape(
                body,
                wrong("$".to_owned(), expected, Some(&found)),
            ));
        }
    };
    if elements.len() > MOST_ELEMENTS {
        let reason = format!(
            "Expected at most {MOST_ELEMENTS} events in one batch; found {}.",
            elements.len()
        );
        let path = "$".to_owned();
        return Err(Unusable::wrong_shape(body, Wrong { path, reason }));
    }
    let mut content = Content::default();
    let mut flags = Flags::default();
    for (position, element) in elements.into_iter().enumerate() {
        let mut own = Flags::default();
        match read(element.get(), position, received_at, &mut own) {
            Ok(fact) => {
                content.facts.push((position, Arc::new(fact)));
                flags.append(own);
            }
            Err(wrong) => content.misfits.push(Misfit {
                element: Some(position),
                path: wrong.path,
                reason: wrong.reason,
                content: body::mend(element.get(), true).0.into_owned(),
            }),
        }
    }
    content.flags = flags.into_list();
    Ok(content)
}

fn read(
    text: &str,
    position: usize,
    received_at: DateTime<Utc>,
    flags: &mut Flags,
) -> Result<Fact, Wrong> {
    let path = format!("$[{position}]");
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
