//! AWS IoT's proof: `POST /topics/{topic}` under Signature Version 4, in the headers. It covers method, path, query, host,
//! time and body. AWS's own crate computes what is compared; here is only read what it has to be computed from.
//!
//! ```text
//! headers ─► claim ─ time? ─► x-amz-content-sha256 given? ─ yes ─► signature? ─► body ─► is it that hash?
//!                                                         └ no ──► body (a short one) ─► signature?
//! ```

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::compare::{Found, same, search};
use super::header::{after_scheme, all, single, unescaped};
use super::{Presented, Proven, Reason, Refused};
use crate::ingest::canonical::sha256_hex;

/// The word that opens the header.
pub(super) const WORD: &str = "AWS4-HMAC-SHA256";

/// The services that take messages for topics.
const SERVICES: [&str; 2] = ["iotdevicegateway", "iotdata"];

/// The longest path and query, in bytes. AWS takes topics of 256; its crate panics when an escaped URL passes 64 KiB.
const LONGEST_TARGET: usize = 8 * 1024;

/// The longest body that is read of a sender who is not proven yet. AWS IoT takes 128 KiB.
const LONGEST_UNPROVEN_BODY: usize = 1024 * 1024;

/// A topic and the access key that is good for it.
#[derive(Clone, Debug)]
pub struct TopicKey {
    /// The operator's name for it, which deliveries record.
    pub name: String,
    /// Its position in the settings, from 0.
    pub position: u32,
    /// The topic, its slashes raw.
    pub topic: String,
    /// The region that is signed for.
    pub region: String,
    /// The access key's id, which the call gives in the open.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretString,
    /// The session token that goes with a temporary access key.
    pub session_token: Option<SecretString>,
}

/// The access keys of a source that signs as towards AWS IoT.
#[derive(Clone, Debug)]
pub struct SigV4 {
    /// All that are valid. A topic may have several.
    pub keys: Vec<TopicKey>,
    /// How far the signed time may lie from our clock on either side.
    pub skew: Duration,
}

/// A call whose proof needs its body.
#[derive(Debug)]
pub struct Pending(Awaited);

#[derive(Debug)]
enum Awaited {
    /// The signature is over the body's hash, which nothing in the headers tells.
    Signature(Box<Claim>),
    /// The signature is right, if the body has this hash.
    Body { proven: Proven, hash: String },
}

impl Pending {
    /// The longest body to read, where a proven sender may send `limit` bytes.
    pub(super) fn body_limit(&self, limit: usize) -> usize {
        match self.0 {
            Awaited::Signature(_) => limit.min(LONGEST_UNPROVEN_BODY),
            Awaited::Body { .. } => limit,
        }
    }

    /// Whether the signature has held.
    pub(super) fn is_signed(&self) -> bool {
        matches!(self.0, Awaited::Body { .. })
    }
}

impl SigV4 {
    /// Asks for the proof, as far as the headers go.
    pub(super) fn prove(
        &self,
        call: &Presented<'_>,
        now: DateTime<Utc>,
    ) -> Result<Pending, Refused> {
        let header = single(&call.authorization).map_err(|reason| refused(reason, None))?;
        let claim = Claim::read(header, call).map_err(|reason| refused(reason, None))?;
        // Before the signature, which may have to wait for the body: it tells nothing of a secret.
        if (now - claim.at).abs() > self.skew {
            let named = self.keys.iter().find(|key| claim.names(key).into());
            return Err(refused(Reason::Stale, named));
        }
        let awaited = match &claim.hash {
            Some(hash) => Awaited::Body {
                proven: self.check(&claim, hash)?,
                hash: hash.clone(),
            },
            None => Awaited::Signature(Box::new(claim)),
        };
        Ok(Pending(awaited))
    }

    /// The verdict, now that the body is there.
    pub(super) fn finish(&self, pending: Pending, body: &[u8]) -> Result<Proven, Refused> {
        let found = sha256_hex(body);
        match pending.0 {
            Awaited::Signature(claim) => self.check(&claim, &found),
            Awaited::Body { proven, hash } if hash == found => Ok(proven),
            Awaited::Body { proven, .. } => {
                let named = self.keys.iter().find(|key| key.name == proven.credential);
                Err(refused(Reason::Unknown, named))
            }
        }
    }

    fn check(&self, claim: &Claim, hash: &str) -> Result<Proven, Refused> {
        let Found { proven, named } = search(
            &self.keys,
            |key| claim.names(key),
            |key| {
                let expected = claim.signature_by(key, hash).unwrap_or_default();
                let expected = same(expected.as_bytes(), claim.signature.as_bytes());
                let token = |token: &SecretString| token.expose_secret().to_owned();
                let token = key.session_token.as_ref().map(token);
                let token = same(
                    token.unwrap_or_default().as_bytes(),
                    claim.token.as_deref().unwrap_or_default().as_bytes(),
                );
                expected & token
            },
        );
        proven
            .map(|key| Proven {
                credential: key.name.clone(),
                position: key.position,
                // A repeat is signed anew: its time does not make it another call.
                signed_at: None,
                signed_time: None,
            })
            .ok_or_else(|| refused(Reason::Unknown, named))
    }
}

fn refused(reason: Reason, named: Option<&TopicKey>) -> Refused {
    Refused {
        challenge: format!("{WORD} realm=\"caretaker\""),
        reason,
        claimed: named.map(|key| key.name.clone()),
    }
}

