//! The places file in the data folder, for a server whose settings name no places: taken over whenever it changes.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::Utc;

use super::intake;
use crate::config::{Config, ConfigError, places_at};
use crate::domain::database::Database;
use crate::domain::operator;
use crate::domain::wake::Wake;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// Takes the file at `path` over each time it changes, until the task is aborted.
pub(super) async fn watch(path: PathBuf, database: Database, wake: Wake) {
    let mut seen = changed_at(&path).await;
    loop {
        tokio::time::sleep(EVERY).await;
        let now = changed_at(&path).await;
        if now.is_none() || now == seen {
            continue;
        }
        match take_over(&path, &database).await {
            Ok(true) => {
                seen = now;
                tracing::info!(path = %path.display(), "the names of places were taken over");
                wake.committed();
            }
            Ok(false) => seen = now,
            Err(error) => {
                // What cannot be understood stays so until the file changes; the database may be back soon.
                if error.is::<ConfigError>() {
                    seen = now;
                }
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the places file is left alone"
                );
            }
        }
    }
}

async fn changed_at(path: &Path) -> Option<SystemTime> {
    tokio::fs::metadata(path).await.ok()?.modified().ok()
}

async fn take_over(path: &Path, database: &Database) -> anyhow::Result<bool> {
    let Some(found) = places_at(path)? else {
        return Ok(false);
    };
    let config = Config {
        places: Some(found.places),
        properties: found.properties,
        ..Config::default()
    };
    Ok(operator::import(database, &intake::declared(&config), Utc::now()).await?)
}
