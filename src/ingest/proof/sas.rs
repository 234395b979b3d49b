//! Azure Event Hubs' proof: `Authorization: SharedAccessSignature sr=…&sig=…&se=…&skn=…` for `POST /{hub}/messages`. It
//! covers the resource and an expiry, nothing of the call itself: like a password that ends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::compare::{Found, same, search};
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
    /// The host that the signed resource must name, if it matters: a key that is used nowhere else needs none.
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
        let signature = after_scheme(header, WORD)
            .and_then(Signature::read)
            .ok_or_else(malformed)?;
        let hub = hub(call.path).ok_or_else(malformed)?;
        let message = format!("{}\n{}", signature.resource, signature.expiry);
        let Found { proven, named } = search(
            &self.keys,
            |key| {
                let is_hub = same(
                    key.hub.to_lowercase().as_bytes(),
                    hub.to_lowercase().as_bytes(),
                );
                is_hub & same(key.key_name.as_bytes(), signature.key_name.as_bytes())
            },
            |key| same(&sign(key.key.expose_secret(), &message), &signature.digest),
        );
        let claimed = named.map(|key| key.name.clone());
        let is_covered = |key: &&HubKey| {
            unescaped(signature.resource)
                .is_some_and(|resource| covers(&resource, key.host.as_deref(), &key.hub))
        };
        let Some(key) = proven.filter(is_covered) else {
            return Err(refused(Reason::Unknown, claimed));
        };
        if signature.expires_at <= now.timestamp() {
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
    if host.is_some_and(|host| !found.eq_ignore_ascii_case(host)) {
        return false;
    }
    let path = path.trim_end_matches('/').to_lowercase();
    let hub = hub.to_lowercase();
    path.is_empty() || path == hub || path == format!("{hub}/messages")
}

