//! Techniche Urgent's five calls → facts. What is odd is flagged and kept: Urgent gives up for good on what is refused.

mod call;
mod description;
mod facts;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::Operation;

use super::flag::Flags;
use super::member::{Members, Wrong};
use super::{Unusable, body};
use crate::domain::delivery::Content;
use call::Call;

/// Reads one call. `signed_at` is the time signed with it, `credential_position` the place of the sender's credential
/// in the settings (of several versions of one act the row shows that of the first credential).
///
/// # Errors
/// The body is no JSON, or lacks what names the thing it speaks of; the misfit names the JSON path.
pub fn decode(
    operation: Operation,
    bytes: &[u8],
    signed_at: Option<DateTime<Utc>>,
    received_at: DateTime<Utc>,
    credential_position: u32,
) -> Result<Content, Unusable> {
    let text = body::well_formed(bytes)?.get();
    let mut flags = Flags::default();
    let mut read = || -> Result<_, Wrong> {
        let value = body::value(text, "$", &mut flags)?;
        let call = Call {
            operation,
            body: &value,
            raw: text,
            members: Members::of(&value, "$")?,
            signed_at,
            received_at,
            credential_position,
        };
        call.fact(&mut flags)
    };
    let fact = read().map_err(|wrong| Unusable::wrong_shape(bytes, wrong))?;
    Ok(Content {
        facts: vec![(0, Arc::new(fact))],
        origins: vec![body::origin(bytes, 0, "$".to_owned(), text.into())],
        misfits: Vec::new(),
        flags: flags.into_list(),
    })
}

#[cfg(test)]
mod tests;
