//! Display keys at work: who shows one, what it runs, and the watch that ends its streams once it is revoked.
//!
//! ```text
//!  a key is shown ─► its row (one SELECT by id) ─► hash compared ─► bound to its operation
//!  a socket holds it ─► counted here ─► every second, while any is held: one SELECT of those that are still good
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::display_key;
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Refused;
use super::grant::Grant;
use crate::domain::database::Database;
use crate::domain::display_key::{Shown, read, write};
use crate::domain::scope::Viewer;
use crate::graphql::error::{ErrorCode, Fault};

/// How often the keys of open sockets are looked at: so long may a revoked one go on.
const LOOK: Duration = Duration::from_secs(1);
/// How long a look may take: a connection whose other end is gone may never say so.
const PATIENCE: Duration = Duration::from_secs(10);
/// The variable by which a screen says where its feed begins.
const RESUMES: &str = "after";
/// How many keys' last uses are remembered.
const MOST_TOUCHED: usize = 4096;

/// The display keys of a database.
#[derive(Debug)]
pub struct Displays {
    database: Database,
    held: Mutex<BTreeMap<String, usize>>,
    ended: watch::Sender<BTreeSet<String>>,
    touched: Mutex<BTreeMap<String, DateTime<Utc>>>,
}

/// What a display key is bound to.
#[derive(Clone, Debug)]
pub struct Bound {
    id: String,
    operation: String,
    variables: Map<String, Value>,
    free: Vec<String>,
}

impl Displays {
    /// Those of `database`.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            held: Mutex::default(),
            ended: watch::Sender::default(),
            touched: Mutex::default(),
        }
    }

    /// The viewer behind a display key.
    pub(super) async fn admit(
        &self,
        text: &str,
        now: DateTime<Utc>,
    ) -> Result<(Viewer, Bound), Refused> {
        let unknown = || Refused::invalid("the display key is unknown or revoked");
        let shown = Shown::of(text).ok_or_else(unknown)?;
        let row = read::by_id(&self.database.readers, &shown.id).await;
        let row = row.map_err(|error| {
            tracing::warn!(%error, "a display key cannot be checked");
            Refused::Away
        })?;
        if !shown.opens(row.as_ref()) {
            return Err(unknown());
        }
        let row = row.ok_or_else(unknown)?;
        let (viewer, bound) = read_row(row).map_err(|why| {
            tracing::error!(key = shown.id, why, "a display key cannot be read");
            unknown()
        })?;
        self.touch(&bound.id, now);
        Ok((viewer, bound))
    }

    /// Notes beside the request that the key was used, at most once a minute.
    fn touch(&self, id: &str, now: DateTime<Utc>) {
        {
            let mut touched = lock(&self.touched);
            let is_fresh = |at: &DateTime<Utc>| (now - *at).abs() < write::USED_WITHIN;
            if touched.get(id).is_some_and(is_fresh) {
                return;
            }
            if touched.len() >= MOST_TOUCHED {
                touched.retain(|_, at| is_fresh(at));
            }
            if touched.len() >= MOST_TOUCHED {
                return;
            }
            touched.insert(id.to_owned(), now);
        }
        let (database, id) = (self.database.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = write::touch(&database, &id, now).await {
                tracing::debug!(%error, "the use of a display key was not noted");
            }
        });
    }

    /// Until the key is revoked. Dropped, it is no longer looked at.
    pub(super) async fn revoked(&self, bound: &Bound) {
        let _held = Held::new(self, &bound.id);
        let mut ended = self.ended.subscribe();
        if ended
            .wait_for(|ended| ended.contains(&bound.id))
            .await
            .is_err()
        {
            // The sender lives as long as `self`.
            std::future::pending::<()>().await;
        }
    }

    /// Looks at the keys of open sockets, for as long as the server runs.
    pub async fn keep_watch(self: Arc<Self>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let held: Vec<String> = lock(&self.held).keys().cloned().collect();
            if held.is_empty() {
                continue;
            }
            let standing = read::standing(&self.database.readers, &held);
            let standing = match timeout(PATIENCE, standing).await {
                Ok(standing) => standing.map_err(|error| error.to_string()),
                Err(_late) => Err("no answer in time".to_owned()),
            };
            match standing {
                Ok(good) => {
                    let gone = held.into_iter().filter(|id| !good.contains(id));
                    let gone: BTreeSet<String> = gone.collect();
                    self.ended.send_if_modified(|ended| {
                        let is_news = *ended != gone;
                        *ended = gone;
                        is_news
                    });
                }
                // Not known: what is open stays open until it is.
                Err(error) => tracing::debug!(%error, "display keys cannot be looked at"),
            }
        }
    }
}

