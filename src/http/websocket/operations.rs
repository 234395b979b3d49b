//! The operations that run on one socket: each by its id, so many at once, all of them polled in turn.

use std::any::Any;
use std::collections::HashMap;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::stream::{self, AbortHandle, Abortable, BoxStream, SelectAll, StreamExt};

use super::protocol::{Close, Told};
use crate::graphql::error::Fault;
use crate::graphql::limits::Limit;
use crate::http::live::{Step, Steps};

/// A running operation: what came of it, or its end.
type Running = BoxStream<'static, (Arc<str>, Result<Option<Step>, Box<dyn Any + Send>>)>;

/// The operations of one socket.
pub(super) struct Operations {
    /// One that gave a step waits behind the others that have one: a busy operation does not keep a rare one waiting.
    running: SelectAll<Running>,
    /// Those that are not over.
    active: HashMap<Arc<str>, AbortHandle>,
    most: usize,
}

impl Operations {
    /// None yet, at most so many at once.
    pub(super) fn new(most: usize) -> Self {
        Self {
            running: SelectAll::new(),
            active: HashMap::new(),
            most,
        }
    }

    /// Whether an operation runs under this id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.active.contains_key(id)
    }

    /// Refuses one more than may run.
    ///
    /// # Errors
    /// LIMIT_EXCEEDED.
    pub(super) fn check(&self) -> Result<(), Fault> {
        Limit::Running.check(self.most, self.active.len() + 1)
    }

    /// Runs an operation; none may run under its id.
    pub(super) fn begin(&mut self, id: String, steps: Steps) {
        let id = Arc::<str>::from(id);
        let (handle, registration) = AbortHandle::new_pair();
        self.active.insert(Arc::clone(&id), handle);
        let steps = steps.map(Some).chain(stream::iter([None]));
        let steps = AssertUnwindSafe(steps).catch_unwind();
        let steps = steps.map(move |step| (Arc::clone(&id), step));
        self.running
            .push(Abortable::new(steps, registration).boxed());
    }

    /// Ends an operation without a word more about it. One that does not run is none's concern.
    pub(super) fn end(&mut self, id: &str) {
        if let Some(handle) = self.active.remove(id) {
            // It says nothing from here on, and is dropped when it is polled next.
            handle.abort();
        }
    }

    /// What the client is to be told next of any of them. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// An operation failed in a way that it cannot tell itself.
    pub(super) async fn next(&mut self) -> Result<Told, Close> {
        let Some((id, step)) = self.running.next().await else {
            return pending().await;
        };
        let id = id.as_ref();
        match step {
            Ok(Some(step)) if step.is_refused() => {
                self.end(id);
                Ok(Told::Error(id.to_owned(), step.errors()))
            }
            Ok(Some(step)) => Ok(Told::Next(id.to_owned(), step)),
            Ok(None) => {
                self.end(id);
                Ok(Told::Complete(id.to_owned()))
            }
            Err(_panic) => Err(Close::Internal),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_graphql::Response;
    use futures_util::FutureExt;

    use super::*;

    fn step() -> Step {
        Step::of(Response::new(true))
    }

    /// Steps without end, each ready at once; counts how many were asked for.
    fn busy(asked: &Arc<AtomicUsize>) -> Steps {
        let asked = Arc::clone(asked);
        stream::repeat_with(move || {
            asked.fetch_add(1, Ordering::Relaxed);
            step()
        })
        .boxed()
    }

    fn told(operations: &mut Operations) -> Option<Told> {
        operations.next().now_or_never().map(Result::unwrap)
    }

    fn id(told: &Told) -> &str {
        match told {
            Told::Next(id, _) | Told::Error(id, _) | Told::Complete(id) => id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn operations_that_always_have_something_to_say_take_turns() {
        let mut operations = Operations::new(3);
        let asked = Arc::default();
        for id in ["a", "b", "c"] {
            operations.begin(id.to_owned(), busy(&asked));
        }
        let mut counts = HashMap::<String, usize>::new();
        for round in 1..=20 {
            for _ in 0..3 {
                let told = told(&mut operations).unwrap();
                *counts.entry(id(&told).to_owned()).or_default() += 1;
            }
            assert!(counts.len() == 3 && counts.values().all(|count| *count == round));
        }
        // What comes later comes in as well.
        operations.end("a");
        operations.begin("d".to_owned(), stream::iter([step()]).boxed());
        let said: Vec<_> = (0..6).map(|_| told(&mut operations).unwrap()).collect();
        assert!(
            said.iter()
                .any(|told| matches!(told, Told::Next(id, _) if id == "d"))
        );
        assert!(
            said.iter()
                .any(|told| matches!(told, Told::Complete(id) if id == "d"))
        );
        assert!(said.iter().all(|told| id(told) != "a"));
    }

    #[test]
    fn nothing_is_asked_for_that_nobody_takes() {
        let mut operations = Operations::new(1);
        let asked = Arc::default();
        operations.begin("a".to_owned(), busy(&asked));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        for taken in 1..5 {
            assert!(told(&mut operations).is_some());
            assert_eq!(asked.load(Ordering::Relaxed), taken);
        }
    }

    #[test]
    fn an_id_is_free_once_its_operation_is_over() {
        let mut operations = Operations::new(1);
        operations.begin("a".to_owned(), stream::iter([step()]).boxed());
        assert!(operations.has("a") && operations.check().is_err());
        assert!(matches!(told(&mut operations), Some(Told::Next(..))));
        assert!(operations.has("a"));
        assert!(matches!(told(&mut operations), Some(Told::Complete(id)) if id == "a"));
        assert!(!operations.has("a") && operations.check().is_ok());
        assert!(told(&mut operations).is_none());
    }

    #[test]
    fn of_an_ended_operation_nothing_is_told_even_when_its_id_is_used_again() {
        let mut operations = Operations::new(2);
        let (asked, again) = (Arc::default(), Arc::default());
        operations.begin("a".to_owned(), busy(&asked));
        assert!(told(&mut operations).is_some());
        operations.end("a");
        operations.end("unknown");
        assert!(told(&mut operations).is_none());
        operations.begin("a".to_owned(), busy(&again));
        for _ in 0..5 {
            assert!(told(&mut operations).is_some());
        }
        assert_eq!(
            (asked.load(Ordering::Relaxed), again.load(Ordering::Relaxed)),
            (1, 5)
        );
        // What it held is let go of.
        assert_eq!(Arc::strong_count(&asked), 1);
    }

    #[test]
    fn after_an_error_there_is_no_complete() {
        let mut operations = Operations::new(1);
        let refused = Step::refused(&Fault::input("no"));
        operations.begin("a".to_owned(), stream::iter([refused, step()]).boxed());
        assert!(matches!(told(&mut operations), Some(Told::Error(id, _)) if id == "a"));
        assert!(!operations.has("a"));
        assert!(told(&mut operations).is_none());
    }

    #[test]
    fn what_panics_is_a_fault_of_ours() {
        let mut operations = Operations::new(1);
        let broken = stream::poll_fn(|_| -> std::task::Poll<Option<Step>> { panic!("broken") });
        operations.begin("a".to_owned(), broken.boxed());
        let said = operations.next().now_or_never();
        assert!(matches!(said, Some(Err(Close::Internal))));
    }
}
