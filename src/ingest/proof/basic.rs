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
    Hash(String),
}

impl Login {
    fn is_named(&self, username: &str) -> subtle::Choice {
        same(self.username.as_bytes(), username.as_bytes())
    }

    fn hash(&self) -> Option<&String> {
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
    most_hashes: Vec<String>,
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
        let hashes_of = |username: &str| -> Vec<String> {
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
        let (username, password) = read(header).ok_or_else(|| refused(Reason::Malformed, None))?;
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
        let mut hashes: Vec<String> = own
            .iter()
            .filter_map(|at| self.logins[*at].hash().cloned())
            .collect();
        // Whatever these say is left aside: they take the time that a user name with hashes would have taken.
        let others = self.most_hashes.iter().skip(hashes.len()).cloned();
        hashes.extend(others);
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

fn read(header: &str) -> Option<(String, SecretString)> {
    let pair = STANDARD.decode(after_scheme(header, WORD)?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (username, password) = pair.split_once(':')?;
    Some((username.to_owned(), password.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(name: &str, position: u32, username: &str, password: Password) -> Login {
        Login {
            name: name.to_owned(),
            position,
            username: username.to_owned(),
            password,
        }
    }

    fn plain(password: &str) -> Password {
        Password::Plain(password.to_owned().into())
    }

    fn hashed(password: &str) -> Password {
        Password::Hash(password::hash(&password.to_owned().into()).unwrap())
    }

    fn basic() -> Basic {
        Basic::new(vec![
            login("new", 0, "matrix", plain("s3cret:with:colons")),
            login("old", 1, "matrix", plain("pässwörd")),
            login("other", 2, "mätrix", plain("")),
        ])
    }

    async fn prove_by(basic: &Basic, headers: &[String]) -> Result<Proven, Refused> {
        let call = Presented {
            authorization: headers.iter().map(String::as_bytes).collect(),
            ..Presented::default()
        };
        basic.prove(&call).await
    }

    async fn prove(headers: &[String]) -> Result<Proven, Refused> {
        prove_by(&basic(), headers).await
    }

    fn header(scheme: &str, pair: &str) -> String {
        format!("{scheme} {}", STANDARD.encode(pair))
    }

    #[tokio::test]
    async fn any_of_the_credentials_proves_the_sender() {
        for (pair, name, position) in [
            ("matrix:s3cret:with:colons", "new", 0),
            ("matrix:pässwörd", "old", 1),
            ("mätrix:", "other", 2),
        ] {
            for scheme in ["Basic", "basic", "BASIC "] {
                let proven = prove(&[header(scheme, pair)]).await.unwrap();
                assert_eq!(
                    (proven.credential.as_str(), proven.position),
                    (name, position)
                );
                assert_eq!(proven.signed_at, None);
            }
        }
    }

    #[tokio::test]
    async fn wrong_secrets_and_unknown_names_are_refused_alike() {
        let wrong = prove(&[header("Basic", "matrix:nope")]).await.unwrap_err();
        let unknown = prove(&[header("Basic", "nobody:s3cret:with:colons")])
            .await
            .unwrap_err();
        assert_eq!(
            (wrong.reason, unknown.reason),
            (Reason::Unknown, Reason::Unknown)
        );
        assert_eq!(wrong.challenge, unknown.challenge);
        assert_eq!(wrong.claimed.as_deref(), Some("new"));
        assert_eq!(unknown.claimed, None);
        for pair in ["mätrix:pässwörd", "matrix:", "matrix:s3cret", ":"] {
            let refused = prove(&[header("Basic", pair)]).await.unwrap_err();
            assert_eq!(refused.reason, Reason::Unknown);
        }
    }

    #[tokio::test]
    async fn missing_double_and_broken_headers_are_refused() {
        let good = header("Basic", "matrix:pässwörd");
        assert_eq!(prove(&[]).await.unwrap_err().reason, Reason::Missing);
        for headers in [
            vec![good.clone(), good.clone()],
            vec!["Basic".to_owned()],
            vec!["Basic ***".to_owned()],
            vec![header("Basic", "no colon")],
            vec![header("Bearer", "matrix:pässwörd")],
            vec![String::new()],
        ] {
            assert_eq!(prove(&headers).await.unwrap_err().reason, Reason::Malformed);
        }
    }

    #[tokio::test]
    async fn without_credentials_nobody_passes() {
        let none = Basic::new(Vec::new());
        assert!(prove_by(&none, &[header("Basic", ":")]).await.is_err());
    }

    #[tokio::test]
    async fn a_password_known_by_its_hash_proves_the_sender_and_is_remembered() {
        let basic = Basic::new(vec![
            login("plain", 0, "matrix", plain("one")),
            login("hash", 1, "matrix", hashed("t:wö")),
            login("hash of another", 2, "other", hashed("three")),
        ]);
        for pair in ["matrix:t:wö", "matrix:t:wö", "matrix:one", "other:three"] {
            assert!(prove_by(&basic, &[header("Basic", pair)]).await.is_ok());
        }
        assert_eq!(
            basic.memory.recall(b"6 matrixt:w\xc3\xb6"),
            Some(Verdict::Proven(1))
        );
        // The other's password, the own hash, and a name that nobody has.
        for pair in ["matrix:three", "other:t:wö", "nobody:three", "matrix:"] {
            for _ in 0..2 {
                let refused = prove_by(&basic, &[header("Basic", pair)]).await;
                assert_eq!(refused.unwrap_err().reason, Reason::Unknown);
            }
        }
        let Some(Password::Hash(hash)) = basic.logins.get(1).map(|login| &login.password) else {
            panic!("no hash");
        };
        let as_password = header("Basic", &format!("matrix:{hash}"));
        assert!(prove_by(&basic, &[as_password]).await.is_err());
        // The name and the password change places: another pair, another memory.
        let shifted = header("Basic", "matri:xt:wö");
        assert!(prove_by(&basic, &[shifted]).await.is_err());
    }

    #[tokio::test]
    async fn as_many_hashes_are_computed_for_an_unknown_name() {
        let basic = Basic::new(vec![
            login("a", 0, "matrix", hashed("one")),
            login("b", 1, "matrix", hashed("two")),
            login("c", 2, "other", hashed("three")),
        ]);
        assert_eq!(basic.most_hashes.len(), 2);
        let refused = prove_by(&basic, &[header("Basic", "nobody:one")]).await;
        assert_eq!(refused.unwrap_err().claimed, None);
        // A hash that only stands in for others proves nobody.
        let refused = prove_by(&basic, &[header("Basic", "other:two")]).await;
        assert_eq!(refused.unwrap_err().claimed.as_deref(), Some("c"));
    }
}
