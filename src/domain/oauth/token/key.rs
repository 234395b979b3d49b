//! The key of our own access tokens: looked for when it is first needed, made when it first signs. It never leaves here.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};

use super::{ALGORITHM, Claims};
use crate::domain::oauth::hash;

/// For how long it is remembered that there is no key: strangers' tokens must not cost a look into the folder each.
const NO_KEY_REMEMBERED: Duration = Duration::from_secs(1);
/// RFC 9068: so that no other token signed with the key passes for an access token.
const TYPE: &str = "at+jwt";
/// The fewest bytes of a key.
pub const SHORTEST_KEY: usize = 32;

/// The key cannot be had, or does not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signing key: {0}")]
pub struct KeyError(String);

/// Finds the key; told whether it shall be made where there is none.
type Find = dyn Fn(bool) -> Result<Option<SecretString>, String> + Send + Sync;

/// The key of our own tokens, looked for when it is first needed.
pub struct Key {
    find: Box<Find>,
    found: OnceLock<Found>,
    /// When it was last looked for in vain, and why it could not be had, if it was not just missing.
    missed: Mutex<Option<(Instant, Option<KeyError>)>>,
    /// How many tokens named another key.
    strange: AtomicU64,
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
            missed: Mutex::default(),
            strange: AtomicU64::new(0),
        }
    }

    /// The key that is there, looked for at most once in a while.
    fn at_hand(&self) -> Result<Option<&Found>, KeyError> {
        if let Some(found) = self.found.get() {
            return Ok(Some(found));
        }
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, why)) = missed.as_ref()
            && at.elapsed() < NO_KEY_REMEMBERED
        {
            return why.clone().map_or(Ok(None), Err);
        }
        let found = self.found(false);
        let why = found.as_ref().err().cloned();
        let before = missed.as_ref().and_then(|(_, why)| why.as_ref());
        if let Some(error) = why.as_ref().filter(|why| before != Some(*why)) {
            tracing::error!(%error, "access tokens cannot be checked");
        }
        *missed = Some((Instant::now(), why));
        found
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

    /// What a token says that we signed; its claims are not yet checked. `None` for what we did not sign.
    ///
    /// # Errors
    /// The key cannot be had: whether we signed it is not known.
    pub fn read(&self, token: &str) -> Result<Option<Claims>, KeyError> {
        let Some(found) = self.at_hand()? else {
            return Ok(None);
        };
        let mut validation = Validation::new(ALGORITHM);
        // The library asks the system for the time; ours is an argument. See `Claims::check`.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let Ok(read) = jsonwebtoken::decode::<Claims>(token, &found.decoding, &validation) else {
            self.note_strange(token, found);
            return Ok(None);
        };
        let is_ours = read.header.typ.as_deref() == Some(TYPE) && read.header.crit.is_none();
        Ok(is_ours.then_some(read.claims))
    }

    /// How many tokens looked like ours and named another key.
    pub fn strange(&self) -> u64 {
        self.strange.load(Ordering::Relaxed)
    }

    /// Tells the operator of tokens that look like ours but name another key, at the 1st, 2nd, 4th, 8th… of them. What
    /// they name is not repeated: anybody can write it.
    fn note_strange(&self, token: &str, found: &Found) {
        let Ok(header) = jsonwebtoken::decode_header(token) else {
            return;
        };
        if header.typ.as_deref() != Some(TYPE) || header.kid.is_none_or(|kid| kid == found.id) {
            return;
        }
        let count = self.strange.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            tracing::warn!(
                count,
                own = found.id,
                "an access token was signed with another key than ours: servers that share a database need the same \
                 `oauth.signing_key`"
            );
        }
    }
}
