//! One question that several ask: run by one task, at the live edge, told to all of them.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Request, Value};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use super::key::Key;
use super::{Questions, Told};
use crate::domain::scope::Viewer;
use crate::graphql::schema::{Asked, Schema};
use crate::graphql::subscription::Position;
use crate::graphql::to_json;

/// How many events one who is told may be behind before it reads for itself.
const BUFFER: usize = 1_024;

/// An event as it is told to all.
#[derive(Debug)]
pub struct Event {
    /// The result as JSON.
    pub payload: String,
    /// Where the feed stands with it.
    pub cursor: String,
    pub(super) seq: i64,
    pub(super) is_heartbeat: bool,
}

impl Event {
    /// Whether it is to be told to one who was told all up to `stands`.
    pub(super) fn is_news_after(&self, stands: i64) -> bool {
        self.seq > stands || self.is_heartbeat && self.seq == stands
    }
}

/// A question for as long as anybody asks it.
#[derive(Debug)]
pub(super) struct Question {
    questions: Questions,
    key: Arc<Key>,
    asked: Asked,
    running: Mutex<Option<Running>>,
}

/// Its execution.
#[derive(Debug)]
struct Running {
    /// Weak: what is told ends with the task.
    events: broadcast::WeakSender<Arc<Event>>,
    /// All after this seq is told; nothing until that is known.
    stands: watch::Receiver<Option<i64>>,
    task: AbortHandle,
}

impl Question {
    pub(super) fn new(questions: Questions, key: Arc<Key>, asked: Asked) -> Self {
        Self {
            questions,
            key,
            asked,
            running: Mutex::default(),
        }
    }

    /// The same request once more.
    pub(super) fn request(&self) -> Request {
        self.asked.clone().request()
    }

    /// Joins those who are told, and the seq after which all is told here. `None` when it cannot be run for all.
    pub(super) async fn join(
        &self,
        schema: &Schema,
        viewer: &Viewer,
    ) -> Option<(broadcast::Receiver<Arc<Event>>, i64)> {
        let (events, mut stands) = self.receivers(schema, viewer);
        // Asked after the events were joined: what it stands before comes to them.
        let stands = stands.wait_for(Option::is_some).await;
        let stands = *stands.ok()?;
        Some((events, stands?))
    }

    /// Whether it is run for all who ask it, and has begun.
    pub(super) fn is_run(&self) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().is_some_and(|running| {
            running.events.strong_count() > 0 && running.stands.borrow().is_some()
        })
    }

    fn receivers(
        &self,
        schema: &Schema,
        viewer: &Viewer,
    ) -> (
        broadcast::Receiver<Arc<Event>>,
        watch::Receiver<Option<i64>>,
    ) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*running
            && let Some(events) = running.events.upgrade()
        {
            return (events.subscribe(), running.stands.clone());
        }
        let (events, receiver) = broadcast::channel(BUFFER);
        let (stand, stands) = watch::channel(None);
        let position = Position::now();
        let told = schema.alone(self.request(), viewer.clone(), position.clone());
        *running = Some(Running {
            events: events.downgrade(),
            stands: stands.clone(),
            task: tokio::spawn(tell(told, position, stand, events)).abort_handle(),
        });
        (receiver, stands)
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let running = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = running {
            running.task.abort();
        }
        self.questions.forget(&self.key);
    }
}

/// Tells all who have joined, until nobody is left, or until something fails: then each finds out for itself.
async fn tell(
    mut results: BoxStream<'static, Told>,
    position: Position,
    stands: watch::Sender<Option<i64>>,
    events: broadcast::Sender<Arc<Event>>,
) {
    let mut is_begun = false;
    while let Some(Told::Own(response, Some(cursor))) = results.next().await {
        let Some(told) = position.told().filter(|_| response.data != Value::Null) else {
            return;
        };
        let event = Event {
            payload: to_json(&response),
            cursor,
            seq: told.seq,
            is_heartbeat: told.is_heartbeat,
        };
        // This goes first: whoever joins now reads up to here, and what comes twice is dropped by its seq.
        stands.send_replace(Some(told.seq));
        // Where it begins each has found out for itself.
        if std::mem::replace(&mut is_begun, true) && events.send(Arc::new(event)).is_err() {
            return;
        }
    }
}
