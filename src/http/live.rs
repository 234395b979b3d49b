//! What the live transports share: the steps of an operation, and how a connection ends that was open for long. They word
//! it each in their own way.

pub(super) mod body;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Request, Response};
use futures_util::stream::{BoxStream, StreamExt};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::reader::{Reader, Readers};
use crate::domain::scope::Viewer;
use crate::graphql::error::{self, Fault};
use crate::graphql::shared::Told;
use crate::graphql::{self, Position, Schema};

/// The terms of a live connection.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How many operations may run at once on one socket.
    pub operations: usize,
    /// The longest message taken from a client, in bytes.
    pub message_bytes: usize,
    /// How long a client may take to say who it is, and the server to judge it.
    pub init: Duration,
    /// How often a connection is shown a sign of life, so that proxies keep it and dead peers are found.
    pub ping: Duration,
    /// How long a client may take to receive what is sent to it.
    pub patience: Duration,
}

/// What a live connection needs.
#[derive(Clone, Debug)]
pub struct Live {
    /// What is asked.
    pub schema: Schema,
    /// Who may ask.
    pub readers: Arc<Readers>,
    /// How long what may take.
    pub terms: Terms,
    /// Says when the connections are to end.
    pub stopping: watch::Receiver<bool>,
    /// Each connection holds a clone until it has said goodbye.
    pub open: mpsc::Sender<()>,
}

/// Why a connection ends, though nobody asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its reader may read no longer, and why.
    Reader(&'static str),
    /// The server stops; its clients come back.
    Stopping,
}

/// A result of an operation, or several that came close together.
#[derive(Debug)]
pub(super) struct Step {
    told: Told,
    /// Whether its client may know where the feed stands.
    has_cursor: bool,
}

/// A result.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    /// As JSON.
    pub(super) payload: Cow<'a, str>,
    /// Where the feed stands with it, for a transport that resumes by itself.
    pub(super) cursor: Option<&'a str>,
}

/// The results of an operation, in order.
pub(super) type Steps = BoxStream<'static, Step>;

impl Live {
    /// Runs a request for a viewer: a subscription as long as it lasts, anything else once. With a `position` it goes on
    /// there, and each step has a cursor to come back to.
    pub(super) fn run(
        &self,
        request: Request,
        viewer: Viewer,
        position: Option<Position>,
    ) -> Steps {
        let has_cursor = position.is_some();
        let told = self
            .schema
            .follow(request, viewer, position.unwrap_or_default());
        told.map(move |told| Step { told, has_cursor }).boxed()
    }

    /// Until the connection of this reader has to end.
    pub(super) async fn end(&self, reader: &Reader) -> End {
        tokio::select! {
            why = self.readers.ended(reader) => End::Reader(why),
            () = self.stop() => End::Stopping,
        }
    }

    /// Until the server stops. One whose handle was dropped stops too.
    pub(super) async fn stop(&self) {
        let mut stopping = self.stopping.clone();
        // The borrowed value must not be held across an await.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}

impl Step {
    /// The only step of an operation that is not run.
    pub(super) fn refused(fault: &Fault) -> Self {
        let mut response = Response::from_errors(vec![fault.to_server_error()]);
        error::complete(&mut response.errors, Uuid::new_v4());
        Self::of(response)
    }

    /// A result.
    pub(super) fn of(response: Response) -> Self {
        Self {
            told: Told::Own(Box::new(response), None),
            has_cursor: false,
        }
    }

    /// Results with their cursors that are told to all together, the client may know where the feed stands.
    #[cfg(test)]
    pub(super) fn together(events: &[(&str, &str)]) -> Self {
        Self {
            told: Told::Shared(graphql::shared::Events::worded(events)),
            has_cursor: true,
        }
    }

    /// The results, in order.
    pub(super) fn results(&self) -> Vec<Shown<'_>> {
        match &self.told {
            Told::Own(response, cursor) => vec![Shown {
                payload: Cow::Owned(graphql::to_json(response)),
                cursor: cursor.as_deref().filter(|_| self.has_cursor),
            }],
            Told::Shared(events) => events
                .iter()
                .map(|event| Shown {
                    payload: Cow::Borrowed(event.payload.as_str()),
                    cursor: Some(event.cursor.as_str()).filter(|_| self.has_cursor),
                })
                .collect(),
        }
    }

    /// The errors as JSON.
    pub(super) fn errors(&self) -> String {
        match &self.told {
            // They hold texts, numbers and lists of both, so this cannot fail.
            Told::Own(response, _) => serde_json::to_string(&response.errors).unwrap_or_default(),
            Told::Shared(_) => "[]".to_owned(),
        }
    }

    /// Whether errors are all there is: nothing was run.
    pub(super) fn is_refused(&self) -> bool {
        matches!(&self.told, Told::Own(response, _) if graphql::is_refused(response))
    }
}
