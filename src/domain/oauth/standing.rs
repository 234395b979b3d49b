//! Whether a token that was rightly signed still stands: its client is there, it was not given back, and the refresh
//! token that it came from was not revoked. Asked of the database, and remembered for a few seconds only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use entity::oauth_client;
use sea_orm::DbErr;

use super::read;
use super::token::Claims;
use crate::domain::database::Database;

/// How long an answer is remembered: so long may a removed client go on.
const REMEMBERED: Duration = Duration::from_secs(3);
/// How many answers are remembered.
const MOST: usize = 1024;

/// `jti`, client and family of a token.
type Key = (String, String, Option<String>);
type Remembered = HashMap<Key, (Instant, Arc<oauth_client::Model>)>;

/// Asks for the standing of tokens.
#[derive(Debug)]
pub struct Standing {
    database: Database,
    remembered: Mutex<Remembered>,
}

impl Standing {
    /// Of the tokens issued from `database`.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            remembered: Mutex::default(),
        }
    }

    /// The client of a token that still stands. The claims were read from a signed token and checked.
    ///
    /// # Errors
    /// What the database says; then it is not known.
    pub async fn client_of(
        &self,
        claims: &Claims,
    ) -> Result<Option<Arc<oauth_client::Model>>, DbErr> {
        let asked_at = Instant::now();
        let key = (
            claims.jti.clone(),
            claims.sub.clone(),
            claims.family.clone(),
        );
        if let Some(client) = self.recall(&key, asked_at) {
            return Ok(Some(client));
        }
        let readers = &self.database.readers;
        let Some(client) = read::by_id(readers, &claims.sub).await? else {
            return Ok(None);
        };
        if read::is_revoked(readers, &claims.jti).await? {
            return Ok(None);
        }
        if let Some(family) = &claims.family
            && read::family(readers, &client.id, family).await?.is_empty()
        {
            return Ok(None);
        }
        let client = Arc::new(client);
        self.remember(key, asked_at, &client);
        Ok(Some(client))
    }

    /// What the operator calls the client of a token that no longer stands, to say whose it was.
    pub async fn name_of(&self, claims: &Claims) -> Option<String> {
        let client = read::by_id(&self.database.readers, &claims.sub).await;
        client.ok().flatten().map(|client| client.name)
    }

    fn recall(&self, key: &Key, now: Instant) -> Option<Arc<oauth_client::Model>> {
        let remembered = self.lock();
        let (at, client) = remembered.get(key)?;
        (now.duration_since(*at) < REMEMBERED).then(|| Arc::clone(client))
    }

    fn remember(&self, key: Key, now: Instant, client: &Arc<oauth_client::Model>) {
        let mut remembered = self.lock();
        if remembered.len() >= MOST {
            remembered.retain(|_, (at, _)| now.duration_since(*at) < REMEMBERED);
        }
        if remembered.len() < MOST {
            remembered.insert(key, (now, Arc::clone(client)));
        }
    }

    /// Asks anew from now on: something was revoked here, and that counts at once.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        // What a panic left behind is a whole map all the same.
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
