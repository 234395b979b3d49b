//! Access tokens: short-lived JWTs (RFC 9068) signed with HMAC-SHA256, since only caretaker itself reads them. Signing and
//! checking what they say is pure; whether a token was revoked since is asked of `standing`.

use std::fmt;
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{SCOPE, hash};

/// The algorithm of our own tokens; no outside issuer may use it.
pub const ALGORITHM: Algorithm = Algorithm::HS256;
/// For whom the tokens are.
pub const AUDIENCE: &str = "caretaker";
/// How far the clocks of several nodes may lie apart.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(10);
/// How long after its end a revoked token is still listed: longer than any clock is tolerated to be wrong.
pub(super) const KEPT_AFTER: TimeDelta = TimeDelta::hours(1);
/// The fewest bytes of a key.
pub const SHORTEST_KEY: usize = 32;
/// RFC 9068: so that no other token signed with the key passes for an access token.
const TYPE: &str = "at+jwt";

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// For whom it is.
    pub aud: String,
    /// The `client_id`.
    pub sub: String,
    /// The same, as RFC 9068 wants it.
    pub client_id: String,
    /// When it was issued, in seconds.
    pub iat: i64,
    /// When it ends, in seconds.
    pub exp: i64,
    /// Its own id.
    pub jti: String,
    /// What it is good for.
    pub scope: String,
    /// The family of the refresh token that it was got with: when that ends, so does this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
}

impl Claims {
    /// Those of a new token.
    pub fn new(
        issuer: &str,
        client_id: &str,
        family: Option<String>,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Self {
        Self {
            iss: issuer.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: client_id.to_owned(),
            client_id: client_id.to_owned(),
            iat: now.timestamp(),
            exp: (now + lifetime).timestamp(),
            jti: Uuid::new_v4().to_string(),
            scope: SCOPE.to_owned(),
            family,
        }
    }

    /// When the token ends.
    pub fn expires_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.exp, 0).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// What is wrong with them now. Without an `issuer` any that we signed for is ours.
    ///
    /// # Errors
    /// The first claim that does not hold.
    pub fn check(&self, issuer: Option<&str>, now: DateTime<Utc>) -> Result<(), &'static str> {
        let checks = [
            ("iss", issuer.is_none_or(|issuer| issuer == self.iss)),
            ("aud", self.aud == AUDIENCE),
            ("sub", self.sub == self.client_id),
            ("exp", now - LEEWAY < self.expires_at()),
            ("iat", self.iat <= (now + LEEWAY).timestamp()),
            ("scope", self.scope.split(' ').any(|scope| scope == SCOPE)),
        ];
        match checks.iter().find(|(_, holds)| !holds) {
            Some((claim, _)) => Err(claim),
            None => Ok(()),
        }
    }
}

/// The key cannot be had, or does not sign.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the signing key: {0}")]
pub struct KeyError(String);

/// Finds the key; told whether it shall be made where there is none.
type Find = dyn Fn(bool) -> Result<Option<SecretString>, String> + Send + Sync;

/// The key of our own tokens, looked for when it is first needed.
pub struct Key {
    find: Box<Find>,
    found: OnceLock<Found>,
}

struct Found {
    encoding: EncodingKey,
    decoding: DecodingKey,
    id: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key")
    }
}

