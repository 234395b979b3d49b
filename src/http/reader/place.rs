//! How many live connections each reader holds. Who is not counted (anybody on this machine) holds as many as he likes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::rate::Account;
use crate::graphql::error::Fault;
use crate::graphql::limits::Limit;

/// The connections that are open now, by reader.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    held: Mutex<HashMap<Account, usize>>,
}

/// One reader's hold on a connection, until it is dropped.
#[derive(Debug)]
pub struct Place {
    held: Option<(Arc<Places>, Account)>,
}

impl Places {
    /// So many for each reader.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            held: Mutex::default(),
        }
    }

    /// A place for a reader.
    ///
    /// # Errors
    /// All of his are taken.
    pub(super) fn take(self: &Arc<Self>, account: Option<Account>) -> Result<Place, Fault> {
        let Some(account) = account else {
            return Ok(Place { held: None });
        };
        let mut held = self.lock();
        let count = held.get(&account).copied().unwrap_or_default();
        Limit::Connections.check(self.most, count + 1)?;
        held.insert(account, count + 1);
        Ok(Place {
            held: Some((Arc::clone(self), account)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Account, usize>> {
        // What a panic left behind is a whole map all the same.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((places, account)) = &self.held else {
            return;
        };
        let mut held = places.lock();
        match held.get_mut(account) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(account)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_has_so_many_places_and_one_that_is_left_is_free_again() {
        let places = Arc::new(Places::new(2));
        let (one, other) = (Some(Account::of("one")), Some(Account::of("other")));
        let first = places.take(one).unwrap();
        let _second = places.take(one).unwrap();
        assert!(places.take(one).is_err());
        let third = places.take(other).unwrap();
        drop(first);
        assert!(places.take(one).is_ok());
        drop(third);
        assert_eq!(places.lock().len(), 1);
    }

    #[test]
    fn who_is_not_counted_finds_a_place_always() {
        let places = Arc::new(Places::new(1));
        let held: Vec<_> = (0..10).map(|_| places.take(None).unwrap()).collect();
        assert!(places.lock().is_empty());
        drop(held);
    }
}
