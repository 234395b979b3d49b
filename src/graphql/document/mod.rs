//! Documents that a request names instead of giving them: those that clients register by their hash (automatic persisted
//! queries, the protocol of Apollo), or those of a manifest, and then no others. One implementation beneath every
//! transport.

mod cache;
mod manifest;
pub(super) mod valid;

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Request, Value};
use sha2::{Digest, Sha256};

use super::error::{ErrorCode, Fault};
use super::limits::Limits;
use super::request::DOCUMENT_ID;
use cache::Cache;
use manifest::Manifest;

/// The SHA-256 of a document.
type Hash = [u8; 32];

/// Which documents can be named.
#[derive(Clone, Debug)]
pub struct Documents(Source);

#[derive(Clone, Debug)]
enum Source {
    /// Those that clients have registered, kept until others are used more.
    Registered(Arc<Mutex<Cache>>),
    /// Those of a manifest; no others are run.
    Trusted(Arc<Manifest>),
    /// None.
    None,
}

/// A document that a request registers once it is known to be within the limits.
#[derive(Debug)]
pub(super) struct Registration(Hash);

impl Documents {
    /// Documents that clients register, at most so many; with 0 none can be.
    pub fn registered(most: usize) -> Self {
        Self(match most {
            0 => Source::None,
            most => Source::Registered(Arc::new(Mutex::new(Cache::new(most)))),
        })
    }

    /// The documents of a manifest, given as its text: `{"id": "document"}` as Relay and GraphQL Code Generator write it,
    /// or Apollo's format.
    ///
    /// # Errors
    /// What is wrong with the manifest, and which of its documents is not within the limits.
    pub fn trusted(manifest: &str, limits: &Limits) -> Result<Self, String> {
        let manifest = Manifest::read(manifest, limits)?;
        Ok(Self(Source::Trusted(Arc::new(manifest))))
    }

    /// The documents that a manifest trusts, with their ids.
    pub(super) fn trusted_ones(&self) -> Vec<(&str, &str)> {
        match &self.0 {
            Source::Trusted(manifest) => manifest.all(),
            _ => Vec::new(),
        }
    }

    /// How many documents a manifest trusts; null without one.
    pub fn trusted_count(&self) -> Option<usize> {
        match &self.0 {
            Source::Trusted(manifest) => Some(manifest.len()),
            _ => None,
        }
    }

    /// Puts the document that a request names in the place of its name.
    ///
    /// # Errors
    /// When there is no such document, its hash is another, or it is not trusted.
    pub(super) fn settle(&self, request: &mut Request) -> Result<Option<Registration>, Fault> {
        let id = request.extensions.get(DOCUMENT_ID).cloned();
        let hash = request.extensions.get("persistedQuery").cloned();
        match &self.0 {
            Source::Trusted(manifest) => {
                let named = id.or_else(|| member(hash?, "sha256Hash"));
                let trusted = match &named {
                    Some(Value::String(id)) => manifest.by_id(id),
                    Some(_) => None,
                    None => manifest.same(&request.query),
                };
                let document = trusted.ok_or_else(|| {
                    Fault::new(
                        ErrorCode::DocumentNotTrusted,
                        "only the documents of this server's manifest are run, and this is none of them",
                    )
                })?;
                if named.is_some() {
                    request.query = document.to_owned();
                }
                Ok(None)
            }
            Source::None if id.is_some() || hash.is_some() => Err(Fault::new(
                ErrorCode::PersistedQueryNotSupported,
                "PersistedQueryNotSupported",
            )),
            Source::None => Ok(None),
            Source::Registered(cache) => registered(cache, request, id, hash),
        }
    }

    /// Keeps the document of a request under its hash.
    pub(super) fn register(&self, registration: Registration, document: &str) {
        if let Source::Registered(cache) = &self.0 {
            let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.keep(registration.0, document);
        }
    }
}

fn registered(
    cache: &Mutex<Cache>,
    request: &mut Request,
    id: Option<Value>,
    hash: Option<Value>,
) -> Result<Option<Registration>, Fault> {
    let named = match (id, hash) {
        (None, None) => return Ok(None),
        // A document that is given with a name of another kind runs as it is.
        (Some(_), None) if !request.query.is_empty() => return Ok(None),
        (Some(Value::String(id)), None) => {
            let hash = decoded(id.strip_prefix("sha256:").unwrap_or(&id));
            hash.ok_or_else(not_found)?
        }
        (_, hash) => apollo(hash)?,
    };
    if request.query.is_empty() {
        let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        let document = cache.find(&named).ok_or_else(not_found)?;
        document.as_ref().clone_into(&mut request.query);
        return Ok(None);
    }
    if Hash::from(Sha256::digest(&request.query)) != named {
        return Err(Fault::input(
            "`extensions.persistedQuery.sha256Hash` is not the hash of the document",
        ));
    }
    Ok(Some(Registration(named)))
}

/// The hash that the protocol of Apollo names.
fn apollo(extension: Option<Value>) -> Result<Hash, Fault> {
    let wrong = || {
        Fault::input(
            "`extensions.persistedQuery` has `version` 1 and a `sha256Hash` of 64 hexadecimal digits",
        )
    };
    let extension = extension.ok_or_else(wrong)?;
    if member(extension.clone(), "version") != Some(Value::from(1)) {
        return Err(wrong());
    }
    match member(extension, "sha256Hash") {
        Some(Value::String(hash)) => decoded(&hash).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// The words that clients of the protocol look for.
fn not_found() -> Fault {
    Fault::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
}

fn member(value: Value, name: &str) -> Option<Value> {
    match value {
        Value::Object(mut members) => members.swap_remove(name),
        _ => None,
    }
}

/// The bytes of 64 hexadecimal digits.
fn decoded(digits: &str) -> Option<Hash> {
    let digits = digits.as_bytes();
    let mut hash = Hash::default();
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let [high, low] = *pair else { return None };
        *byte = (digit(high)? * 16 + digit(low)?) as u8;
    }
    Some(hash)
}

#[cfg(test)]
mod tests;