/// A key that an open socket holds.
struct Held<'a> {
    displays: &'a Displays,
    id: &'a str,
}

impl<'a> Held<'a> {
    fn new(displays: &'a Displays, id: &'a str) -> Self {
        *lock(&displays.held).entry(id.to_owned()).or_default() += 1;
        Self { displays, id }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = lock(&self.displays.held);
        if let Some(count) = held.get_mut(self.id) {
            *count -= 1;
            if *count == 0 {
                held.remove(self.id);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left behind is a whole map all the same.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_row(row: display_key::Model) -> Result<(Viewer, Bound), String> {
    let told = |error: serde_json::Error| error.to_string();
    let claims = serde_json::from_str(&row.claims).map_err(told)?;
    let scope = Grant::of(&claims)?.scope()?.ok_or("it grants nothing")?;
    let viewer = Viewer {
        name: row.name,
        scope,
        expires_at: None,
    };
    let bound = Bound {
        id: row.id,
        operation: row.operation,
        variables: serde_json::from_str(&row.variables).map_err(told)?,
        free: serde_json::from_str(&row.free_variables).map_err(told)?,
    };
    Ok((viewer, bound))
}

impl Bound {
    /// The id of the key.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether its screens say where their feed begins.
    pub(in crate::http) fn may_resume(&self) -> bool {
        self.free.iter().any(|name| name == RESUMES)
    }

    /// The request that runs, whatever stood in `asked`: the stored operation with the stored variables and the free
    /// ones of the request. Another document or other values are refused, so that no client takes the answer for that
    /// of its own question.
    ///
    /// # Errors
    /// What of the request is not that of the key.
    pub fn request(&self, asked: &Map<String, Value>) -> Result<Map<String, Value>, Fault> {
        let forbidden = |what: &str| {
            let message = format!(
                "a display key runs the one operation that is stored with it: leave {what} out, or send what is stored"
            );
            Fault::new(ErrorCode::Forbidden, message)
        };
        match asked.get("query") {
            None | Some(Value::Null) => {}
            Some(Value::String(query))
                if query.trim().is_empty() || query.trim() == self.operation.trim() => {}
            Some(_) => return Err(forbidden("`query`")),
        }
        let mut variables = self.variables.clone();
        match asked.get("variables") {
            None | Some(Value::Null) => {}
            Some(Value::Object(given)) => {
                for (name, value) in given {
                    if self.free.contains(name) {
                        variables.insert(name.clone(), value.clone());
                    } else if self.variables.get(name).unwrap_or(&Value::Null) != value {
                        return Err(forbidden(&format!("the variable `{name}`")));
                    }
                }
            }
            Some(_) => return Err(Fault::input("`variables` is an object or null")),
        }
        Ok(Map::from_iter([
            ("query".to_owned(), Value::String(self.operation.clone())),
            ("variables".to_owned(), Value::Object(variables)),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(asked: Value) -> Result<Value, Fault> {
        let bound = Bound {
            id: "id".to_owned(),
            operation: "query($a: Int, $after: String) { x }\n".to_owned(),
            variables: json!({"a": 1, "after": "stored"})
                .as_object()
                .unwrap()
                .clone(),
            free: vec!["after".to_owned()],
        };
        let request = bound.request(asked.as_object().unwrap())?;
        assert_eq!(request["query"], bound.operation);
        assert_eq!(request.len(), 2);
        Ok(request["variables"].clone())
    }

    #[test]
    fn what_is_stored_runs_and_free_variables_are_the_screens() {
        let stored = json!({"a": 1, "after": "stored"});
        for asked in [
            json!({}),
            json!({"query": null, "variables": null}),
            json!({"query": "", "operationName": "Other", "extensions": {"persistedQuery": {}}}),
            json!({"query": " query($a: Int, $after: String) { x }", "variables": {"a": 1}}),
            json!({"variables": {"unknown": null}}),
        ] {
            assert_eq!(ask(asked.clone()).unwrap(), stored, "{asked}");
        }
        let resumed = ask(json!({"variables": {"after": "later"}})).unwrap();
        assert_eq!(resumed, json!({"a": 1, "after": "later"}));
    }

    #[test]
    fn nothing_else_runs() {
        for asked in [
            json!({"query": "{ tasks { nodes { id } } }"}),
            json!({"query": 7}),
            json!({"variables": {"a": 2}}),
            json!({"variables": {"b": 1}}),
            json!({"variables": []}),
        ] {
            assert!(ask(asked.clone()).is_err(), "{asked}");
        }
    }
}
