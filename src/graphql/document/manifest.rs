//! A manifest of trusted documents, as the build of a front end writes it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::Request;
use serde::Deserialize;

use super::super::limits::{self, Limits};

/// What Apollo's manifests say of themselves.
const APOLLO: &str = "apollo-persisted-query-manifest";

#[derive(Debug)]
pub(super) struct Manifest {
    by_id: HashMap<String, Arc<str>>,
    texts: HashSet<Arc<str>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Apollo {
        format: String,
        version: u32,
        operations: Vec<Operation>,
    },
    Plain(HashMap<String, String>),
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    body: String,
}

impl Manifest {
    pub(super) fn read(text: &str, limits: &Limits) -> Result<Self, String> {
        let written = serde_json::from_str(text).map_err(|_| {
            format!(
                "the manifest is neither an object of documents by id nor of the format `{APOLLO}`"
            )
        })?;
        let documents: Vec<(String, String)> = match written {
            Written::Plain(documents) => documents.into_iter().collect(),
            Written::Apollo {
                format,
                version,
                operations,
            } => {
                if format != APOLLO || version != 1 {
                    return Err(format!(
                        "the manifest has the format `{format}`, version {version}; `{APOLLO}`, version 1, is known"
                    ));
                }
                let pair = |operation: Operation| (operation.id, operation.body);
                operations.into_iter().map(pair).collect()
            }
        };
        let mut by_id = HashMap::with_capacity(documents.len());
        let mut texts = HashSet::with_capacity(documents.len());
        for (id, document) in documents {
            limits::check(&mut Request::new(document.as_str()), limits)
                .map_err(|fault| format!("the document `{id}`: {}", fault.message))?;
            let document: Arc<str> = document.into();
            texts.insert(Arc::clone(&document));
            if by_id.insert(id.clone(), document).is_some() {
                return Err(format!("the document `{id}` is there twice"));
            }
        }
        if by_id.is_empty() {
            return Err("the manifest has no document: nothing could be asked".to_owned());
        }
        Ok(Self { by_id, texts })
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The documents with their ids, in the order of these.
    pub(super) fn all(&self) -> Vec<(&str, &str)> {
        let all = self.by_id.iter();
        let mut all: Vec<_> = all
            .map(|(id, document)| (id.as_str(), document.as_ref()))
            .collect();
        all.sort_unstable();
        all
    }

    /// The document with an id, which may be written with or without its kind of hash.
    pub(super) fn by_id(&self, id: &str) -> Option<&str> {
        let found = self.by_id.get(id);
        let found = found.or_else(|| self.by_id.get(id.strip_prefix("sha256:")?));
        found.map(AsRef::as_ref)
    }

    /// The same text, if it is one of these.
    pub(super) fn same(&self, document: &str) -> Option<&str> {
        self.texts.get(document).map(AsRef::as_ref)
    }
}
