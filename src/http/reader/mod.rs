//! Who reads: a bearer token or display key becomes a viewer, or is refused as RFC 6750 says. Without configured readers
//! the API is open, on loopback, behind the guard; a display key is then taken too, so that it can be tried.

mod answer;
mod bearer;
pub mod display;
mod grant;
mod place;
mod rate;
pub mod token;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::RequestPartsExt;
use axum::extract::{Extension, FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};

use crate::domain::display_key;
use crate::domain::scope::Viewer;
use crate::domain::writer::Clock;
use crate::graphql::error::{ErrorCode, Fault};
use crate::http::header::RequestId;
use display::{Bound, Displays};
use place::Places;
use rate::{Account, Rate};
use token::Tokens;

pub use grant::Grant;
pub use place::Place;

/// The longest wait before the clock is looked at again: it may have been set, or the machine have slept.
const LOOK: Duration = Duration::from_secs(30);

/// Who may read.
pub struct Readers {
    /// `None`: the API is open.
    tokens: Option<Tokens>,
    displays: Arc<Displays>,
    rate: Rate,
    places: Arc<Places>,
    clock: Clock,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = formatter.debug_struct("Readers");
        debug.field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

/// One who reads.
#[derive(Clone, Debug)]
pub struct Reader {
    /// As the schema knows it.
    pub viewer: Viewer,
    /// The one operation that may be run, where it is a display's.
    pub bound: Option<Arc<Bound>>,
    /// `None`: anybody on this machine, who is not counted.
    account: Option<Account>,
    ends_at: Option<DateTime<Utc>>,
}

/// Why somebody may not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No token was shown.
    Missing,
    /// It was shown in a way that is not taken.
    Malformed(&'static str),
    /// It is not good.
    Invalid(String),
    /// It is good and grants nothing.
    NoClaims(String),
    /// That cannot be told now: the database, or an issuer whose keys were never seen, is away.
    Away,
}

impl Refused {
    fn invalid(why: &str) -> Self {
        Self::Invalid(why.to_owned())
    }

    /// The same in plain words.
    pub fn words(&self) -> String {
        match self {
            Self::Missing => "a token is needed: `Authorization: Bearer …`. In GraphiQL, enter {\"Authorization\": \
                              \"Bearer …\"} under Headers, below the editor, and fetch the schema again; \
                              `caretaker token` makes one"
                .to_owned(),
            Self::Malformed(why) => (*why).to_owned(),
            Self::Invalid(why) => format!("the token is not taken: {why}"),
            Self::NoClaims(why) => why.clone(),
            Self::Away => "whose token it is cannot be checked just now; try again".to_owned(),
        }
    }
}

impl Readers {
    /// Readers with tokens or, without `tokens`, anybody who reaches the server. Each may ask so often and hold so many
    /// live connections.
    pub fn new(
        tokens: Option<Tokens>,
        displays: Arc<Displays>,
        requests_per_minute: NonZeroU32,
        connections: usize,
        clock: Clock,
    ) -> Self {
        Self {
            tokens,
            displays,
            rate: Rate::new(requests_per_minute),
            places: Arc::new(Places::new(connections)),
            clock,
        }
    }

    /// Whether nobody needs a token.
    pub fn is_open(&self) -> bool {
        self.tokens.is_none()
    }

    /// Who shows this token.
    ///
    /// # Errors
    /// Nobody who may read.
    pub async fn admit(&self, token: Option<&str>) -> Result<Reader, Refused> {
        let now = (self.clock)();
        let is_display = |token: &&str| token.starts_with(display_key::PREFIX);
        if let Some(token) = token.filter(is_display) {
            let (viewer, bound) = self.displays.admit(token, now).await?;
            return Ok(Reader {
                viewer,
                account: Some(Account::of(bound.id())),
                bound: Some(Arc::new(bound)),
                ends_at: None,
            });
        }
        let Some(tokens) = &self.tokens else {
            return Ok(Reader {
                viewer: Viewer::open(),
                bound: None,
                account: None,
                ends_at: None,
            });
        };
        let token = token.ok_or(Refused::Missing)?;
        let holder = tokens.holder(token, now).await.inspect_err(|refused| {
            tracing::debug!(?refused, "a reader was refused");
        })?;
        Ok(Reader {
            viewer: holder.viewer,
            bound: None,
            account: Some(Account::of(&holder.subject)),
            ends_at: Some(holder.ends_at),
        })
    }

    /// Counts an operation of a reader.
    ///
    /// # Errors
    /// How long to wait: there were too many.
    pub fn count(&self, reader: &Reader) -> Result<(), Duration> {
        match &reader.account {
            Some(account) => self.rate.count(*account),
            None => Ok(()),
        }
    }

    /// A place for a live connection of a reader, which it holds until it ends.
    ///
    /// # Errors
    /// He holds as many as he may.
    pub fn place(&self, reader: &Reader) -> Result<Place, Fault> {
        self.places.take(reader.account)
    }

    /// Until the reader may read no longer; then why.
    pub async fn ended(&self, reader: &Reader) -> &'static str {
        if let Some(bound) = &reader.bound {
            self.displays.revoked(bound).await;
            return "The display key was revoked";
        }
        let Some(ends_at) = reader.ends_at else {
            return std::future::pending().await;
        };
        loop {
            let left = ends_at - (self.clock)();
            let Ok(left) = left.to_std() else {
                return "The token has expired";
            };
            if left.is_zero() {
                return "The token has expired";
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }
}

/// The answer of one who asks too often.
pub fn too_often(wait: Duration) -> Fault {
    let seconds = seconds(wait);
    let mut fault = Fault::new(
        ErrorCode::RateLimited,
        format!("too many operations in a minute; try again in {seconds} s"),
    );
    fault.detail = Some(("retryAfterSeconds", seconds.to_string()));
    fault
}

/// Whole seconds, never fewer than the wait.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + 1
}

/// Who asks what takes a token in a header.
impl<S: Sync> FromRequestParts<S> for Reader
where
    Arc<Readers>: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let readers = Arc::<Readers>::from_ref(state);
        let id = parts.extract::<Extension<RequestId>>().await;
        let Extension(id) = id.map_err(IntoResponse::into_response)?;
        let (headers, query) = (&parts.headers, parts.uri.query());
        let admitted = match bearer::in_headers(headers, query, readers.is_open()) {
            Ok(token) => readers.admit(token).await,
            Err(refused) => Err(refused),
        };
        let reader = admitted.map_err(|refused| answer::refuse(headers, id, &refused))?;
        match readers.count(&reader) {
            Ok(()) => Ok(reader),
            Err(wait) => Err(answer::too_often(headers, id, wait)),
        }
    }
}

pub(super) use answer::refuse;
pub(super) use bearer::{in_headers, in_payload};
