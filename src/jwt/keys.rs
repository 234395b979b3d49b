//! The keys of one outside issuer: remembered, fetched again when a token names an unknown one and now and then anyway,
//! bounded in size, time and frequency. While the issuer is away the last good keys stay.
//!
//! ```text
//!  known kid ─► the keys at hand ── older than five minutes ─► fetched again beside the call
//!  unknown kid ─► fetched again, at most once in ten seconds ─► looked at once more
//!                                                           └ the last attempt failed ─► it cannot be told
//! ```

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;

use super::jwk::{self, PublicKey};
use crate::domain::cause::chain;

/// From this age on keys are fetched again although nobody missed one: an issuer may withdraw one.
const OLD: TimeDelta = TimeDelta::minutes(5);
/// How long after an attempt the next one may be made.
const SPACING: TimeDelta = TimeDelta::seconds(10);
/// How long an attempt may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest key set, in bytes.
const LONGEST: usize = 256 * 1024;

/// Where the keys are.
#[derive(Clone, Debug)]
pub enum Place {
    /// A key set at an address.
    Url(String),
    /// A key set in a file.
    Set(PathBuf),
    /// One public key in a file, PEM.
    Pem(PathBuf),
    /// Nowhere: they were given once and for all.
    Given,
}

/// The keys of an issuer.
#[derive(Debug)]
pub struct Keys {
    place: Place,
    client: Option<reqwest::Client>,
    known: RwLock<Known>,
    fetching: Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    keys: Arc<[PublicKey]>,
    fetched_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
    /// Whether the last attempt did not bring any; one that is under way counts as such.
    has_failed: bool,
}

impl Known {
    fn may_try(&self, now: DateTime<Utc>) -> bool {
        self.tried_at.is_none_or(|at| (now - at).abs() >= SPACING)
    }

    fn is_old(&self, now: DateTime<Utc>) -> bool {
        self.fetched_at.is_none_or(|at| (now - at).abs() >= OLD)
    }
}

/// The issuer is away, and none of the keys at hand is the one that is asked for: whether it has that one is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoKeys;

impl Keys {
    /// The keys at `place`, not yet fetched.
    ///
    /// # Errors
    /// The HTTP client cannot be set up.
    pub fn new(place: Place) -> Result<Self, String> {
        let client = match &place {
            Place::Url(url) => Some(client(url)?),
            Place::Set(_) | Place::Pem(_) | Place::Given => None,
        };
        Ok(Self {
            place,
            client,
            known: RwLock::default(),
            fetching: Mutex::default(),
        })
    }

    /// The keys of a set that is given here and never looked for again.
    ///
    /// # Errors
    /// It is no key set, in plain words.
    pub fn given(set: &[u8]) -> Result<Self, String> {
        let known = Known {
            keys: jwk::of_set(set)?.into(),
            ..Known::default()
        };
        Ok(Self {
            place: Place::Given,
            client: None,
            known: RwLock::new(known),
            fetching: Mutex::default(),
        })
    }

    /// Fetches them at the start. Who names a file without a key has named the wrong one.
    ///
    /// # Errors
    /// What is wrong with them, in plain words.
    pub async fn first(&self, now: DateTime<Utc>) -> Result<(), String> {
        self.fetch(now).await?;
        if self.known().keys.is_empty() {
            return Err("it has no key for RS256, ES256 or EdDSA".to_owned());
        }
        Ok(())
    }

    /// Fetches them, whenever that was last done. Those at hand stay where it fails.
    async fn fetch(&self, now: DateTime<Utc>) -> Result<(), String> {
        self.change(|known| {
            known.tried_at = Some(now);
            // Until it is done: a call that leaves leaves the attempt undone.
            known.has_failed = true;
        });
        let keys = tokio::time::timeout(TIMEOUT, self.read()).await;
        let keys = keys.map_err(|_| format!("no answer within {} s", TIMEOUT.as_secs()))??;
        self.change(|known| {
            known.keys = keys.into();
            known.fetched_at = Some(now);
            known.has_failed = false;
        });
        Ok(())
    }

    /// The keys that a token with this header may be signed with; none where the issuer has none.
    pub async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
        now: DateTime<Utc>,
    ) -> Result<Vec<PublicKey>, NoKeys> {
        let known = self.known();
        let found = fitting(&known, id, algorithm);
        if !found.is_empty() {
            if self.is_fetched() && known.is_old(now) && known.may_try(now) {
                let keys = Arc::clone(self);
                tokio::spawn(async move { keys.refresh(now).await });
            }
            return Ok(found);
        }
        self.find_anew(id, algorithm, now).await
    }

    /// The same after another look at where they stand: who has a key without a name may have taken another.
    pub async fn find_anew(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: DateTime<Utc>,
    ) -> Result<Vec<PublicKey>, NoKeys> {
        self.refresh(now).await;
        let known = self.known();
        let found = fitting(&known, id, algorithm);
        // A key that an issuer took while it cannot be asked would be a sender turned away for nothing.
        if known.has_failed {
            return Err(NoKeys);
        }
        Ok(found)
    }

    /// Whether there is a place to fetch them from.
    fn is_fetched(&self) -> bool {
        !matches!(self.place, Place::Given)
    }

    /// Fetches them unless that was tried a moment ago; who comes while it is done waits for it.
    async fn refresh(&self, now: DateTime<Utc>) {
        let _one_at_a_time = self.fetching.lock().await;
        if !self.is_fetched() || !self.known().may_try(now) {
            return;
        }
        if let Err(why) = self.fetch(now).await {
            let place = &self.place;
            tracing::warn!(
                ?place,
                why,
                "an issuer's keys could not be fetched; the last ones stay"
            );
        }
    }

    async fn read(&self) -> Result<Vec<PublicKey>, String> {
        match &self.place {
            Place::Url(url) => jwk::of_set(&self.download(url).await?),
            Place::Set(path) => jwk::of_set(&from_file(path).await?),
            Place::Pem(path) => Ok(vec![jwk::of_pem(&from_file(path).await?)?]),
            Place::Given => Err("they are not fetched".to_owned()),
        }
    }

    async fn download(&self, url: &str) -> Result<Vec<u8>, String> {
        let client = self.client.as_ref().ok_or("no HTTP client")?;
        let request = client
            .get(url)
            .header(reqwest::header::ACCEPT, "application/json");
        let mut response = request.send().await.map_err(|error| chain(&error))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("it answers {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error))? {
            if body.len() + chunk.len() > LONGEST {
                return Err(format!("it is longer than {LONGEST} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn known(&self) -> Known {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }
}

fn fitting(known: &Known, id: Option<&str>, algorithm: Algorithm) -> Vec<PublicKey> {
    let keys = known.keys.iter();
    keys.filter(|key| key.fits(id, algorithm))
        .cloned()
        .collect()
}

fn client(url: &str) -> Result<reqwest::Client, String> {
    // Somebody may have installed one already; any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = reqwest::Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    let mut builder = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0);
    if matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| chain(&error))
}

async fn from_file(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = tokio::fs::File::open(path).await.map_err(fault)?;
    let mut text = Vec::new();
    let most = LONGEST as u64 + 1;
    file.take(most)
        .read_to_end(&mut text)
        .await
        .map_err(fault)?;
    if text.len() > LONGEST {
        return Err(format!(
            "{}: it is longer than {LONGEST} bytes",
            path.display()
        ));
    }
    Ok(text)
}
