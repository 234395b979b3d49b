//! Azure Event Hubs' proof: `Authorization: SharedAccessSignature sr=…&sig=…&se=…&skn=…` for `POST /{hub}/messages`. It
//! covers the resource and an expiry, nothing of the call itself: like a password that ends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use subtle::Choice;

use super::compare::{Found, same, search, signature};
use super::header::{after_scheme, single, unescaped};
use super::{Presented, Proven, Reason, Refused};

/// The word that opens the header.
pub(super) const WORD: &str = "SharedAccessSignature";

/// A hub and a key that is good for it.
#[derive(Clone, Debug)]
pub struct HubKey {
    /// The operator's name for it, which deliveries record.
    pub name: String,
    /// Its position in the settings, from 0.
    pub position: u32,
    /// The hub, as the path names it. Upper and lower case are one, as in Azure.
    pub hub: String,
    /// The host that the signed resource must name, if it matters: a key that is used nowhere else needs none. With a
    /// port only that one counts, without any does.
    pub host: Option<String>,
    /// The name of the key, which the call gives in the open.
    pub key_name: String,
    /// The key. Its UTF-8 bytes sign, although it looks like base64.
    pub key: SecretString,
}

/// The keys of a source that signs as towards Azure.
#[derive(Clone, Debug)]
pub struct Sas {
    /// All that are valid. A hub may have several.
    pub keys: Vec<HubKey>,
}

impl Sas {
    /// Asks for the proof.
    pub(super) fn prove(
        &self,
        call: &Presented<'_>,
        now: DateTime<Utc>,
    ) -> Result<Proven, Refused> {
        let refused = |reason, claimed| Refused {
            challenge: format!("{WORD} realm=\"caretaker\""),
            reason,
            claimed,
        };
        let malformed = || refused(Reason::Malformed, None);
        let header = single(&call.authorization).map_err(|reason| refused(reason, None))?;
        let given = after_scheme(header, WORD)
            .and_then(Signature::read)
            .ok_or_else(malformed)?;
        let hub = hub(call.path).ok_or_else(malformed)?;
        let message = format!("{}\n{}", given.resource, given.expiry);
        let resource = unescaped(given.resource);
        let Found { proven, named } = search(
            &self.keys,
            |key| {
                let is_hub = same(
                    key.hub.to_lowercase().as_bytes(),
                    hub.to_lowercase().as_bytes(),
                );
                is_hub & same(key.key_name.as_bytes(), given.key_name.as_bytes())
            },
            |key| {
                let expected = signature(key.key.expose_secret().as_bytes(), message.as_bytes());
                // One key may be good for two hosts: what it covers is asked of each entry, as its secret is.
                let is_covered = resource
                    .as_deref()
                    .is_some_and(|resource| covers(resource, key.host.as_deref(), &key.hub));
                same(&expected, &given.digest) & Choice::from(u8::from(is_covered))
            },
        );
        let claimed = named.map(|key| key.name.clone());
        let Some(key) = proven else {
            return Err(refused(Reason::Unknown, claimed));
        };
        if given.expires_at <= now.timestamp() {
            return Err(refused(Reason::Expired, claimed));
        }
        Ok(Proven {
            credential: key.name.clone(),
            position: key.position,
            signed_at: None,
            signed_time: None,
        })
    }
}

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
struct Signature<'a> {
    /// As sent: the signature is over these very characters.
    resource: &'a str,
    digest: Vec<u8>,
    /// As sent.
    expiry: &'a str,
    expires_at: i64,
    key_name: String,
}

impl<'a> Signature<'a> {
    /// `None` unless each of the four stands there exactly once.
    fn read(text: &'a str) -> Option<Self> {
        let (mut resource, mut digest, mut expiry, mut key_name) = (None, None, None, None);
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=')?;
            let place = match name {
                "sr" => &mut resource,
                "sig" => &mut digest,
                "se" => &mut expiry,
                "skn" => &mut key_name,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        let expiry = expiry?;
        let is_number = !expiry.is_empty() && expiry.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            resource: resource?,
            digest: STANDARD.decode(unescaped(digest?)?).ok()?,
            expiry,
            expires_at: is_number.then(|| expiry.parse().ok())??,
            key_name: unescaped(key_name?)?,
        })
    }
}

/// The hub that a path leads to.
fn hub(path: &str) -> Option<String> {
    let hub = path.strip_prefix('/')?.strip_suffix("/messages")?;
    unescaped(hub)
}

/// Whether a resource (`https://host/hub`, with or without its scheme, or only a part that it begins with) holds the
/// messages of a hub.
fn covers(resource: &str, host: Option<&str>, hub: &str) -> bool {
    let place = resource
        .split_once("://")
        .map_or(resource, |(_, place)| place);
    let (found, path) = place.split_once('/').unwrap_or((place, ""));
    if host.is_some_and(|host| !is_host(found, host)) {
        return false;
    }
    let path = path.trim_end_matches('/').to_lowercase();
    let hub = hub.to_lowercase();
    path.is_empty() || path == hub || path == format!("{hub}/messages")
}

/// Whether a resource's host is the one that is wanted: its port counts only where the wanted one has a port.
fn is_host(found: &str, wanted: &str) -> bool {
    let found = if without_port(wanted) == wanted {
        without_port(found)
    } else {
        found
    };
    found.eq_ignore_ascii_case(wanted)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests;
