//! OAuth 2.0 bearer tokens (RFC 6750): caretaker's own, or an outside issuer's JWT. The algorithm decides which: HMAC
//! is ours alone and never an issuer's, so that nobody's public key can pass for a secret.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entity::Source;
use jsonwebtoken::Header;
use serde::Deserialize;
use serde_json::Value;

use super::header::{after_scheme, single};
use super::{Presented, Proven, Reason, Refused};
use crate::domain::oauth::standing::{Stand, Standing};
use crate::domain::oauth::token::{self, Key};
use crate::jwt::keys::Keys;
use crate::jwt::{self, Unread};

/// The word that opens the `Authorization` header.
pub const WORD: &str = "Bearer";
/// For `WWW-Authenticate` where no token was shown.
pub const CHALLENGE: &str = "Bearer realm=\"caretaker\"";
/// What it goes on with where a token was.
const INVALID: &str =
    ", error=\"invalid_token\", error_description=\"expired, revoked, or not for this server\"";
/// How far an issuer's clock may lie from ours.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// The longest token, in bytes.
const LONGEST: usize = 16 * 1024;

/// How the holders of access tokens prove who they are.
#[derive(Debug)]
pub struct Bearer {
    /// The platform whose webhooks are called.
    pub source: Source,
    /// caretaker's own tokens, where it gives any out.
    pub own: Option<Own>,
    /// Those of others.
    pub issuers: Vec<Issuer>,
    /// The position of our own clients among the credentials, after all that the settings name.
    pub position: u32,
}

/// What tells caretaker's own tokens.
#[derive(Clone, Debug)]
pub struct Own {
    /// The key that they are signed with.
    pub key: Arc<Key>,
    /// Whether they still stand.
    pub standing: Arc<Standing>,
    /// The issuer that they must name, where the settings say it.
    pub issuer: Option<String>,
}

/// An outside issuer.
#[derive(Debug)]
pub struct Issuer {
    /// The operator's name for it, which deliveries record.
    pub name: String,
    /// Its position in the settings, after the other credentials of the source.
    pub position: u32,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// What their `aud` must name.
    pub audience: String,
    /// What their scope must name, if anything.
    pub scope: Option<String>,
    /// Its keys.
    pub keys: Arc<Keys>,
}

/// What an outside token says, as far as it matters.
#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    aud: Option<OneOrMore>,
    exp: Option<f64>,
    nbf: Option<f64>,
    scope: Option<Value>,
    scp: Option<Value>,
    roles: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

