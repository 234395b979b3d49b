//! One question that several ask: run by one task, at the live edge, told to all of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_graphql::{Request, Value};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::key::Key;
use super::{Questions, Told};
use crate::domain::scope::Viewer;
use crate::graphql::schema::{Asked, Schema};
use crate::graphql::subscription::Position;
use crate::graphql::to_json;

/// How many tellings one who is told may be behind before it reads for itself.
const BUFFER: usize = 256;
/// How long after they were told something all are told the next, at the earliest, for each who is told: about twice what
/// a turn and a write of its socket take. What comes after a silence is told at once.
const EACH: Duration = Duration::from_micros(40);
/// No longer than that, however many they are.
const LONGEST: Duration = Duration::from_millis(100);
/// So many events are told together at most.
const MOST: usize = 64;
/// So many bytes of results are told together at most, unless one alone has more: each who takes them slowly holds them.
const MOST_BYTES: usize = 16 * 1024;

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
    fn is_news_after(&self, stands: i64) -> bool {
        self.seq > stands || self.is_heartbeat && self.seq == stands
    }
}

/// What one subscriber is told of what is told to all together: one event or more, in order.
#[derive(Clone, Debug)]
pub struct Events {
    all: Arc<[Event]>,
    /// Those before it were told to this one before.
    from: usize,
}

impl Events {
    /// They themselves.
    pub fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.all.get(self.from..).unwrap_or_default().iter()
    }

    /// Events of these payloads and cursors, for tests of how they are worded.
    #[cfg(test)]
    pub fn worded(events: &[(&str, &str)]) -> Self {
        let event = |(seq, (payload, cursor)): (i64, &(&str, &str))| Event {
            payload: (*payload).to_owned(),
            cursor: (*cursor).to_owned(),
            seq,
            is_heartbeat: false,
        };
        Self {
            all: std::iter::zip(1.., events).map(event).collect(),
            from: 0,
        }
    }

    /// What of them is to be told to one who was told all up to `stands`; nothing where it was told all of it.
    pub(super) fn after(all: Arc<[Event]>, stands: i64) -> Option<Self> {
        let from = all.iter().position(|event| event.is_news_after(stands))?;
        Some(Self { all, from })
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
    events: broadcast::WeakSender<Arc<[Event]>>,
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
    ) -> Option<(broadcast::Receiver<Arc<[Event]>>, i64)> {
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
        broadcast::Receiver<Arc<[Event]>>,
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
    results: BoxStream<'static, Told>,
    position: Position,
    stands: watch::Sender<Option<i64>>,
    events: broadcast::Sender<Arc<[Event]>>,
) {
    let mut news = News {
        results,
        position,
        stands,
    };
    // Where it begins each has found out for itself.
    if news.next().await.is_none() {
        return;
    }
    let mut rests_until = Instant::now();
    while let Some(first) = news.next().await {
        let mut bytes = first.payload.len();
        let mut together = vec![first];
        let mut is_over = false;
        let mut is_rested = false;
        while together.len() < MOST && bytes < MOST_BYTES && !is_over && !is_rested {
            match timeout_at(rests_until, news.next()).await {
                Ok(Some(event)) => {
                    bytes += event.payload.len();
                    together.push(event);
                }
                Ok(None) => is_over = true,
                Err(_elapsed) => is_rested = true,
            }
        }
        if events.send(together.into()).is_err() || is_over {
            return;
        }
        // What did not fit does not wait.
        if is_rested {
            rests_until = Instant::now() + rest(events.receiver_count());
        }
    }
}

/// A busy feed costs so many listeners a turn each time they are told, and not for each event.
fn rest(listeners: usize) -> Duration {
    EACH.saturating_mul(u32::try_from(listeners).unwrap_or(u32::MAX))
        .min(LONGEST)
}

/// What comes of the execution.
struct News {
    results: BoxStream<'static, Told>,
    position: Position,
    stands: watch::Sender<Option<i64>>,
}

impl News {
    /// The next event; nothing once it fails. Nothing is lost when the future is dropped.
    async fn next(&mut self) -> Option<Event> {
        let Told::Own(response, Some(cursor)) = self.results.next().await? else {
            return None;
        };
        let told = self.position.told()?;
        if response.data == Value::Null {
            return None;
        }
        // This goes first: whoever joins now reads up to here, and what comes twice is dropped by its seq.
        self.stands.send_replace(Some(told.seq));
        Some(Event {
            payload: to_json(&response),
            cursor,
            seq: told.seq,
            is_heartbeat: told.is_heartbeat,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_of_what_is_told_together_what_is_news_to_it() {
        let event = |seq, is_heartbeat| Event {
            payload: String::new(),
            cursor: String::new(),
            seq,
            is_heartbeat,
        };
        let all: Arc<[Event]> = [event(3, false), event(5, false), event(5, true)].into();
        let news = |stands| {
            let events = Events::after(Arc::clone(&all), stands);
            events.map(|events| {
                let seqs = events.iter().map(|event| (event.seq, event.is_heartbeat));
                seqs.collect::<Vec<_>>()
            })
        };
        assert_eq!(news(2), Some(vec![(3, false), (5, false), (5, true)]));
        assert_eq!(news(3), Some(vec![(5, false), (5, true)]));
        assert_eq!(news(5), Some(vec![(5, true)]));
        assert_eq!(news(6), None);
    }

    #[test]
    fn few_wait_for_nothing_and_nobody_for_long() {
        assert!(rest(10) < Duration::from_millis(1));
        assert_eq!(rest(1_000), Duration::from_millis(40));
        assert_eq!(rest(usize::MAX), LONGEST);
    }
}
