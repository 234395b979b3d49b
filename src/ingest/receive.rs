//! A proven call → the delivery that the writer takes, whichever platform sent it. Kept deliveries are read again
//! by the same function when the model is rebuilt.

use chrono::{DateTime, Utc};
use entity::{Operation, Source, delivery as kept};

use super::proof::Proven;
use super::{Fault, Unusable, canonical, matrix, time, urgent};
use crate::domain::delivery::{Content, Delivery};
use crate::domain::id;

/// The platform that makes a call.
pub fn source(operation: Operation) -> Source {
    match operation {
        Operation::Events => Source::Matrix,
        Operation::TaskCreated
        | Operation::TaskChanged
        | Operation::StatusChanged
        | Operation::NoteAdded
        | Operation::TaskChased => Source::Urgent,
    }
}

/// What a body says.
///
/// # Errors
/// Nothing of the body can be used.
pub fn decode(
    operation: Operation,
    body: &[u8],
    signed_at: Option<DateTime<Utc>>,
    received_at: DateTime<Utc>,
    credential_position: u32,
) -> Result<Content, Unusable> {
    match source(operation) {
        Source::Matrix => matrix::decode(body, received_at),
        Source::Urgent => {
            urgent::decode(operation, body, signed_at, received_at, credential_position)
        }
    }
}

/// The delivery; with the fault where nothing of the body can be used: such a call is kept, too, as a misfit.
pub fn delivery(
    operation: Operation,
    proven: Proven,
    body: Vec<u8>,
    received_at: DateTime<Utc>,
) -> (Delivery, Option<Fault>) {
    let (position, signed_time) = (proven.position, proven.signed_time);
    let decoded = decode(operation, &body, signed_time, received_at, position);
    let (content, fault) = match decoded {
        Ok(content) => (content, None),
        Err(Unusable { fault, misfit }) => {
            let content = Content {
                misfits: vec![misfit],
                ..Content::default()
            };
            (content, Some(fault))
        }
    };
    let (source, signed_at) = (source(operation), proven.signed_at);
    let body_hash = canonical::sha256_hex(&body);
    let delivery = Delivery {
        id: id::delivery(source, operation, signed_at.as_deref(), &body_hash),
        source,
        operation,
        credential: proven.credential,
        credential_position: position,
        signed_at,
        body_hash,
        body,
        received_at,
        content,
    };
    (delivery, fault)
}

/// A kept call, read again as this release reads it: with the time and the credential that it came with.
pub fn again(row: &kept::Model, body: Vec<u8>) -> Delivery {
    let signed_at = row.signed_at.clone();
    let proven = Proven {
        credential: row.credential.clone(),
        position: u32::try_from(row.credential_position).unwrap_or(u32::MAX),
        signed_time: signed_at.as_deref().and_then(|at| time::date_time(at).ok()),
        signed_at,
    };
    delivery(row.operation, proven, body, row.received_at).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(signed_at: Option<&str>) -> Proven {
        Proven {
            credential: "one".to_owned(),
            position: 3,
            signed_at: signed_at.map(str::to_owned),
            signed_time: signed_at.and_then(|at| at.parse().ok()),
        }
    }

    #[test]
    fn a_repeat_is_the_same_delivery_whoever_sends_it_and_whenever_it_comes() {
        let id = |signed_at, body: &str| {
            let body = body.as_bytes().to_vec();
            delivery(Operation::NoteAdded, proven(signed_at), body, Utc::now())
                .0
                .id
        };
        let at = Some("2021-03-10T14:23:23Z");
        assert_eq!(id(at, "{}"), id(at, "{}"));
        assert_ne!(id(at, "{}"), id(None, "{}"));
        assert_ne!(id(at, "{}"), id(at, "{ }"));
    }

    #[test]
    fn what_cannot_be_used_is_kept_with_its_bytes() {
        let body = b"\xff\0".to_vec();
        let (delivery, fault) = delivery(Operation::Events, proven(None), body.clone(), Utc::now());
        assert_eq!(fault, Some(Fault::NotJson));
        assert_eq!(delivery.body, body);
        assert_eq!(delivery.content.misfits[0].content, "\u{fffd}\u{fffd}");
    }
}
