//! Urgent's proof: `Authorization: TCN <token>:<digest>` over method, path and `X-Timestamp`. It covers neither body
//! nor query: whoever sees one call can send another body under the same digest until the grace is over, so TLS has to
//! keep it from being seen. A platform may repeat a call with its first timestamp: against replay stands idempotency.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::compare::{Found, same, search, signature};
use super::header::{after_scheme, single};
use super::{Presented, Proven, Reason, Refused};
use crate::ingest::time;

/// The scheme of the `Authorization` header, unless configured otherwise.
pub const MARKER: &str = "TCN";

/// How far a timestamp may lie from our clock on either side, unless configured otherwise.
pub const GRACE: Duration = Duration::minutes(5);

/// A token and its secret.
#[derive(Clone, Debug)]
pub struct Token {
    /// The operator's name for it, which deliveries record.
    pub name: String,
    /// Its position in the settings, from 0.
    pub position: u32,
    /// The token, which the call names in the open.
    pub token: String,
    /// The secret.
    pub secret: SecretString,
}

/// The credentials of a source that signs.
#[derive(Clone, Debug)]
pub struct Hmac {
    /// All that are valid.
    pub tokens: Vec<Token>,
    /// The scheme of the `Authorization` header.
    pub marker: String,
    /// How far a timestamp may lie from our clock on either side.
    pub grace: Duration,
    /// What a proxy took off the path before the call came here: the digest covers the whole path.
    pub path_prefix: String,
}

impl Hmac {
    /// Asks for the proof.
    pub(super) fn prove(
        &self,
        call: &Presented<'_>,
        now: DateTime<Utc>,
    ) -> Result<Proven, Refused> {
        let refused = |reason, claimed| Refused {
            challenge: format!("{} realm=\"caretaker\"", self.marker),
            reason,
            claimed,
        };
        let malformed = || refused(Reason::Malformed, None);
        let header = single(&call.authorization).map_err(|reason| refused(reason, None))?;
        let timestamp = single(&call.timestamp).map_err(|reason| refused(reason, None))?;
        let (token, digest) = after_scheme(header, &self.marker)
            .and_then(|pair| pair.rsplit_once(':'))
            .ok_or_else(malformed)?;
        let signed_time = time::date_time(timestamp).map_err(|_| malformed())?;
        let path = format!("{}{}", self.path_prefix, call.path);
        let message = message(call.method, &path, timestamp);
        let Found { proven, named } = search(
            &self.tokens,
            |one| same(one.token.as_bytes(), token.as_bytes()),
            |one| {
                let expected = sign(one.secret.expose_secret(), &message);
                same(expected.as_bytes(), digest.as_bytes())
            },
        );
        let claimed = named.map(|one| one.name.clone());
        let Some(credential) = proven else {
            return Err(refused(Reason::Unknown, claimed));
        };
        if (now - signed_time).abs() > self.grace {
            return Err(refused(Reason::Stale, claimed));
        }
        Ok(Proven {
            credential: credential.name.clone(),
            position: credential.position,
            signed_at: Some(timestamp.to_owned()),
            signed_time: Some(signed_time),
        })
    }
}

/// The path is lower-cased as sent, percent-escapes too; the timestamp stays exactly as in the header.
fn message(method: &str, path: &str, timestamp: &str) -> String {
    let (method, path) = (method.to_ascii_uppercase(), path.to_lowercase());
    format!("{method}+{path}+{timestamp}")
}

