//! Which rows have a key, kept beside the tables so that no fact has to look through all rows of a batch.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// The values that go with each key, in their order.
#[derive(Clone, Debug)]
pub(super) struct Index<Key, Value>(HashMap<Key, BTreeSet<Value>>);

impl<Key, Value> Default for Index<Key, Value> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<Key: Eq + Hash, Value: Ord> Index<Key, Value> {
    /// Notes that `value` goes with `key`.
    pub(super) fn insert(&mut self, key: Key, value: Value) {
        self.0.entry(key).or_default().insert(value);
    }

    /// Forgets that `value` goes with `key`.
    pub(super) fn remove(&mut self, key: &Key, value: &Value) {
        if let Some(values) = self.0.get_mut(key) {
            values.remove(value);
        }
    }

    /// What goes with `key`.
    pub(super) fn of(&self, key: &Key) -> impl Iterator<Item = &Value> {
        self.0.get(key).into_iter().flatten()
    }

    /// The greatest that goes with `key`.
    pub(super) fn last(&self, key: &Key) -> Option<&Value> {
        self.0.get(key)?.last()
    }

    /// How many go with `key`.
    pub(super) fn count(&self, key: &Key) -> usize {
        self.0.get(key).map_or(0, BTreeSet::len)
    }

    /// What goes with `key`, if it is only one.
    pub(super) fn only(&self, key: &Key) -> Option<&Value> {
        self.0.get(key).filter(|found| found.len() == 1)?.first()
    }
}
