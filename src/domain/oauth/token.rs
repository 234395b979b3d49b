//! Access tokens: short-lived JWTs (RFC 9068) signed with HMAC-SHA256, since only caretaker itself reads them. Signing and
//! checking what they say is pure; whether a token was revoked since is asked of `standing`.

mod key;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use key::{Key, KeyError, SHORTEST_KEY};

use super::SCOPE;

/// The algorithm of our own tokens; no outside issuer may use it.
pub const ALGORITHM: Algorithm = Algorithm::HS256;
/// For whom the tokens are.
pub const AUDIENCE: &str = "caretaker";
/// How far the clocks of several nodes may lie apart.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(10);
/// How long after its end a revoked token is still listed: longer than any clock is tolerated to be wrong.
pub(super) const KEPT_AFTER: TimeDelta = TimeDelta::hours(1);

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

#[cfg(test)]
mod tests;