enum Fault {
    Header(Reason),
    /// Not signed by anybody known here.
    Token(&'static str, Option<String>),
    /// Rightly signed, by or for this name.
    Unacceptable(&'static str, Option<String>),
    Scope(String, String),
    Away,
}

impl Bearer {
    /// The names of the issuers; our own clients are known to the database only.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(|issuer| issuer.name.as_str())
    }

    /// Asks for the proof.
    ///
    /// # Errors
    /// The token does not prove who sent the call, or that cannot be told now: the database is away, or the issuer whose
    /// key is not at hand, or our own key cannot be read.
    pub async fn prove(&self, call: &Presented<'_>, now: DateTime<Utc>) -> Result<Proven, Refused> {
        let (name, position) = self.holder(call, now).await.map_err(refused)?;
        Ok(Proven {
            credential: name,
            position,
            signed_at: None,
            signed_time: None,
        })
    }

    async fn holder(
        &self,
        call: &Presented<'_>,
        now: DateTime<Utc>,
    ) -> Result<(String, u32), Fault> {
        let header = single(&call.authorization).map_err(Fault::Header)?;
        let token = after_scheme(header, WORD).ok_or(Fault::Header(Reason::Malformed))?;
        if token.is_empty() || token.len() > LONGEST {
            return Err(Fault::Header(Reason::Malformed));
        }
        let head = jsonwebtoken::decode_header(token).map_err(|_| fault("header"))?;
        // RFC 7515: what is critical and not understood makes the token invalid; we understand none.
        if head.crit.is_some() {
            return Err(fault("crit"));
        }
        if head.alg == token::ALGORITHM {
            return self.own_client(token, now).await;
        }
        self.outsider(token, &head, now).await
    }

    async fn own_client(&self, token: &str, now: DateTime<Utc>) -> Result<(String, u32), Fault> {
        let own = self.own.as_ref().ok_or_else(|| fault("alg"))?;
        let claims = own.key.read(token).map_err(|_| Fault::Away)?;
        let claims = claims.ok_or_else(|| fault("signature"))?;
        // It was given to this client, whatever has become of it: from here on its failures are the client's.
        if let Err(why) = claims.check(own.issuer.as_deref(), now) {
            return Err(Fault::Unacceptable(
                why,
                own.standing.name_of(&claims).await,
            ));
        }
        let stand = own.standing.of(&claims, now).await.map_err(|error| {
            tracing::warn!(%error, "an access token cannot be checked");
            Fault::Away
        })?;
        let client = match stand {
            Stand::Good(client) => client,
            Stand::Ended(name) => return Err(Fault::Unacceptable("revoked", name)),
        };
        if client.source != self.source {
            return Err(Fault::Unacceptable("source", Some(client.name.clone())));
        }
        Ok((client.name.clone(), self.position))
    }

    async fn outsider(
        &self,
        token: &str,
        head: &Header,
        now: DateTime<Utc>,
    ) -> Result<(String, u32), Fault> {
        // Only to choose whose keys to ask for; nothing of it is believed before the signature holds.
        let said: Claims =
            jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| fault("claims"))?;
        let mut last = fault("iss");
        for issuer in &self.issuers {
            if said.iss.as_ref() != Some(&issuer.issuer) {
                continue;
            }
            match issuer.vouches(token, head, now).await {
                Ok(()) => return Ok((issuer.name.clone(), issuer.position)),
                // Of several entries for one issuer one cannot be asked: it may be the one that would have vouched.
                Err(_) if matches!(last, Fault::Away) => {}
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }
}

impl Issuer {
    async fn vouches(&self, token: &str, head: &Header, now: DateTime<Utc>) -> Result<(), Fault> {
        let claimed = || Some(self.name.clone());
        let read = jwt::read::<Claims>(&self.keys, token, head, now).await;
        let claims = read.map_err(|unread| match unread {
            Unread::Away => Fault::Away,
            Unread::Algorithm => fault("alg"),
            Unread::Key => Fault::Token("kid", claimed()),
            Unread::Signature => Fault::Token("signature", claimed()),
        })?;
        self.check(&claims, now)
            .map_err(|why| Fault::Unacceptable(why, claimed()))?;
        match &self.scope {
            Some(scope) if !claims.names(scope) => {
                Err(Fault::Scope(scope.clone(), self.name.clone()))
            }
            _ => Ok(()),
        }
    }

    fn check(&self, claims: &Claims, now: DateTime<Utc>) -> Result<(), &'static str> {
        let is_for_us = match &claims.aud {
            Some(OneOrMore::One(audience)) => *audience == self.audience,
            Some(OneOrMore::More(audiences)) => audiences.contains(&self.audience),
            None => false,
        };
        let at = |moment: DateTime<Utc>| moment.timestamp_millis() as f64 / 1000.0;
        let checks = [
            ("iss", claims.iss.as_ref() == Some(&self.issuer)),
            ("aud", is_for_us),
            ("exp", claims.exp.is_some_and(|exp| at(now - LEEWAY) < exp)),
            ("nbf", claims.nbf.is_none_or(|nbf| nbf <= at(now + LEEWAY))),
        ];
        match checks.iter().find(|(_, holds)| !holds) {
            Some((claim, _)) => Err(claim),
            None => Ok(()),
        }
    }
}

impl Claims {
    /// Issuers do not agree on where a scope stands: a text of words (RFC 8693), or a list.
    fn names(&self, scope: &str) -> bool {
        let places = [&self.scope, &self.scp, &self.roles];
        places.into_iter().flatten().any(|place| match place {
            Value::String(words) => words.split(' ').any(|word| word == scope),
            Value::Array(words) => words.iter().any(|word| word == scope),
            _ => false,
        })
    }
}

fn fault(why: &'static str) -> Fault {
    Fault::Token(why, None)
}

/// The answer is the same whatever is wrong with a token; what it was stands in the log.
fn refused(fault: Fault) -> Refused {
    let (reason, claimed, more) = match fault {
        Fault::Away => (Reason::Unavailable, None, String::new()),
        Fault::Header(Reason::Missing) => (Reason::Missing, None, String::new()),
        // RFC 6750 wants 400 with invalid_request; this is 401, and what is no token is no good token either.
        Fault::Header(reason) => (reason, None, ", error=\"invalid_token\"".to_owned()),
        Fault::Token(why, claimed) => {
            tracing::debug!(why, claimed, "an access token was refused");
            (Reason::Token, claimed, INVALID.to_owned())
        }
        Fault::Unacceptable(why, claimed) => {
            tracing::debug!(why, claimed, "a signed access token was refused");
            (Reason::Unacceptable(why), claimed, INVALID.to_owned())
        }
        Fault::Scope(scope, claimed) => {
            let more = format!(", error=\"insufficient_scope\", scope=\"{scope}\"");
            (Reason::Scope, Some(claimed), more)
        }
    };
    Refused {
        challenge: format!("{CHALLENGE}{more}"),
        reason,
        claimed,
    }
}

#[cfg(test)]
mod tests;