/// A key of any length is fit for HMAC, so the empty digest of the other branch is never seen.
fn sign(key: &str, message: &str) -> Vec<u8> {
    hmac::Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(message.as_bytes());
            mac.finalize().into_bytes().to_vec()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "kQ8r+pT0vZ/2mN4=hub";
    const RESOURCE: &str = "https%3A%2F%2Fcaretaker.example%2Ftelemetry";
    const EXPIRY: i64 = 1_773_757_403;

    fn sas() -> Sas {
        let key = |name: &str, position, hub: &str, key: &str| HubKey {
            name: name.to_owned(),
            position,
            hub: hub.to_owned(),
            host: None,
            key_name: "send only".to_owned(),
            key: key.to_owned().into(),
        };
        Sas {
            keys: vec![
                key("new", 0, "telemetry", "another key"),
                key("old", 1, "telemetry", KEY),
                key("other", 2, "alarms", "a third key"),
            ],
        }
    }

    fn header_for(resource: &str, key: &str) -> String {
        let digest = STANDARD.encode(sign(key, &format!("{resource}\n{EXPIRY}")));
        let digest = digest
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        format!("{WORD} sr={resource}&sig={digest}&se={EXPIRY}&skn=send%20only")
    }

    fn prove_at(path: &str, header: &str, now: i64) -> Result<Proven, Refused> {
        let call = Presented {
            path,
            authorization: vec![header.as_bytes()],
            ..Presented::default()
        };
        sas().prove(&call, DateTime::from_timestamp(now, 0).unwrap())
    }

    fn reason(path: &str, header: &str) -> Reason {
        prove_at(path, header, EXPIRY - 1).unwrap_err().reason
    }

    /// Computed with Python's hmac, hashlib and base64.
    #[test]
    fn a_signature_computed_elsewhere_proves_the_sender() {
        for (resource, digest) in [
            (
                RESOURCE,
                "ElCdYBVyxtAgz5SXLikTLNdIpeB%2F3V8bl%2FZlyb7h1Cg%3D",
            ),
            (
                "https%3a%2f%2fcaretaker.example",
                "SWV3Wb4dMC2Dc9PJAsTaC6MSSYSrdW8OKPWaud%2FYDNY%3D",
            ),
        ] {
            let header = format!("{WORD} sr={resource}&sig={digest}&se={EXPIRY}&skn=send%20only");
            let proven = prove_at("/telemetry/messages", &header, EXPIRY - 1).unwrap();
            assert_eq!((proven.credential.as_str(), proven.position), ("old", 1));
            assert_eq!(proven.signed_at, None);
        }
    }

    #[test]
    fn the_resource_may_be_written_in_many_ways() {
        for resource in [
            RESOURCE,
            "https%3a%2f%2fcaretaker.example%2ftelemetry",
            "sb%3A%2F%2Fcaretaker.example%2FTelemetry%2F",
            "caretaker.example%2Ftelemetry%2Fmessages",
            "caretaker.example/telemetry",
            "https%3A%2F%2Fcaretaker.example%2F",
            "caretaker.example",
        ] {
            let header = header_for(resource, KEY);
            for path in [
                "/telemetry/messages",
                "/TELEMETRY/messages",
                "/%74elemetry/messages",
            ] {
                assert!(prove_at(path, &header, 0).is_ok(), "{resource} {path}");
            }
        }
    }

    #[test]
    fn a_resource_elsewhere_is_not_covered() {
        for resource in [
            "https%3A%2F%2Fcaretaker.example%2Falarms",
            "https%3A%2F%2Fcaretaker.example%2Ftele",
            "https%3A%2F%2Fcaretaker.example%2Ftelemetry%2Fmessages%2Fx",
            "https%3A%2F%2Fcaretaker.example%2F%2Ftelemetry",
            "https%3A%2F%2Fcaretaker.example%2Ftelemetry%2Fx",
            "%ff",
        ] {
            let found = reason("/telemetry/messages", &header_for(resource, KEY));
            assert_eq!(found, Reason::Unknown, "{resource}");
        }
    }

    #[test]
    fn a_host_that_matters_must_be_named() {
        assert!(covers("https://A.example/h", Some("a.example"), "h"));
        assert!(covers("a.example", Some("a.example"), "h"));
        assert!(!covers("https://b.example/h", Some("a.example"), "h"));
        assert!(!covers("", Some("a.example"), "h"));
    }

    #[test]
    fn another_hub_key_or_name_proves_nothing() {
        let good = header_for(RESOURCE, KEY);
        for path in ["/alarms/messages", "/unknown/messages", "//messages"] {
            assert_eq!(reason(path, &good), Reason::Unknown, "{path}");
        }
        let path = "/telemetry/messages";
        for header in [
            header_for(RESOURCE, "a third key"),
            header_for(RESOURCE, ""),
            good.replace("send%20only", "listen"),
            good.replace("send%20only", "send+only"),
            good.replace("telemetry", "telemetrY"),
            good.replace(&EXPIRY.to_string(), &(EXPIRY + 1).to_string()),
            good.replace("%3A%2F", "%3a%2F"),
        ] {
            assert_eq!(reason(path, &header), Reason::Unknown, "{header}");
        }
        let wrong = prove_at(path, &header_for(RESOURCE, "x"), 0).unwrap_err();
        assert_eq!(wrong.claimed.as_deref(), Some("new"));
        let unknown = prove_at("/x/messages", &good, 0).unwrap_err();
        assert_eq!(
            (unknown.claimed, unknown.challenge),
            (None, wrong.challenge)
        );
    }

    #[test]
    fn what_expires_is_good_until_then() {
        let header = header_for(RESOURCE, KEY);
        let path = "/telemetry/messages";
        assert!(prove_at(path, &header, EXPIRY - 1).is_ok());
        for now in [EXPIRY, EXPIRY + 1] {
            let refused = prove_at(path, &header, now).unwrap_err();
            assert_eq!(refused.reason, Reason::Expired);
            assert_eq!(refused.claimed.as_deref(), Some("new"));
        }
        let wrong = header_for(RESOURCE, "x");
        let refused = prove_at(path, &wrong, EXPIRY + 1).unwrap_err();
        assert_eq!(
            refused.reason,
            Reason::Unknown,
            "expiry tells nothing of a guess"
        );
    }

    #[test]
    fn a_header_that_is_cut_or_doubled_is_malformed() {
        let good = header_for(RESOURCE, KEY);
        let cut = good.find("sig=").unwrap() + 20;
        for header in [
            WORD.to_owned(),
            format!("{WORD} "),
            format!("{WORD} x"),
            good[..cut].to_owned(),
            format!("{good}&skn=send%20only"),
            format!("{good}&more=1"),
            good.replace("se=", "se=-"),
            good.replace("se=", "se=+"),
            good.replace("se=", "se=99999999999999999999"),
            good.replace("sig=", "sig=%ff"),
            good.replace("sig=", "sig=*"),
        ] {
            let found = reason("/telemetry/messages", &header);
            assert_eq!(found, Reason::Malformed, "{header}");
        }
        let truncated = good.replace("&se=", "%%%&se=");
        assert_eq!(reason("/telemetry/messages", &truncated), Reason::Malformed);
        let call = Presented {
            path: "/telemetry/messages",
            authorization: vec![good.as_bytes(), good.as_bytes()],
            ..Presented::default()
        };
        let refused = sas().prove(&call, Utc::now()).unwrap_err();
        assert_eq!(refused.reason, Reason::Malformed);
    }

    #[test]
    fn base64_may_stand_unescaped() {
        let digest = STANDARD.encode(sign(KEY, &format!("{RESOURCE}\n{EXPIRY}")));
        let text = format!("sr={RESOURCE}&sig={digest}&se={EXPIRY}&skn=send only");
        let read = Signature::read(&text).unwrap();
        assert_eq!(STANDARD.encode(&read.digest), digest);
        assert_eq!(read.key_name, "send only");
    }
}
