//! Whether a token that was rightly signed still stands: its client is there, it was not given back, and the refresh
//! token that it came from was not revoked. Asked of the database, and remembered for a few seconds only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use entity::oauth_client;
use sea_orm::DbErr;

use super::read;
use super::token::Claims;
use crate::domain::database::Database;

/// How long an answer is remembered: so long may a removed client go on.
const REMEMBERED: TimeDelta = TimeDelta::seconds(3);
/// How many answers are remembered.
const MOST: usize = 1024;

/// How a token stands.
#[derive(Clone, Debug)]
pub enum Stand {
    /// It is good; whose it is.
    Good(Arc<oauth_client::Model>),
    /// It has ended; the name of its client, if there still is one.
    Ended(Option<String>),
}

/// `jti`, client and family of a token.
type Key = (String, String, Option<String>);

#[derive(Debug, Default)]
struct Remembered {
    /// How often all was forgotten: what was asked before that is not remembered after it.
    generation: u64,
    good: HashMap<Key, (DateTime<Utc>, Arc<oauth_client::Model>)>,
}

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

    /// How a token stands. The claims were read from a signed token and checked.
    ///
    /// # Errors
    /// What the database says; then it is not known.
    pub async fn of(&self, claims: &Claims, now: DateTime<Utc>) -> Result<Stand, DbErr> {
        let key = (
            claims.jti.clone(),
            claims.sub.clone(),
            claims.family.clone(),
        );
        let (generation, known) = self.recall(&key, now);
        if let Some(client) = known {
            return Ok(Stand::Good(client));
        }
        let readers = &self.database.readers;
        let Some(client) = read::by_id(readers, &claims.sub).await? else {
            return Ok(Stand::Ended(None));
        };
        let mut is_over = read::is_revoked(readers, &claims.jti).await?;
        if let Some(family) = &claims.family {
            is_over |= read::family(readers, &client.id, family).await?.is_empty();
        }
        if is_over {
            return Ok(Stand::Ended(Some(client.name)));
        }
        let client = Arc::new(client);
        self.remember(key, generation, now, &client);
        Ok(Stand::Good(client))
    }

    /// What the operator calls the client of a token that no longer stands, to say whose it was.
    pub async fn name_of(&self, claims: &Claims) -> Option<String> {
        let client = read::by_id(&self.database.readers, &claims.sub).await;
        client.ok().flatten().map(|client| client.name)
    }

    /// The names of the clients of a platform.
    ///
    /// # Errors
    /// What the database says.
    pub async fn names(&self, source: entity::Source) -> Result<Vec<String>, DbErr> {
        read::names(&self.database.readers, source).await
    }

    fn recall(&self, key: &Key, now: DateTime<Utc>) -> (u64, Option<Arc<oauth_client::Model>>) {
        let remembered = self.lock();
        let known = remembered.good.get(key);
        let known = known.filter(|(at, _)| is_fresh(*at, now));
        let client = known.map(|(_, client)| Arc::clone(client));
        (remembered.generation, client)
    }

    fn remember(
        &self,
        key: Key,
        generation: u64,
        now: DateTime<Utc>,
        client: &Arc<oauth_client::Model>,
    ) {
        let mut remembered = self.lock();
        if remembered.generation != generation {
            return;
        }
        let good = &mut remembered.good;
        if good.len() >= MOST {
            good.retain(|_, (at, _)| is_fresh(*at, now));
        }
        if good.len() < MOST {
            good.insert(key, (now, Arc::clone(client)));
        }
    }

    /// Asks anew from now on: something was revoked here, and that counts at once.
    pub fn forget(&self) {
        let mut remembered = self.lock();
        remembered.generation += 1;
        remembered.good.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        // What a panic left behind is a whole map all the same.
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (now - at).abs() < REMEMBERED
}

#[cfg(test)]
mod tests {
    use entity::Source;

    use super::*;

    #[tokio::test]
    async fn an_answer_from_before_a_revocation_is_not_remembered_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db?mode=rwc", folder.path().display());
        let standing = Standing::new(Database::open(&url, 1).await.unwrap());
        let now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let client = Arc::new(oauth_client::Model {
            id: "id".to_owned(),
            name: "bus".to_owned(),
            source: Source::Matrix,
            rotates: false,
            secret_hash: String::new(),
            previous_secret_hash: None,
            previous_secret_until: None,
            created_at: now,
            replayed_at: None,
        });
        let key: Key = ("jti".to_owned(), "id".to_owned(), None);
        // The database was asked before the token was revoked, and answers after it.
        let (generation, _) = standing.recall(&key, now);
        standing.forget();
        standing.remember(key.clone(), generation, now, &client);
        assert!(standing.recall(&key, now).1.is_none());

        let (generation, _) = standing.recall(&key, now);
        standing.remember(key.clone(), generation, now, &client);
        assert!(standing.recall(&key, now).1.is_some());
        assert!(standing.recall(&key, now + REMEMBERED).1.is_none());
    }
}