/// What a call says of itself, and what its signature must have been computed from.
#[derive(Debug)]
struct Claim {
    access_key_id: String,
    region: String,
    service: &'static str,
    signature: String,
    at: DateTime<Utc>,
    topic: String,
    method: String,
    target: String,
    /// Those that are signed, all values of each.
    headers: Vec<(String, String)>,
    token: Option<String>,
    /// `X-Amz-Content-Sha256`.
    hash: Option<String>,
}

impl Claim {
    fn read(authorization: &str, call: &Presented<'_>) -> Result<Self, Reason> {
        let text = after_scheme(authorization, WORD).ok_or(Reason::Malformed)?;
        let parts = Parts::read(text).ok_or(Reason::Malformed)?;
        let time = single(&all(&call.headers, "x-amz-date"))?;
        let at = NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ")
            .map_err(|_| Reason::Malformed)?
            .and_utc();
        // Anything but the one form of it would not be what was signed.
        if at.format("%Y%m%dT%H%M%SZ").to_string() != time || parts.date != &time[..8] {
            return Err(Reason::Malformed);
        }
        let target = match call.query {
            Some(query) => format!("{}?{query}", call.path),
            None => call.path.to_owned(),
        };
        let topic = call.path.strip_prefix("/topics/").and_then(unescaped);
        let topic = topic.filter(|_| target.len() <= LONGEST_TARGET);
        Ok(Self {
            access_key_id: parts.access_key_id.to_owned(),
            region: parts.region.to_owned(),
            service: parts.service,
            signature: parts.signature.to_owned(),
            at,
            topic: topic.ok_or(Reason::Malformed)?,
            method: call.method.to_owned(),
            target,
            headers: signed(&parts.signed_headers, call)?,
            token: at_most_one(call, "x-amz-security-token")?,
            hash: match at_most_one(call, "x-amz-content-sha256")? {
                // `UNSIGNED-PAYLOAD` and what is signed in chunks would leave the body open.
                Some(hash) if !is_hash(&hash) => return Err(Reason::Malformed),
                hash => hash,
            },
        })
    }

    /// Whether the call claims to be signed by this key and for its topic.
    fn names(&self, key: &TopicKey) -> subtle::Choice {
        same(key.access_key_id.as_bytes(), self.access_key_id.as_bytes())
            & same(key.topic.as_bytes(), self.topic.as_bytes())
            & same(key.region.as_bytes(), self.region.as_bytes())
    }

    /// The signature that the call would bear if this key had signed it with a body of this hash.
    fn signature_by(&self, key: &TopicKey, hash: &str) -> Option<String> {
        let secret = key.secret_access_key.expose_secret();
        // The token is among the headers where it is signed.
        let credentials = Credentials::new(&key.access_key_id, secret, None, None, "settings");
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.excluded_headers = None;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&key.region)
            .name(self.service)
            .time(SystemTime::from(self.at))
            .settings(settings)
            .build()
            .ok()?
            .into();
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        // The host that is signed is the header's; a URL without any cannot be written.
        let url = format!("https://host{}", self.target);
        let body = SignableBody::Precomputed(hash.to_owned());
        let request = SignableRequest::new(&self.method, url, headers, body).ok()?;
        let signed = sign(request, &params).ok()?;
        Some(signed.signature().to_owned())
    }
}

/// The parts of the `Authorization` header.
#[derive(Debug)]
struct Parts<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'static str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    /// `None` unless each part stands there exactly once and in its form.
    fn read(text: &'a str) -> Option<Self> {
        let (mut credential, mut headers, mut signature) = (None, None, None);
        for part in text.split(',') {
            let (name, value) = part.trim().split_once('=')?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut headers,
                "Signature" => &mut signature,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        let scope: Vec<&str> = credential?.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = scope[..] else {
            return None;
        };
        let service = SERVICES.into_iter().find(|known| *known == service)?;
        let signed_headers: Vec<&str> = headers?.split(';').collect();
        let is_sorted = signed_headers.is_sorted_by(|one, next| one < next);
        let is_enough = ["host", "x-amz-date"]
            .iter()
            .all(|needed| signed_headers.contains(needed));
        let signature = signature.filter(|signature| is_hash(signature))?;
        (is_sorted && is_enough).then_some(Self {
            access_key_id,
            date,
            region,
            service,
            signed_headers,
            signature,
        })
    }
}

/// The headers of these names, all of which must be there.
fn signed(names: &[&str], call: &Presented<'_>) -> Result<Vec<(String, String)>, Reason> {
    let mut found = Vec::new();
    for name in names {
        let values = all(&call.headers, name);
        if values.is_empty() {
            return Err(Reason::Missing);
        }
        // Which of two hosts a proxy has gone by cannot be told.
        if *name == "host" && values.len() > 1 {
            return Err(Reason::Malformed);
        }
        for value in values {
            let value = std::str::from_utf8(value).map_err(|_| Reason::Malformed)?;
            found.push(((*name).to_owned(), value.to_owned()));
        }
    }
    Ok(found)
}

fn at_most_one(call: &Presented<'_>, name: &str) -> Result<Option<String>, Reason> {
    match single(&all(&call.headers, name)) {
        Ok(value) => Ok(Some(value.to_owned())),
        Err(Reason::Missing) => Ok(None),
        Err(reason) => Err(reason),
    }
}

/// 64 hexadecimal digits in lower case.
fn is_hash(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 64 && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests;
