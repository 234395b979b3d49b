//! The documents that clients have registered: a bounded number of them in a bounded number of bytes; those used least
//! lately go first. Clients register again what is gone.

use std::sync::Arc;

use hashlink::LruCache;

use super::Hash;

/// How many bytes the documents may have in all.
const MOST_BYTES: usize = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Cache {
    documents: LruCache<Hash, Arc<str>>,
    most: usize,
    bytes: usize,
    most_bytes: usize,
}

impl Cache {
    /// A cache of at most so many documents.
    pub(super) fn new(most: usize) -> Self {
        Self {
            documents: LruCache::new_unbounded(),
            most,
            bytes: 0,
            most_bytes: MOST_BYTES,
        }
    }

    pub(super) fn find(&mut self, hash: &Hash) -> Option<Arc<str>> {
        self.documents.get(hash).map(Arc::clone)
    }

    pub(super) fn keep(&mut self, hash: Hash, document: &str) {
        if self.find(&hash).is_some() {
            return;
        }
        self.documents.insert(hash, Arc::from(document));
        self.bytes += document.len();
        while self.documents.len() > self.most || self.bytes > self.most_bytes {
            let Some((_, gone)) = self.documents.remove_lru() else {
                return;
            };
            self.bytes -= gone.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_least_lately_goes_first() {
        let mut cache = Cache::new(2);
        cache.keep([1; 32], "{ a }");
        cache.keep([2; 32], "{ b }");
        assert!(cache.find(&[1; 32]).is_some());
        cache.keep([3; 32], "{ c }");
        let known = |cache: &mut Cache, nth| cache.find(&[nth; 32]).is_some();
        assert!(known(&mut cache, 1) && !known(&mut cache, 2) && known(&mut cache, 3));
        assert_eq!(cache.bytes, 10);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut cache = Cache {
            most_bytes: 12,
            ..Cache::new(100)
        };
        for nth in 0..10 {
            cache.keep([nth; 32], "{ a }");
        }
        assert_eq!((cache.documents.len(), cache.bytes), (2, 10));
    }
}