impl Key {
    /// A key that `find` finds, or makes where told so.
    pub fn new(
        find: impl Fn(bool) -> Result<Option<SecretString>, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            find: Box::new(find),
            found: OnceLock::new(),
        }
    }

    fn found(&self, make: bool) -> Result<Option<&Found>, KeyError> {
        if let Some(found) = self.found.get() {
            return Ok(Some(found));
        }
        let Some(secret) = (self.find)(make).map_err(KeyError)? else {
            return Ok(None);
        };
        let bytes = secret.expose_secret().as_bytes();
        if bytes.len() < SHORTEST_KEY {
            return Err(KeyError(format!("it is shorter than {SHORTEST_KEY} bytes")));
        }
        Ok(Some(self.found.get_or_init(|| Found {
            encoding: EncodingKey::from_secret(bytes),
            decoding: DecodingKey::from_secret(bytes),
            // Tells keys apart in a log and says nothing of the key.
            id: hash(&[b"kid:", bytes].concat()).chars().take(8).collect(),
        })))
    }

    /// The token that says `claims`.
    ///
    /// # Errors
    /// The key cannot be had.
    pub fn sign(&self, claims: &Claims) -> Result<SecretString, KeyError> {
        let found = self.found(true)?;
        let found = found.ok_or_else(|| KeyError("it was not made".to_owned()))?;
        let mut header = Header::new(ALGORITHM);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(found.id.clone());
        let token = jsonwebtoken::encode(&header, claims, &found.encoding);
        token
            .map(SecretString::from)
            .map_err(|error| KeyError(error.to_string()))
    }

    /// What a token says that we signed; its claims are not yet checked.
    pub fn read(&self, token: &str) -> Option<Claims> {
        let found = match self.found(false) {
            Ok(found) => found?,
            Err(error) => {
                tracing::error!(%error, "access tokens cannot be checked");
                return None;
            }
        };
        let mut validation = Validation::new(ALGORITHM);
        // The library asks the system for the time; ours is an argument. See `Claims::check`.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let read = jsonwebtoken::decode::<Claims>(token, &found.decoding, &validation).ok()?;
        let is_ours = read.header.typ.as_deref() == Some(TYPE) && read.header.crit.is_none();
        is_ours.then_some(read.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: TimeDelta = TimeDelta::minutes(15);

    fn key() -> Key {
        Key::new(|_| Ok(Some(SecretString::from("k".repeat(32)))))
    }

    fn now() -> DateTime<Utc> {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn claims() -> Claims {
        Claims::new("https://here", "client", None, now(), LIFE)
    }

    #[test]
    fn what_was_signed_is_read_and_nothing_else() {
        let token = key().sign(&claims()).unwrap();
        let token = token.expose_secret();
        assert_eq!(key().read(token).unwrap().sub, "client");
        let other = Key::new(|_| Ok(Some(SecretString::from("o".repeat(32)))));
        assert_eq!(other.read(token), None);
        for end in 1..token.len() {
            assert_eq!(key().read(&token[..end]), None, "{end}");
        }
        // Another type of token under the same key.
        let mut header = Header::new(ALGORITHM);
        header.typ = Some("JWT".to_owned());
        let secret = EncodingKey::from_secret(&[b'k'; 32]);
        let plain = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
        assert_eq!(key().read(&plain), None);
    }

    #[test]
    fn each_claim_must_hold() {
        let check = |change: fn(&mut Claims)| {
            let mut claims = claims();
            change(&mut claims);
            claims.check(Some("https://here"), now())
        };
        assert_eq!(check(|_| ()), Ok(()));
        assert_eq!(check(|c| c.iss = "https://there".to_owned()), Err("iss"));
        assert_eq!(check(|c| c.aud = "other".to_owned()), Err("aud"));
        assert_eq!(check(|c| c.sub = "other".to_owned()), Err("sub"));
        assert_eq!(check(|c| c.exp = now().timestamp() - 10), Err("exp"));
        assert_eq!(check(|c| c.exp = i64::MAX), Err("exp"));
        assert_eq!(check(|c| c.iat = now().timestamp() + 11), Err("iat"));
        assert_eq!(check(|c| c.scope = "webhook".to_owned()), Err("scope"));
        assert_eq!(check(|c| c.scope = "a webhooks".to_owned()), Ok(()));
        assert_eq!(claims().check(None, now()), Ok(()));
        assert_eq!(claims().check(None, now() + LIFE), Ok(()));
        assert_eq!(claims().check(None, now() + LIFE + LEEWAY), Err("exp"));
    }

    #[test]
    fn a_key_is_made_only_to_sign_and_a_short_one_is_refused() {
        let none = Key::new(|make| Ok(make.then(|| SecretString::from("m".repeat(32)))));
        let token = key().sign(&claims()).unwrap();
        assert_eq!(none.read(token.expose_secret()), None);
        let own = none.sign(&claims()).unwrap();
        assert!(none.read(own.expose_secret()).is_some());
        let short = Key::new(|_| Ok(Some(SecretString::from("short"))));
        assert!(short.sign(&claims()).is_err());
    }
}
