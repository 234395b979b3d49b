//! The fold of a batch: pure, and off the runtime's own threads when the batch is large.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::{DeliveryId, activity};
use sea_orm::DbErr;
use uuid::Uuid;

use super::receipt::Count;
use crate::domain::fact::Fact;
use crate::domain::fold;
use crate::domain::id;
use crate::domain::state::State;

/// Up to so many facts are folded where they are: that takes a few milliseconds at most, about what moving to another
/// thread may cost on a busy machine. Thousands take long enough to hold up every other task of the runtime's thread.
const MOST_IN_PLACE: usize = 500;

/// What one delivery says.
#[derive(Debug)]
pub(super) struct Call {
    /// The delivery; none while its facts are only tried.
    pub(super) delivery: Option<DeliveryId>,
    /// Its facts, in their order.
    pub(super) facts: Vec<Arc<Fact>>,
}

/// What a batch came to.
#[derive(Debug)]
pub(super) struct Applied {
    /// The model after it.
    pub(super) state: State,
    /// What happened, in order.
    pub(super) activities: Vec<activity::Model>,
    /// What became of the facts of each call.
    pub(super) counts: Vec<Count>,
}

/// Folds `calls` into `state`, which travels to another thread and back when there is much to fold.
///
/// # Errors
/// When that thread does not come back: the runtime is stopping, or the fold panicked. Nothing is stored then.
pub(super) async fn apply(
    state: State,
    calls: Vec<Call>,
    recorded_at: DateTime<Utc>,
) -> Result<Applied, DbErr> {
    let facts: usize = calls.iter().map(|call| call.facts.len()).sum();
    if facts <= MOST_IN_PLACE {
        return Ok(apply_here(state, &calls, recorded_at));
    }
    tokio::task::spawn_blocking(move || apply_here(state, &calls, recorded_at))
        .await
        .map_err(|error| DbErr::Custom(format!("a batch could not be folded: {error}")))
}

fn apply_here(mut state: State, calls: &[Call], recorded_at: DateTime<Utc>) -> Applied {
    let mut activities = Vec::new();
    let mut counts = Vec::with_capacity(calls.len());
    // Which call moved a site last: it is what `Linked` activities of moved sites come from.
    let mut movers: HashMap<Uuid, Option<DeliveryId>> = HashMap::new();
    for call in calls {
        let mut count = Count::default();
        for fact in &call.facts {
            let (verdict, folded) = fold::apply(&mut state, fact);
            count.add(verdict);
            activities.extend(folded.activities.into_iter().map(|new| activity::Model {
                recorded_at,
                delivery_id: call.delivery,
                ..new.row
            }));
        }
        counts.push(count);
        let stirred = std::mem::take(&mut state.stirred).into_iter();
        movers.extend(stirred.map(|site| (site.0, call.delivery)));
    }
    let facts = calls.iter().flat_map(|call| &call.facts);
    let latest = facts
        .map(|fact| fact.occurred_at)
        .max()
        .unwrap_or(recorded_at);
    let moves = fold::finish(&mut state, latest).into_iter();
    activities.extend(moves.map(|new| activity::Model {
        // A site may move to and fro by facts of one time: each move is told.
        id: id::activity(&(new.row.id, recorded_at)),
        recorded_at,
        delivery_id: movers.get(&new.row.subject_id).copied().flatten(),
        ..new.row
    }));
    for row in &mut activities {
        fold::refile(&state, row);
    }
    Applied {
        state,
        activities,
        counts,
    }
}

#[cfg(test)]
mod tests {
    use entity::ActivityKind;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::domain::fact::{Place, What};

    fn calls(facts: usize) -> Vec<Call> {
        let fact = |number: usize| {
            Arc::new(Fact {
                id: id::activity(&number),
                kind: ActivityKind::OtherEvent,
                occurred_at: DateTime::UNIX_EPOCH,
                content: 0,
                what: What::Other(Place::default()),
                data: None,
            })
        };
        vec![Call {
            delivery: None,
            facts: (0..facts).map(fact).collect(),
        }]
    }

    #[test]
    fn a_large_batch_is_folded_off_the_thread_of_the_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            // The only other thread is taken: what waits for it cannot be done.
            let (free, taken) = std::sync::mpsc::channel::<()>();
            let other = tokio::task::spawn_blocking(move || taken.recv());
            let at = DateTime::UNIX_EPOCH;
            let few = apply(State::default(), calls(MOST_IN_PLACE), at).now_or_never();
            assert_eq!(few.unwrap().unwrap().activities.len(), MOST_IN_PLACE);
            let mut many = Box::pin(apply(State::default(), calls(MOST_IN_PLACE + 1), at));
            assert!((&mut many).now_or_never().is_none());
            free.send(()).unwrap();
            other.await.unwrap().unwrap();
            assert_eq!(many.await.unwrap().activities.len(), MOST_IN_PLACE + 1);
        });
    }
}
