//! Who sits at a socket: nobody until `connection_init` has been judged, then one reader until the socket ends.

use std::future::pending;
use std::sync::Arc;

use async_graphql::Request;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::protocol::Close;
use crate::domain::scope::Viewer;
use crate::graphql;
use crate::graphql::error::Fault;
use crate::http::live::Live;
use crate::http::reader::{self, Place, Reader, Readers, Refused};

/// One socket's place.
pub(super) enum Seat {
    /// Nobody has asked for it.
    Empty,
    /// Somebody has, and is being looked at.
    Asked(BoxFuture<'static, Result<Sitter, Close>>),
    /// Somebody sits there.
    Taken(Sitter),
}

/// One who sits.
pub(super) struct Sitter {
    pub(super) reader: Reader,
    _place: Place,
}

impl Seat {
    /// Asks for it with the payload of `connection_init`; `shown` is the token that came with the request.
    ///
    /// # Errors
    /// Somebody has asked before.
    pub(super) fn ask(
        &mut self,
        live: &Arc<Live>,
        shown: Option<String>,
        payload: Value,
    ) -> Result<(), Close> {
        if !matches!(self, Self::Empty) {
            return Err(Close::InitialisedTwice);
        }
        let live = Arc::clone(live);
        let judged = async move { judge(&live.readers, shown.as_deref(), &payload).await };
        *self = Self::Asked(Box::pin(judged));
        Ok(())
    }

    /// Until it is decided who sits there: once, and never where nobody asks. Nothing is lost when the future is dropped.
    pub(super) async fn judged(&mut self) -> Result<(), Close> {
        match self {
            Self::Asked(judged) => {
                *self = Self::Taken(judged.await?);
                Ok(())
            }
            Self::Empty | Self::Taken(_) => pending().await,
        }
    }

    /// Who sits there.
    ///
    /// # Errors
    /// Nobody does.
    pub(super) fn sitter(&self) -> Result<&Sitter, Close> {
        match self {
            Self::Taken(sitter) => Ok(sitter),
            Self::Empty | Self::Asked(_) => Err(Close::Unauthorized),
        }
    }
}

async fn judge(readers: &Readers, shown: Option<&str>, payload: &Value) -> Result<Sitter, Close> {
    let token = match reader::in_payload(payload) {
        // Where nobody needs a token, a payload is the client's own affair.
        Err(_) if readers.is_open() => Ok(shown),
        token => token.map(|token| token.or(shown)),
    };
    let admitted = match token {
        Ok(token) => readers.admit(token).await,
        Err(refused) => Err(refused),
    };
    let reader = admitted.map_err(|refused| match refused {
        Refused::Away => Close::TryAgain(refused.words()),
        _ => Close::Forbidden(refused.words()),
    })?;
    let place = readers.place(&reader);
    // His client comes back: connections that it lost without a word count until they are found dead.
    let place = place.map_err(|fault| Close::TryAgain(fault.message))?;
    Ok(Sitter {
        reader,
        _place: place,
    })
}

impl Sitter {
    /// Who asks, and what is to be run of what they ask.
    ///
    /// # Errors
    /// They ask too often, or a display asks another question than its own.
    pub(super) fn admit(
        &self,
        readers: &Readers,
        request: Request,
    ) -> Result<(Request, Viewer), Fault> {
        readers.count(&self.reader).map_err(reader::too_often)?;
        let request = match &self.reader.bound {
            None => request,
            Some(bound) => {
                let variables = serde_json::to_value(&request.variables).unwrap_or_default();
                let asked = Map::from_iter([
                    ("query".to_owned(), Value::String(request.query)),
                    ("variables".to_owned(), variables),
                ]);
                let mut stored = bound.request(&asked)?;
                let query = stored.remove("query").unwrap_or_default();
                let query = query.as_str().unwrap_or_default().to_owned();
                let variables = stored.remove("variables").unwrap_or_default();
                graphql::request(query, None, variables)
            }
        };
        Ok((request, self.reader.viewer.clone()))
    }
}
