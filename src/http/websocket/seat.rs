//! Who sits at a socket: nobody until `connection_init` has been judged, then one reader until the socket ends.

use std::sync::{Arc, OnceLock};

use async_graphql::futures_util::stream::BoxStream;
use async_graphql::{Data, Executor, Request, Response};
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value};
use tokio::sync::watch;
use uuid::Uuid;

use super::{FORBIDDEN, TRY_AGAIN};
use crate::domain::scope::Viewer;
use crate::graphql::error::{self, ErrorCode, Fault};
use crate::graphql::{self, Schema};
use crate::http::reader::{self, Reader, Readers, Refused};

/// The longest reason of a close frame, in bytes.
const LONGEST_REASON: usize = 120;

/// One socket's place.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) readers: Arc<Readers>,
    /// The token of the request that opened the socket.
    shown: Option<String>,
    reader: watch::Sender<Option<Reader>>,
    refusal: OnceLock<(u16, String)>,
}

impl Seat {
    /// An empty one; `shown` is the token that came with the request.
    pub(super) fn new(readers: Arc<Readers>, shown: Option<String>) -> Self {
        Self {
            readers,
            shown,
            reader: watch::Sender::default(),
            refusal: OnceLock::new(),
        }
    }

    /// Judges a `connection_init`.
    pub(super) async fn take(&self, payload: &Value) -> async_graphql::Result<Data> {
        let token = match reader::in_payload(payload) {
            // Where nobody needs a token, a payload is the client's own affair.
            Err(_) if self.readers.is_open() => Ok(self.shown.as_deref()),
            token => token.map(|token| token.or(self.shown.as_deref())),
        };
        let admitted = match token {
            Ok(token) => self.readers.admit(token).await,
            Err(refused) => Err(refused),
        };
        match admitted {
            Ok(reader) => {
                self.reader.send_replace(Some(reader));
                Ok(Data::default())
            }
            Err(refused) => {
                let code = match refused {
                    Refused::Away => TRY_AGAIN,
                    _ => FORBIDDEN,
                };
                let words = refused.words();
                let ends = words
                    .char_indices()
                    .map(|(start, letter)| start + letter.len_utf8());
                let end = ends.take_while(|end| *end <= LONGEST_REASON).last();
                let words = words[..end.unwrap_or(0)].to_owned();
                // The driver says only that it is refused.
                let _ = self.refusal.set((code, words));
                Err(async_graphql::Error::new("refused"))
            }
        }
    }

    /// How the socket is to be closed, if its `connection_init` was refused.
    pub(super) fn refusal(&self) -> Option<(u16, String)> {
        self.refusal.get().cloned()
    }

    /// The reader, once there is one.
    pub(super) async fn taken(&self) -> Reader {
        let mut reader = self.reader.subscribe();
        loop {
            let taken = reader.borrow_and_update().clone();
            match taken {
                Some(reader) => return reader,
                // The sender lives as long as the seat.
                None => drop(reader.changed().await),
            }
        }
    }

    /// Who asks, and what is to be run of what they ask.
    fn admit(&self, request: Request) -> Result<(Request, Viewer), Fault> {
        let Some(reader) = self.reader.borrow().clone() else {
            let message = "the socket is not acknowledged";
            return Err(Fault::new(ErrorCode::Unauthenticated, message));
        };
        self.readers.count(&reader).map_err(reader::too_often)?;
        let request = match &reader.bound {
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
        Ok((request, reader.viewer))
    }
}

/// The schema as the reader at a socket sees it.
#[derive(Clone)]
pub(super) struct Face {
    pub(super) schema: Schema,
    pub(super) seat: Arc<Seat>,
}

impl Executor for Face {
    async fn execute(&self, request: Request) -> Response {
        let id = Uuid::new_v4();
        match self.seat.admit(request) {
            Ok((request, viewer)) => self.schema.execute(request, viewer, id).await,
            Err(fault) => refusal(&fault, id),
        }
    }

    fn execute_stream(
        &self,
        request: Request,
        _: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let id = Uuid::new_v4();
        match self.seat.admit(request) {
            Ok((request, viewer)) => self.schema.execute_stream(request, viewer, id),
            Err(fault) => stream::iter([refusal(&fault, id)]).boxed(),
        }
    }
}

fn refusal(fault: &Fault, id: Uuid) -> Response {
    let mut response = Response::from_errors(vec![fault.to_server_error()]);
    error::complete(&mut response.errors, id);
    response
}
