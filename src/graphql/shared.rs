//! Identical live subscriptions are run once for all who ask: each event is read and written out once, however many
//! screens show it.
//!
//! ```text
//!  first to ask ─► runs by itself ─┐ until others ask
//!  all others   ─► join ◄──────────┘ ─► their own stretch up to where the question stands ─► what is told to all
//!                   ▲                                                                             │ lagged
//!                   └─────────────────────────────────────────────────────────────────────────────┘
//! ```
//! What a subscriber asks alone (its backlog, a question that nobody else asks, whatever fails) it runs by itself, as if
//! nothing were shared; so sharing can only take work away.

mod key;
mod question;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_graphql::{Request, Response, Value};
use async_stream::stream;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::schema::{Asked, Schema};
use super::subscription::Position;
use crate::domain::scope::Viewer;
use key::Key;
use question::Question;

pub use question::{Event, Events};

/// One result of an operation, or several that came close together.
#[derive(Debug)]
pub enum Told {
    /// Of its own execution; with the cursor of the feed, where it follows one.
    Own(Box<Response>, Option<String>),
    /// Of one execution for all who ask the same.
    Shared(Events),
}

/// The questions that are asked now.
#[derive(Clone, Debug, Default)]
pub(super) struct Questions(Arc<Mutex<HashMap<Arc<Key>, Weak<Question>>>>);

impl Questions {
    /// The question that a request asks, unless nobody else does: the first to ask gets it as well, and runs by itself.
    fn ask(&self, key: Key, asked: Asked) -> (Arc<Question>, bool) {
        let mut questions = self.lock();
        if let Some(question) = questions.get(&key).and_then(Weak::upgrade) {
            return (question, false);
        }
        let key = Arc::new(key);
        let question = Arc::new(Question::new(self.clone(), Arc::clone(&key), asked));
        questions.insert(key, Arc::downgrade(&question));
        (question, true)
    }

    /// Nobody asks it any more.
    fn forget(&self, key: &Key) {
        let mut questions = self.lock();
        // Somebody may have asked it anew meanwhile.
        if questions
            .get(key)
            .is_some_and(|question| question.strong_count() == 0)
        {
            questions.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<Key>, Weak<Question>>> {
        // What a panic left behind is a whole map all the same.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Schema {
    /// Runs a request for a viewer: a subscription as long as it lasts, anything else once. What others ask as well is
    /// run once for all of them. The feed begins at `position`, which then stands for nothing more.
    pub fn follow(
        &self,
        mut request: Request,
        viewer: Viewer,
        position: Position,
    ) -> BoxStream<'static, Told> {
        let key = self
            .questions()
            .filter(|_| self.admit(&mut request).is_ok());
        let key = key.and_then(|questions| {
            let tells_usage = self.tells_usage(&request);
            let key = key::of(&mut request, &viewer).filter(|_| !tells_usage)?;
            Some(questions.ask(key, Asked::of(&request)))
        });
        match key {
            Some((question, false)) => {
                let request = Some(Box::new(request));
                together(self.clone(), question, request, viewer, position, None).boxed()
            }
            Some((question, true)) => {
                let own = self.alone(request, viewer.clone(), position.clone());
                first(self.clone(), question, own, viewer, position).boxed()
            }
            None => self.alone(request, viewer, position),
        }
    }

    /// Runs a request for one viewer.
    fn alone(
        &self,
        request: Request,
        viewer: Viewer,
        position: Position,
    ) -> BoxStream<'static, Told> {
        let request = request.data(position.clone());
        let responses = self.execute_stream(request, viewer, Uuid::new_v4());
        responses
            .map(move |response| Told::Own(Box::new(response), position.cursor()))
            .boxed()
    }
}

/// The stream of the first who asks a question: its own, and that of all once there are others.
fn first(
    schema: Schema,
    question: Arc<Question>,
    mut own: BoxStream<'static, Told>,
    viewer: Viewer,
    position: Position,
) -> impl Stream<Item = Told> {
    stream! {
        let last = loop {
            let Some(told) = own.next().await else { return };
            let ends = is_fault(&told);
            yield told;
            if ends {
                return;
            }
            if let Some(last) = position.stands().filter(|_| question.is_run()) {
                break last;
            }
        };
        drop(own);
        let mut rest = together(schema, question, None, viewer, position, Some(last)).boxed();
        while let Some(told) = rest.next().await {
            yield told;
        }
    }
}

/// One subscriber's stream of a question that others ask too. It stands at `last`; as asked where that is not given.
fn together(
    schema: Schema,
    question: Arc<Question>,
    mut request: Option<Box<Request>>,
    viewer: Viewer,
    position: Position,
    mut last: Option<i64>,
) -> impl Stream<Item = Told> {
    stream! {
        while let Some((mut events, joined)) = question.join(&schema, &viewer).await {
            let mut stands = match last.filter(|last| *last >= joined) {
                // Nothing lies between.
                Some(last) => last,
                None => {
                    let stretch = position.stretch(last, Some(joined));
                    let asked = request.take().map_or_else(|| question.request(), |request| *request);
                    let mut own = schema.alone(asked, viewer.clone(), stretch.clone());
                    while let Some(told) = own.next().await {
                        let ends = is_fault(&told);
                        yield told;
                        if ends {
                            return;
                        }
                    }
                    let Some(stands) = stretch.stands() else { return };
                    stands
                }
            };
            loop {
                let all = match events.recv().await {
                    Ok(all) => all,
                    // It reads what it missed by itself; so it does where the question cannot be run for all.
                    Err(RecvError::Lagged(_) | RecvError::Closed) => break,
                };
                let last_of_all = all.last().map(|event| (event.seq, event.is_heartbeat));
                match (Events::after(all, stands), last_of_all) {
                    (Some(events), Some((seq, _))) => {
                        stands = seq;
                        yield Told::Shared(events);
                    }
                    (None, Some((seq, true))) => {
                        // It came with a cursor that this node has not reached: a sign of life bears its own.
                        let here = position.stretch(Some(stands), Some(seq));
                        let mut own = schema.alone(question.request(), viewer.clone(), here);
                        while let Some(told) = own.next().await {
                            // One that cannot be given is no fault of what is followed.
                            if !is_fault(&told) {
                                yield told;
                            }
                        }
                    }
                    // It was told all of it before.
                    _ => {}
                }
            }
            last = Some(stands);
        }
        let request = request.map_or_else(|| question.request(), |request| *request);
        // Who asks next may run it for all again.
        drop(question);
        let mut own = schema.alone(request, viewer, position.stretch(last, None));
        while let Some(told) = own.next().await {
            yield told;
        }
    }
}

/// Whether it tells of a fault, and of nothing else.
fn is_fault(told: &Told) -> bool {
    matches!(told, Told::Own(response, _) if response.data == Value::Null)
}
