//! Display keys: what a screen in a lobby shows instead of a person's token. Each runs the one operation that is stored
//! with it, sees what its own claims cover, and can be revoked. Secrets are random and made here, so a plain SHA-256 is
//! kept of them.

pub mod read;
pub mod write;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entity::display_key;
use sea_orm::DbErr;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What every display key begins with: no JWT does.
pub const PREFIX: &str = "ckd_";
/// How many bytes of a key are secret.
const SECRET_BYTES: usize = 32;
/// The length of an id, in characters.
const ID_LENGTH: usize = 32;
/// The longest operation that can be stored, in bytes.
pub const LONGEST_OPERATION: usize = 64 * 1024;

/// Why something about a display key could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DisplayKeyError {
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

/// What a new display key is bound to.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The operator's name for it.
    pub name: String,
    /// The GraphQL document, with one operation.
    pub operation: String,
    /// The variables: a JSON object.
    pub variables: String,
    /// The variables that the screen may give itself: a JSON array of names.
    pub free_variables: String,
    /// The claims: a JSON object.
    pub claims: String,
}

/// A key that was just made: only its hash is kept.
#[derive(Debug)]
pub struct Minted {
    /// Its row.
    pub row: display_key::Model,
    /// What the screen shows.
    pub key: SecretString,
}

/// A key as somebody shows it: the row that it names, and the hash of its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The row that it names.
    pub id: String,
    hash: String,
}

impl Shown {
    /// `None` for what no display key of ours looks like.
    pub fn of(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_id = id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let secret = BASE64_URL_SAFE_NO_PAD.decode(secret).ok()?;
        (is_id && secret.len() == SECRET_BYTES).then(|| Self {
            id: id.to_owned(),
            hash: hash(&secret),
        })
    }

    /// Whether it is the key of this row, and the row is not revoked. Takes as long for a row that does not exist.
    pub fn opens(&self, row: Option<&display_key::Model>) -> bool {
        let nobody = hash(b"");
        let held = row.map_or(&nobody, |row| &row.secret_hash);
        let is_same = bool::from(held.as_bytes().ct_eq(self.hash.as_bytes()));
        is_same && row.is_some_and(|row| row.id == self.id && row.revoked_at.is_none())
    }
}

fn hash(secret: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// A new secret: the text of the key with this id, and the hash to keep.
fn secret(id: &str) -> Result<(SecretString, String), DisplayKeyError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| DisplayKeyError::Random(error.to_string()))?;
    let text = format!("{PREFIX}{id}_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    Ok((SecretString::from(text), hash(&bytes)))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use secrecy::ExposeSecret;

    use super::*;

    fn row(id: &str, hash: String) -> display_key::Model {
        display_key::Model {
            id: id.to_owned(),
            name: "lobby".to_owned(),
            secret_hash: hash,
            operation: String::new(),
            variables: String::new(),
            free_variables: String::new(),
            claims: String::new(),
            created_at: DateTime::UNIX_EPOCH,
            revoked_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn only_the_whole_key_opens_its_row_until_that_is_revoked() {
        let id = "0123456789abcdef0123456789abcdef";
        let (key, hash) = secret(id).unwrap();
        let shown = Shown::of(key.expose_secret()).unwrap();
        let mut row = row(id, hash);
        assert!(shown.opens(Some(&row)));
        assert!(!shown.opens(None));
        let other = secret(id).unwrap().0;
        let other = Shown::of(other.expose_secret()).unwrap();
        assert_eq!(other.id, shown.id);
        assert!(!other.opens(Some(&row)));
        row.revoked_at = Some(DateTime::UNIX_EPOCH);
        assert!(!shown.opens(Some(&row)));
    }

    #[test]
    fn what_no_key_looks_like_is_none() {
        let id = "0123456789abcdef0123456789abcdef";
        let (key, _) = secret(id).unwrap();
        let key = key.expose_secret();
        for end in 0..key.len() {
            assert_eq!(Shown::of(&key[..end]), None, "{end}");
        }
        for text in ["", "ckd_", "ckd_x_y", "eyJ.a.b", &format!("{key}A")] {
            assert_eq!(Shown::of(text), None, "{text}");
        }
    }
}
