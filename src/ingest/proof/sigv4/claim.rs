//! What a call under Signature Version 4 says of itself, and the signature that it would bear: AWS's own crate computes
//! that; here is only read what it has to be computed from.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use chrono::{DateTime, NaiveDateTime, Utc};
use secrecy::ExposeSecret;

use super::{TopicKey, WORD};
use crate::ingest::proof::compare::same;
use crate::ingest::proof::header::{after_scheme, all, single, unescaped};
use crate::ingest::proof::{Presented, Reason};

/// The longest path and query, in bytes. AWS takes topics of 256; its crate panics when an escaped URL passes 64 KiB.
pub(super) const LONGEST_TARGET: usize = 8 * 1024;

/// The services that take messages for topics.
const SERVICES: [&str; 2] = ["iotdevicegateway", "iotdata"];

/// What a call says of itself, and what its signature must have been computed from.
#[derive(Debug)]
pub(super) struct Claim {
    access_key_id: String,
    region: String,
    service: &'static str,
    pub(super) signature: String,
    pub(super) at: DateTime<Utc>,
    topic: String,
    method: String,
    target: String,
    /// Those that are signed, all values of each.
    headers: Vec<(String, String)>,
    pub(super) token: Option<String>,
    /// `X-Amz-Content-Sha256`.
    pub(super) hash: Option<String>,
}

impl Claim {
    pub(super) fn read(authorization: &str, call: &Presented<'_>) -> Result<Self, Reason> {
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
    pub(super) fn names(&self, key: &TopicKey) -> subtle::Choice {
        same(key.access_key_id.as_bytes(), self.access_key_id.as_bytes())
            & same(key.topic.as_bytes(), self.topic.as_bytes())
            & same(key.region.as_bytes(), self.region.as_bytes())
    }

    /// The signature that the call would bear if this key had signed it with a body of this hash.
    pub(super) fn signature_by(&self, key: &TopicKey, hash: &str) -> Option<String> {
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
