//! HTTP Basic (RFC 7617): user name and password in UTF-8, the password may hold colons. Where a password is known by its
//! hash only, a header that was verified once is remembered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::compare::{Found, same, search};
use super::header::{after_scheme, single};
use super::memory::{Memory, Tag, Verdict};
use super::turn::{Lanes, Origin, PATIENCE, Turns};
use super::{Presented, Proven, Reason, Refused, password};

/// The word that opens the header.
pub(super) const WORD: &str = "Basic";

/// For `WWW-Authenticate`.
pub(super) const CHALLENGE: &str = "Basic realm=\"caretaker\", charset=\"UTF-8\"";

/// A user name and what is known of its password.
#[derive(Clone, Debug)]
pub struct Login {
    /// The operator's name for it, which deliveries record.
    pub name: String,
    /// Its position in the settings, from 0.
    pub position: u32,
    /// The user name.
    pub username: String,
    /// The password, or its hash.
    pub password: Password,
}

/// What is known of a password.
#[derive(Clone, Debug)]
pub enum Password {
    /// The password itself.
    Plain(SecretString),
    /// Its Argon2id hash as a PHC string.
    Hash(SecretString),
}

impl Login {
    fn is_named(&self, username: &str) -> subtle::Choice {
        same(self.username.as_bytes(), username.as_bytes())
    }

    fn hash(&self) -> Option<&SecretString> {
        match &self.password {
            Password::Hash(hash) => Some(hash),
            Password::Plain(_) => None,
        }
    }

    fn proven(&self) -> Proven {
        Proven {
            credential: self.name.clone(),
            position: self.position,
            signed_at: None,
            signed_time: None,
        }
    }
}

/// The credentials of a source that uses HTTP Basic, and the memory of what was verified against them.
pub struct Basic {
    logins: Vec<Login>,
    /// The hashes of the user name that has the most: so many are computed for every user name, known or not.
    most_hashes: Vec<SecretString>,
    memory: Memory,
    turns: Turns,
    /// Calls with one header from one address: the first is computed for, the others wait for what it finds.
    alike: Lanes<(Origin, Tag)>,
}

impl std::fmt::Debug for Basic {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Basic");
        shown.field("logins", &self.logins).finish_non_exhaustive()
    }
}

impl Basic {
    /// All these are valid.
    pub fn new(logins: Vec<Login>) -> Self {
        let hashes_of = |username: &str| -> Vec<SecretString> {
            let named = logins.iter().filter(|login| login.username == username);
            named.filter_map(Login::hash).cloned().collect()
        };
        let most_hashes = logins
            .iter()
            .map(|login| hashes_of(&login.username))
            .max_by_key(Vec::len)
            .unwrap_or_default();
        Self {
            logins,
            most_hashes,
            memory: Memory::new(),
            turns: Turns::new(),
            alike: Lanes::new(),
        }
    }

    /// The names of the credentials.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.logins.iter().map(|login| login.name.as_str())
    }

    /// Asks for the proof.
    pub(super) async fn prove(&self, call: &Presented<'_>) -> Result<Proven, Refused> {
        let header = single(&call.authorization).map_err(|reason| refused(reason, None))?;
        let (username, password) =
            user_and_password(header).ok_or_else(|| refused(Reason::Malformed, None))?;
        let verdict = match self.plain(&username, &password) {
            Verdict::Refused(_) if !self.most_hashes.is_empty() => {
                let origin = Origin {
                    address: call.address,
                    is_suspect: call.is_suspect,
                };
                self.hashed(&username, password, origin).await
            }
            verdict => Some(verdict),
        };
        match verdict {
            Some(Verdict::Proven(at)) => self
                .logins
                .get(at)
                .map(Login::proven)
                .ok_or_else(|| refused(Reason::Unknown, None)),
            Some(Verdict::Refused(at)) => {
                let claimed = at.and_then(|at| self.logins.get(at));
                let claimed = claimed.map(|login| login.name.clone());
                Err(refused(Reason::Unknown, claimed))
            }
            None => Err(refused(Reason::Unavailable, None)),
        }
    }

    fn plain(&self, username: &str, password: &SecretString) -> Verdict {
        let places: Vec<_> = self.logins.iter().enumerate().collect();
        let Found { proven, named } = search(
            &places,
            |(_, login)| login.is_named(username),
            |(_, login)| match &login.password {
                Password::Plain(expected) => same(
                    expected.expose_secret().as_bytes(),
                    password.expose_secret().as_bytes(),
                ),
                Password::Hash(_) => 0.into(),
            },
        );
        match proven {
            Some((at, _)) => Verdict::Proven(*at),
            None => Verdict::Refused(named.map(|(at, _)| *at)),
        }
    }

    /// `None` when it could not be found out.
    async fn hashed(
        &self,
        username: &str,
        password: SecretString,
        origin: Origin,
    ) -> Option<Verdict> {
        // The length tells where the name ends.
        let words = format!("{} {username}{}", username.len(), password.expose_secret());
        let words = SecretString::from(words);
        let words = words.expose_secret().as_bytes();
        if let Some(verdict) = self.memory.recall(words) {
            return Some(verdict);
        }
        // Many calls wait with one header when a server has just started: one of them computes.
        let tag = self.memory.tag(words).unwrap_or_default();
        let first = self.alike.enter((origin, tag), usize::MAX);
        let _first = tokio::time::timeout(PATIENCE, first).await.ok()??;
        if let Some(verdict) = self.memory.recall(words) {
            return Some(verdict);
        }
        let turn = self.turns.take(origin).await?;
        // Meanwhile it may have become known from another address.
        if let Some(verdict) = self.memory.recall(words) {
            return Some(verdict);
        }
        let named: Vec<usize> = (0..self.logins.len())
            .filter(|at| bool::from(self.logins[*at].is_named(username)))
            .collect();
        let own: Vec<usize> = named
            .iter()
            .copied()
            .filter(|at| self.logins[*at].hash().is_some())
            .collect();
        let hashes = own.iter().filter_map(|at| self.logins[*at].hash());
        // Whatever these say is left aside: they take the time that a user name with hashes would have taken.
        let others = self.most_hashes.iter().skip(own.len());
        let hashes = hashes.chain(others);
        let hashes = hashes.map(|hash| hash.expose_secret().to_owned()).collect();
        let fits = password::verify(turn, password, hashes).await?;
        let fitting = own.iter().zip(fits).find(|(_, fits)| *fits);
        let verdict = match fitting {
            Some((at, _)) => Verdict::Proven(*at),
            None => Verdict::Refused(named.first().copied()),
        };
        self.memory.keep(words, verdict);
        Some(verdict)
    }
}

fn refused(reason: Reason, claimed: Option<String>) -> Refused {
    Refused {
        challenge: CHALLENGE.to_owned(),
        reason,
        claimed,
    }
}

/// What an `Authorization` header says by HTTP Basic: the user name ends at the first colon.
pub fn user_and_password(header: &str) -> Option<(String, SecretString)> {
    let pair = STANDARD.decode(after_scheme(header, WORD)?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (username, password) = pair.split_once(':')?;
    Some((username.to_owned(), password.into()))
}

#[cfg(test)]
mod tests;
