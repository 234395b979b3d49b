//! The fold: what calls say → the model and its activities.

use std::hint::black_box;

use anyhow::ensure;
use caretaker::domain::fold;
use caretaker::domain::state::State;
use entity::Operation;

use super::body;

/// Incidents and tasks from their first event to their last.
pub(super) fn histories(rounds: usize) -> anyhow::Result<()> {
    let incidents = [body::delivery(Operation::Events, body::matrix(0..150))];
    let tasks = (0..20).map(|task| body::delivery(Operation::TaskCreated, body::task(task)));
    let changes = (0..80).map(|change| {
        let body = body::status(change % 20, change / 20);
        body::delivery(Operation::StatusChanged, body)
    });
    let calls: Vec<_> = incidents.into_iter().chain(tasks).chain(changes).collect();
    for _ in 0..rounds {
        let mut state = State::default();
        let mut activities = 0;
        for (_, fact) in calls.iter().flat_map(|call| &call.content.facts) {
            let (_, folded) = fold::apply(&mut state, black_box(fact));
            activities += folded.activities.len();
        }
        activities += fold::finish(&mut state, body::at(1_000_000)).len();
        ensure!(activities >= 250, "{activities} activities");
    }
    Ok(())
}
