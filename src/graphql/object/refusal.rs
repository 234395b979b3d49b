//! The calls that were turned away at the gates. Operators only.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

use crate::domain::refusal::Refusal;
use crate::graphql::enums::Source;

/// The calls that named one credential and did not prove their sender. Operators only.
#[derive(SimpleObject)]
pub struct RefusedCalls {
    /// The platform whose webhooks were called; null for requests for access tokens of a client that is not known.
    source: Option<Source>,
    /// The name of the credential; null where none that is known was named.
    credential: Option<String>,
    /// How many, since this server started.
    count: i64,
    /// When the last one came (UTC); null when there was none.
    last_at: Option<DateTime<Utc>>,
}

impl From<Refusal> for RefusedCalls {
    fn from(refusal: Refusal) -> Self {
        Self {
            source: refusal.source.map(Into::into),
            credential: refusal.credential,
            count: i64::try_from(refusal.count).unwrap_or(i64::MAX),
            last_at: refusal.last_at,
        }
    }
}
