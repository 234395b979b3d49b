//! The network's mischief: calls that arrive later than their turn, and calls that arrive again.

use super::call::Call;
use fastrand::Rng;

/// How far a call is moved, and how late a repeat comes, at most: in calls.
const FARTHEST: usize = 60;

/// Moves a share of `calls` to a later place and sends a share of them again, later.
pub(super) fn stir(rng: &mut Rng, calls: Vec<Call>, shuffle: f64, duplicate: f64) -> Vec<Call> {
    let mut placed: Vec<(usize, Call)> = Vec::with_capacity(calls.len());
    for (turn, mut call) in calls.into_iter().enumerate() {
        let mut place = turn;
        if rng.f64() < shuffle {
            place += rng.usize(1..=FARTHEST);
            call.moved = true;
        }
        if rng.f64() < duplicate {
            let again = Call {
                repeat: true,
                moved: false,
                ..call.clone()
            };
            placed.push((place + rng.usize(1..=FARTHEST), again));
        }
        placed.push((place, call));
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, call)| call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{call::SignedAt, operation::Operation};

    fn numbered(count: usize) -> Vec<Call> {
        let call = |number: usize| Call {
            operation: Operation::Batch,
            body: number.to_string(),
            events: 1,
            broken: 0,
            expected: 200,
            repeat: false,
            moved: false,
            stories: vec![number],
            signed_at: SignedAt::default(),
        };
        (0..count).map(call).collect()
    }

    #[test]
    fn without_disorder_nothing_moves() {
        let calls = stir(&mut Rng::with_seed(1), numbered(50), 0.0, 0.0);
        assert!(
            calls
                .iter()
                .enumerate()
                .all(|(turn, call)| call.body == turn.to_string() && !call.moved && !call.repeat)
        );
        assert_eq!(calls.len(), 50);
    }

    #[test]
    fn shares_are_as_asked_and_only_moved_calls_leave_their_order() {
        let calls = stir(&mut Rng::with_seed(1), numbered(5_000), 0.2, 0.1);
        let moved = calls.iter().filter(|call| call.moved).count();
        let repeats = calls.iter().filter(|call| call.repeat).count();
        assert!(
            (900..1_100).contains(&moved) && (430..570).contains(&repeats),
            "{moved} {repeats}"
        );
        assert_eq!(calls.len() - repeats, 5_000);
        let still = calls
            .iter()
            .filter(|call| !call.moved && !call.repeat)
            .map(|call| call.body.parse::<usize>().unwrap());
        assert!(still.is_sorted());
        let all = calls
            .iter()
            .filter(|call| !call.repeat)
            .map(|call| call.body.parse::<usize>().unwrap());
        assert!(!all.is_sorted());
    }

    #[test]
    fn a_repeat_comes_after_its_first_and_shares_its_signing_time() {
        let calls = stir(&mut Rng::with_seed(2), numbered(500), 0.3, 0.5);
        for (turn, again) in calls.iter().enumerate().filter(|(_, call)| call.repeat) {
            let first = calls[..turn]
                .iter()
                .find(|call| call.body == again.body)
                .expect("the first comes before");
            assert!(std::sync::Arc::ptr_eq(&first.signed_at, &again.signed_at));
        }
    }
}
