//! Whether a token that was rightly signed still stands: its client is there, it was not given back, and the refresh
//! token that it came from was not revoked. Asked of the database, and remembered for a few seconds only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
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

/// Asks for the standing of tokens.
#[derive(Debug)]
pub struct Standing {
    database: Database,
    remembered: Mutex<HashMap<String, (Instant, Arc<oauth_client::Model>)>>,
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
        if let Some(client) = self.recall(&claims.jti, asked_at) {
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
        self.remember(&claims.jti, asked_at, &client);
        Ok(Some(client))
    }

    fn recall(&self, jti: &str, now: Instant) -> Option<Arc<oauth_client::Model>> {
        let remembered = self.lock();
        let (at, client) = remembered.get(jti)?;
        (now.duration_since(*at) < REMEMBERED).then(|| Arc::clone(client))
    }

    fn remember(&self, jti: &str, now: Instant, client: &Arc<oauth_client::Model>) {
        let mut remembered = self.lock();
        if remembered.len() >= MOST {
            remembered.retain(|_, (at, _)| now.duration_since(*at) < REMEMBERED);
        }
        if remembered.len() < MOST {
            remembered.insert(jti.to_owned(), (now, Arc::clone(client)));
        }
    }

    fn lock(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Arc<oauth_client::Model>)>> {
        // What a panic left behind is a whole map all the same.
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
