//! Readers' tokens: JWTs signed with a key of the settings. The key alone decides the algorithm, so that neither `none`
//! nor a public key used as if it were a secret opens anything; nothing of a token is believed before its signature
//! holds.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use serde_json::{Map, Value};

use super::Refused;
use super::grant::Grant;
use crate::domain::scope::Viewer;
use crate::jwt::jwk::PublicKey;
use crate::jwt::keys::Keys;
use crate::jwt::{self, Unread, signed_by};

/// The longest token, in bytes.
const LONGEST: usize = 16 * 1024;
/// The longest name of a viewer, in characters.
const LONGEST_NAME: usize = 200;
/// The last second of the year 9999: what ends later does not end.
const LAST: f64 = 253_402_300_799.0;

/// A key that tokens are signed with.
#[derive(Debug)]
pub struct TokenKey {
    /// The operator's name for it.
    pub name: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// What their `aud` must name.
    pub audience: String,
    /// The key itself.
    pub material: Material,
}

/// A key, or where there are keys.
#[derive(Debug)]
pub enum Material {
    /// A secret: HS256.
    Secret(DecodingKey),
    /// One public key.
    Fixed(PublicKey),
    /// The keys of an issuer.
    Keys(Arc<Keys>),
}

/// How tokens are checked.
#[derive(Debug)]
pub struct Tokens {
    /// The keys.
    pub keys: Vec<TokenKey>,
    /// The claim that says what the holder may see.
    pub claim: String,
    /// How far the clock of who made a token may lie from ours.
    pub leeway: TimeDelta,
}

/// Whose token it is.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) viewer: Viewer,
    /// What tells its requests from those of others.
    pub(super) subject: String,
    /// From when on the token is not taken any more.
    pub(super) ends_at: DateTime<Utc>,
}

impl Tokens {
    /// The holder of a token.
    pub(super) async fn holder(&self, token: &str, now: DateTime<Utc>) -> Result<Holder, Refused> {
        if token.len() > LONGEST {
            return Err(Refused::invalid("it is too long"));
        }
        // An algorithm that the library does not know, `none` among them, ends here.
        let head = jsonwebtoken::decode_header(token)
            .map_err(|_| Refused::invalid("it is no JWT of a known algorithm"))?;
        // RFC 7515: what is critical and not understood makes the token invalid; we understand none.
        if head.crit.is_some() {
            return Err(Refused::invalid("it has critical header parameters"));
        }
        let said: Value = jsonwebtoken::dangerous::insecure_decode_claims(token)
            .map_err(|_| Refused::invalid("its payload is not JSON"))?;
        let issuer = said.get("iss").and_then(Value::as_str);
        let mut last = Refused::invalid("its `iss` is none that is taken here");
        let mut signed = None;
        for key in self.keys.iter().filter(|key| issuer == Some(&key.issuer)) {
            match key.material.read(token, &head, now).await {
                Ok(Some(claims)) => match self.held(key, token, &claims, now) {
                    Ok(holder) => return Ok(holder),
                    // What is wrong with a token that a key has signed is more than that others have not.
                    Err(refused) => signed = Some(refused),
                },
                // Of several keys of one issuer one cannot be asked for: it may be the right one.
                Ok(None) if matches!(last, Refused::Away) => {}
                Ok(None) => last = Refused::invalid("its signature does not hold"),
                Err(refused) => last = refused,
            }
        }
        Err(signed.unwrap_or(last))
    }

    fn held(
        &self,
        key: &TokenKey,
        token: &str,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Holder, Refused> {
        let ends_at = self.check(key, claims, now)?;
        let grant = match claims.get(&self.claim) {
            None | Some(Value::Null) => return Err(self.without_claims()),
            Some(grant) => Grant::of(grant),
        };
        let scope = grant.and_then(|grant| grant.scope());
        let scope = scope
            .map_err(|why| Refused::Invalid(format!("its claim `{}`: {why}", self.claim)))?
            .ok_or_else(|| self.without_claims())?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(printable);
        let is_told = |text: &String| !text.is_empty();
        let subject = text("sub").filter(is_told);
        let name = text("name").filter(is_told).or_else(|| subject.clone());
        Ok(Holder {
            viewer: Viewer {
                name: name.unwrap_or_else(|| key.name.clone()),
                scope,
                expires_at: Some(ends_at),
            },
            subject: format!(
                "{}\n{}",
                key.name,
                subject.unwrap_or_else(|| token.to_owned())
            ),
            ends_at: ends_at + self.leeway,
        })
    }

    fn without_claims(&self) -> Refused {
        Refused::NoClaims(format!(
            "the token is good, but its claim `{}` grants nothing: it needs `all`, `operator`, `properties`, \
             `buildings` or `tenants`",
            self.claim
        ))
    }

    /// When the token ends.
    fn check(
        &self,
        key: &TokenKey,
        claims: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, Refused> {
        let issuer = claims.get("iss").and_then(Value::as_str);
        if issuer != Some(&key.issuer) {
            return Err(Refused::invalid("its `iss` is none that is taken here"));
        }
        let is_for_us = match claims.get("aud") {
            Some(Value::String(audience)) => *audience == key.audience,
            Some(Value::Array(audiences)) => audiences.iter().any(|one| *one == *key.audience),
            _ => false,
        };
        if !is_for_us {
            return Err(Refused::invalid("its `aud` does not name this server"));
        }
        let Some(exp) = claims.get("exp").and_then(Value::as_f64) else {
            return Err(Refused::invalid("it has no `exp`"));
        };
        // A number's fraction and what lies beyond the calendar are cut off.
        let ends_at = DateTime::from_timestamp(exp.clamp(0.0, LAST) as i64, 0);
        let ends_at = ends_at.unwrap_or(DateTime::UNIX_EPOCH);
        if ends_at + self.leeway <= now {
            return Err(Refused::invalid("it has expired"));
        }
        let begins_at = match claims.get("nbf") {
            None => f64::MIN,
            Some(nbf) => match nbf.as_f64() {
                Some(nbf) => nbf,
                None => return Err(Refused::invalid("its `nbf` is no time")),
            },
        };
        if begins_at > (now + self.leeway).timestamp_millis() as f64 / 1000.0 {
            return Err(Refused::invalid("it is not good yet"));
        }
        Ok(ends_at)
    }
}

impl Material {
    /// The claims of a token that it has signed; `None` where it has not.
    async fn read(
        &self,
        token: &str,
        head: &Header,
        now: DateTime<Utc>,
    ) -> Result<Option<Map<String, Value>>, Refused> {
        let algorithm = head.alg;
        match self {
            Self::Secret(secret) if algorithm == Algorithm::HS256 => {
                Ok(signed_by(secret, token, algorithm))
            }
            Self::Fixed(public) if public.algorithm == algorithm => {
                Ok(signed_by(&public.key, token, algorithm))
            }
            Self::Keys(keys) => match jwt::read(keys, token, head, now).await {
                Ok(claims) => Ok(Some(claims)),
                Err(Unread::Away) => Err(Refused::Away),
                Err(_) => Ok(None),
            },
            _ => Ok(None),
        }
    }
}

/// A name as it may stand in a log and in an answer.
fn printable(text: &str) -> String {
    let text = text.chars().filter(|character| !character.is_control());
    text.take(LONGEST_NAME).collect()
}