fn sign(secret: &str, message: &str) -> String {
    STANDARD.encode(signature(secret.as_bytes(), message.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "JKQby5i3bC4vr8PS0Rp7gk52vV6IBa";
    const AT: &str = "2021-03-10T14:23:23Z";
    const DIGEST: &str = "MYqMQ+PYgB4PafuHAopEhPMCNuOjKPKVHpc9zHj2O60=";
    const PATH: &str = "/rest/sites/WorkingHours/Urgent%20SI";

    fn hmac() -> Hmac {
        let token = |name: &str, position, secret: &str| Token {
            name: name.to_owned(),
            position,
            token: "to:ken".to_owned(),
            secret: secret.to_owned().into(),
        };
        Hmac {
            tokens: vec![token("new", 0, "other"), token("old", 1, SECRET)],
            marker: MARKER.to_owned(),
            grace: GRACE,
            path_prefix: String::new(),
        }
    }

    fn prove(authorization: &str, timestamp: &str, now: &str) -> Result<Proven, Refused> {
        let call = Presented {
            method: "get",
            path: PATH,
            authorization: vec![authorization.as_bytes()],
            timestamp: vec![timestamp.as_bytes()],
            ..Presented::default()
        };
        hmac().prove(&call, now.parse().unwrap())
    }

    #[test]
    fn the_known_answer_of_the_platform() {
        let message = message("GET", PATH, AT);
        assert_eq!(
            message,
            "GET+/rest/sites/workinghours/urgent%20si+2021-03-10T14:23:23Z"
        );
        assert_eq!(sign(SECRET, &message), DIGEST);
        assert_eq!(
            super::message("put", "/A%2FB%C3%89", AT),
            format!("PUT+/a%2fb%c3%89+{AT}")
        );
    }

    #[test]
    fn a_right_digest_proves_the_sender_and_keeps_the_timestamp_as_sent() {
        let proven = prove(&format!("TCN to:ken:{DIGEST}"), AT, AT).unwrap();
        assert_eq!((proven.credential.as_str(), proven.position), ("old", 1));
        assert_eq!(proven.signed_at.as_deref(), Some(AT));
        assert_eq!(proven.signed_time, Some(AT.parse().unwrap()));
        let millis = "2021-03-10T14:23:23.123Z";
        let digest = sign("other", &message("GET", PATH, millis));
        let proven = prove(&format!("tcn to:ken:{digest}"), millis, AT).unwrap();
        assert_eq!(proven.credential, "new");
        assert_eq!(proven.signed_at.as_deref(), Some(millis));
    }

    #[test]
    fn the_timestamp_must_lie_within_the_grace_on_either_side() {
        let header = format!("TCN to:ken:{DIGEST}");
        for now in ["2021-03-10T14:18:23Z", "2021-03-10T14:28:23Z"] {
            assert!(prove(&header, AT, now).is_ok());
        }
        for now in ["2021-03-10T14:18:22Z", "2021-03-10T14:28:24Z"] {
            let refused = prove(&header, AT, now).unwrap_err();
            assert_eq!(refused.reason, Reason::Stale);
            assert_eq!(refused.claimed.as_deref(), Some("new"));
        }
    }

    #[test]
    fn whatever_is_signed_cannot_be_changed() {
        let header = format!("TCN to:ken:{DIGEST}");
        let unknown =
            |result: Result<Proven, Refused>| result.unwrap_err().reason == Reason::Unknown;
        assert!(unknown(prove(&header, "2021-03-10T14:23:24Z", AT)));
        assert!(unknown(prove(&header, "2021-03-10T14:23:23.0Z", AT)));
        assert!(unknown(prove(&format!("TCN token:{DIGEST}"), AT, AT)));
        assert!(unknown(prove("TCN to:ken:", AT, AT)));
        assert!(unknown(prove("TCN to:ken:***", AT, AT)));
        for (method, path) in [("POST", PATH), ("GET", "/rest/sites")] {
            let call = Presented {
                method,
                path,
                authorization: vec![header.as_bytes()],
                timestamp: vec![AT.as_bytes()],
                ..Presented::default()
            };
            assert!(unknown(hmac().prove(&call, AT.parse().unwrap())));
        }
    }

    #[test]
    fn missing_double_and_broken_headers_are_refused() {
        let header = format!("TCN to:ken:{DIGEST}");
        let now = AT.parse().unwrap();
        let with = |authorization: &[&str], timestamp: &[&str]| {
            let call = Presented {
                method: "GET",
                path: PATH,
                authorization: authorization
                    .iter()
                    .map(|header| header.as_bytes())
                    .collect(),
                timestamp: timestamp.iter().map(|header| header.as_bytes()).collect(),
                ..Presented::default()
            };
            hmac().prove(&call, now).unwrap_err().reason
        };
        assert_eq!(with(&[], &[AT]), Reason::Missing);
        assert_eq!(with(&[&header], &[]), Reason::Missing);
        assert_eq!(with(&[&header, &header], &[AT]), Reason::Malformed);
        assert_eq!(with(&[&header], &[AT, AT]), Reason::Malformed);
        assert_eq!(with(&[&header], &["yesterday"]), Reason::Malformed);
        assert_eq!(with(&["TCN token"], &[AT]), Reason::Malformed);
        assert_eq!(
            with(&[&header.replace("TCN", "Basic")], &[AT]),
            Reason::Malformed
        );
        assert_eq!(with(&["TCN"], &[AT]), Reason::Malformed);
    }

    #[test]
    fn the_digest_covers_what_a_proxy_took_off_the_path() {
        let mut hmac = hmac();
        hmac.path_prefix = "/rest".to_owned();
        let header = format!("TCN to:ken:{DIGEST}");
        let call = Presented {
            method: "GET",
            path: "/sites/WorkingHours/Urgent%20SI",
            authorization: vec![header.as_bytes()],
            timestamp: vec![AT.as_bytes()],
            ..Presented::default()
        };
        assert!(hmac.prove(&call, AT.parse().unwrap()).is_ok());
    }

    #[test]
    fn the_marker_is_a_setting() {
        let mut hmac = hmac();
        hmac.marker = "ACME".to_owned();
        let header = format!("ACME to:ken:{DIGEST}");
        let call = Presented {
            method: "GET",
            path: PATH,
            authorization: vec![header.as_bytes()],
            timestamp: vec![AT.as_bytes()],
            ..Presented::default()
        };
        assert!(hmac.prove(&call, AT.parse().unwrap()).is_ok());
        let refused = hmac
            .prove(&Presented::default(), AT.parse().unwrap())
            .unwrap_err();
        assert_eq!(refused.challenge, "ACME realm=\"caretaker\"");
    }
}
