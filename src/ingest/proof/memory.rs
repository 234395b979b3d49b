//! Which headers were verified lately, so that a busy bus does not pay for Argon2 on each call. Holds keyed hashes only,
//! under a key that this process made, and dies with the credentials that it speaks of.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::compare::signature;

/// The most verdicts of either kind that are remembered; then all of that kind are forgotten.
const MOST: usize = 1024;

/// What stands for a header: nothing of it can be read from this.
pub(super) type Tag = [u8; 32];

/// Verdicts by what was verified.
pub(super) struct Memory {
    /// Without random numbers there is no key, and nothing is remembered.
    key: Option<[u8; 32]>,
    proven: Mutex<HashMap<Tag, usize>>,
    /// Apart from the proven ones, so that a flood of guesses cannot make them forgotten.
    refused: Mutex<HashMap<Tag, Option<usize>>>,
}

/// What was found out before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The credential at this position proves the sender.
    Proven(usize),
    /// Nobody: only the name, of the credential at this position, was right.
    Refused(Option<usize>),
}

impl Memory {
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        let key = getrandom::fill(&mut key).is_ok().then_some(key);
        Self {
            key,
            proven: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// What was found out about these words, if it is remembered.
    pub(super) fn recall(&self, words: &[u8]) -> Option<Verdict> {
        let tag = self.tag(words)?;
        let proven = lock(&self.proven).get(&tag).copied();
        proven.map(Verdict::Proven).or_else(|| {
            let refused = lock(&self.refused).get(&tag).copied();
            refused.map(Verdict::Refused)
        })
    }

    pub(super) fn keep(&self, words: &[u8], verdict: Verdict) {
        let Some(tag) = self.tag(words) else { return };
        match verdict {
            Verdict::Proven(at) => put(&mut lock(&self.proven), tag, at),
            Verdict::Refused(at) => put(&mut lock(&self.refused), tag, at),
        }
    }

    pub(super) fn tag(&self, words: &[u8]) -> Option<Tag> {
        signature(self.key.as_ref()?, words).try_into().ok()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Memory")
    }
}

/// A map is whole at every moment: that another thread panicked does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put<T>(map: &mut HashMap<Tag, T>, tag: Tag, value: T) {
    if map.len() >= MOST {
        map.clear();
    }
    map.insert(tag, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_out_is_recalled_and_what_was_not_is_not() {
        let memory = Memory::new();
        memory.keep(b"a:b", Verdict::Proven(3));
        memory.keep(b"a:c", Verdict::Refused(Some(3)));
        assert_eq!(memory.recall(b"a:b"), Some(Verdict::Proven(3)));
        assert_eq!(memory.recall(b"a:c"), Some(Verdict::Refused(Some(3))));
        assert_eq!(memory.recall(b"a:d"), None);
        assert_eq!(Memory::new().recall(b"a:b"), None);
    }

    #[test]
    fn guesses_are_bounded_and_do_not_push_out_what_is_proven() {
        let memory = Memory::new();
        memory.keep(b"good", Verdict::Proven(0));
        for guess in 0..10 * MOST {
            memory.keep(&guess.to_le_bytes(), Verdict::Refused(None));
            assert!(lock(&memory.refused).len() <= MOST);
        }
        assert_eq!(memory.recall(b"good"), Some(Verdict::Proven(0)));
    }
}
