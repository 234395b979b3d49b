//! Documents that were parsed, found within the limits and valid: what clients send again and again is looked over once.
//! A bounded number in a bounded number of bytes; those used least lately go first.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Request;
use async_graphql::parser::types::ExecutableDocument;
use hashlink::LruCache;

/// How many documents are kept.
const MOST: usize = 1_000;
/// How many bytes their text may have in all; parsed, each takes some twenty times as much.
const MOST_BYTES: usize = 1024 * 1024;

/// The documents that are known to be valid.
#[derive(Clone)]
pub(in crate::graphql) struct Valid(Arc<Mutex<Kept>>);

struct Kept {
    documents: LruCache<Box<str>, Arc<ExecutableDocument>>,
    bytes: usize,
}

/// Stands among the data of a request whose document is known to be valid.
#[derive(Clone, Copy)]
pub(in crate::graphql) struct IsValid;

impl Default for Valid {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Kept {
            documents: LruCache::new_unbounded(),
            bytes: 0,
        })))
    }
}

impl Valid {
    /// Gives a request its parsed document if that is known; whether it is.
    pub(in crate::graphql) fn recall(&self, request: &mut Request) -> bool {
        let known = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.documents.get(request.query.as_str()).map(Arc::clone)
        };
        let Some(document) = known else {
            return false;
        };
        request.set_parsed_query(document.as_ref().clone());
        request.data.insert(IsValid);
        true
    }

    /// Keeps the document of a text.
    pub(in crate::graphql) fn keep(&self, text: &str, document: ExecutableDocument) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let document = Arc::new(document);
        if kept.documents.insert(text.into(), document).is_none() {
            kept.bytes += text.len();
        }
        while kept.documents.len() > MOST || kept.bytes > MOST_BYTES {
            let Some((gone, _)) = kept.documents.remove_lru() else {
                return;
            };
            kept.bytes -= gone.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    #[test]
    fn what_is_kept_is_bounded_in_bytes() {
        let valid = Valid::default();
        let document = |nth: usize| format!("{{ a{nth} }}{}", " ".repeat(MOST_BYTES / 4));
        for nth in 0..5 {
            valid.keep(&document(nth), parse_query(document(nth)).unwrap());
        }
        let is_known = |nth| valid.recall(&mut Request::new(document(nth)));
        assert!(!is_known(0) && !is_known(1));
        assert!(is_known(3) && is_known(4));
        assert!(valid.0.lock().unwrap().bytes <= MOST_BYTES);
    }
}
