//! caretaker as its own authorization server: its clients and what they were given. Secrets and refresh tokens are
//! random and made here, so a plain SHA-256 is kept of them; access tokens are signed, not stored.
//!
//! ```text
//!  client_credentials ─┐                         a call ─► signature, claims (token) ─► still good? (standing)
//!  refresh_token ──────┴─► access token (token)            │ jti not revoked, client and family still there
//!      │ rotation: the new one waits; its first use replaces the one before; that one used later ends the family
//! ```

pub mod read;
pub mod standing;
pub mod token;
pub mod write;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use entity::oauth_client;
use sea_orm::DbErr;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::Choice;

use crate::domain::secret::same;

/// The one scope: to call the webhooks of the client's platform.
pub const SCOPE: &str = "webhooks";

/// The first bytes of a refresh token are its family's, the others its own.
const FAMILY_BYTES: usize = 16;
const REFRESH_BYTES: usize = 48;
const SECRET_BYTES: usize = 32;
/// The length of a `client_id`: a UUID in hexadecimal digits.
const ID_LENGTH: usize = 32;

/// Why something about a client could not be done.
#[derive(Debug, thiserror::Error)]
pub enum OauthError {
    /// What was asked does not fit what is there; in plain words.
    #[error("{0}")]
    Refused(String),
    /// The database.
    #[error("the database")]
    Database(#[from] DbErr),
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(String),
}

/// Something that is shown once: only its hash is kept.
#[derive(Debug)]
pub struct Minted {
    /// The client that it belongs to.
    pub client: oauth_client::Model,
    /// The secret or the refresh token.
    pub secret: SecretString,
}

/// Whether a text looks like a `client_id` that was made here. Others are nobody's, and no database need be asked for
/// them: PostgreSQL does not even take a NUL.
fn is_id(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == ID_LENGTH && text.bytes().all(is_digit)
}

/// Whether `secret` is the client's now. Takes the same path for a client that does not exist.
pub fn is_secret_of(
    client: Option<&oauth_client::Model>,
    secret: &str,
    now: DateTime<Utc>,
) -> bool {
    let given = hash(secret.as_bytes());
    let nobody = hash(b"");
    let (current, previous) = match client {
        Some(client) => {
            let is_over = client
                .previous_secret_until
                .is_some_and(|until| until <= now);
            let previous = client.previous_secret_hash.as_ref();
            (&client.secret_hash, previous.filter(|_| !is_over))
        }
        None => (&nobody, None),
    };
    let is_known = Choice::from(u8::from(client.is_some()));
    let is_given = |hash: &str| same(hash.as_bytes(), given.as_bytes());
    let proven = is_given(current) | is_given(previous.unwrap_or(&nobody));
    bool::from(proven & is_known & !is_given(&nobody))
}

fn hash(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

fn random<const N: usize>() -> Result<[u8; N], OauthError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| OauthError::Random(error.to_string()))?;
    Ok(bytes)
}

/// A refresh token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RefreshHash {
    family: String,
    token: String,
}

impl RefreshHash {
    /// `None` for what no refresh token of ours looks like.
    fn of(token: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        (bytes.len() == REFRESH_BYTES).then(|| Self {
            family: hash(&bytes[..FAMILY_BYTES]),
            token: hash(&bytes),
        })
    }
}

/// A new refresh token of the family that `token` belongs to, or of a new one.
fn refresh_token(of: Option<&str>) -> Result<SecretString, OauthError> {
    let mut bytes = random::<REFRESH_BYTES>()?;
    let family = of.and_then(|token| BASE64_URL_SAFE_NO_PAD.decode(token).ok());
    if let Some(family) = family.as_ref().and_then(|bytes| bytes.get(..FAMILY_BYTES)) {
        bytes[..FAMILY_BYTES].copy_from_slice(family);
    }
    Ok(SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use entity::Source;
    use secrecy::ExposeSecret;

    use super::*;

    fn client(previous: Option<&str>, until: Option<&str>) -> oauth_client::Model {
        oauth_client::Model {
            id: "id".to_owned(),
            name: "bus".to_owned(),
            source: Source::Matrix,
            rotates: false,
            secret_hash: hash(b"new"),
            previous_secret_hash: previous.map(|secret| hash(secret.as_bytes())),
            previous_secret_until: until.map(|until| until.parse().unwrap()),
            created_at: DateTime::UNIX_EPOCH,
            replayed_at: None,
        }
    }

    #[test]
    fn the_previous_secret_is_good_until_its_end() {
        let now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let is_good =
            |client: &oauth_client::Model, secret| is_secret_of(Some(client), secret, now);
        assert!(is_good(&client(None, None), "new"));
        assert!(!is_good(&client(None, None), "old"));
        assert!(is_good(&client(Some("old"), None), "old"));
        assert!(is_good(
            &client(Some("old"), Some("2026-01-01T00:00:01Z")),
            "old"
        ));
        assert!(!is_good(
            &client(Some("old"), Some("2026-01-01T00:00:00Z")),
            "old"
        ));
        assert!(is_good(
            &client(Some("old"), Some("2026-01-01T00:00:00Z")),
            "new"
        ));
    }

    #[test]
    fn nobody_has_no_secret_not_even_an_empty_one() {
        for secret in ["", "new", "x"] {
            assert!(!is_secret_of(None, secret, Utc::now()));
        }
        assert!(!is_secret_of(Some(&client(None, None)), "", Utc::now()));
    }

    #[test]
    fn a_replacement_is_of_the_same_family_and_another_token() {
        let first = refresh_token(None).unwrap();
        let next = refresh_token(Some(first.expose_secret())).unwrap();
        let first = RefreshHash::of(first.expose_secret()).unwrap();
        let next = RefreshHash::of(next.expose_secret()).unwrap();
        assert_eq!(first.family, next.family);
        assert_ne!(first.token, next.token);
        let other = refresh_token(None).unwrap();
        assert_ne!(
            RefreshHash::of(other.expose_secret()).unwrap().family,
            first.family
        );
        for text in ["", "short", "no base64 !", &"A".repeat(65)] {
            assert_eq!(RefreshHash::of(text), None);
        }
    }
}
