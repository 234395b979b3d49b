//! When the server can do what it is there for.

use crate::domain::database::Database;
use crate::domain::migrate;
use crate::domain::writer::Writer;
use crate::http::health::Readiness;

/// The parts that have to answer.
pub(super) fn readiness(database: &Database, writer: Writer) -> Readiness {
    let (reached, migrated) = (database.clone(), database.clone());
    Readiness::default()
        .with("database", move || {
            let database = reached.clone();
            async move {
                database.feed.ping().await.map_err(|error| {
                    tracing::warn!(%error, "the database does not answer");
                    "unreachable".to_owned()
                })
            }
        })
        .with("migrations", move || {
            let database = migrated.clone();
            async move {
                let migrations = migrate::status(&database).await.map_err(|error| {
                    tracing::warn!(%error, "the migrations cannot be read");
                    "unknown".to_owned()
                })?;
                let is_pending = migrations.iter().any(|migration| !migration.is_applied);
                if is_pending {
                    Err("pending".to_owned())
                } else {
                    Ok(())
                }
            }
        })
        .with("writer", move || {
            let is_alive = writer.is_alive();
            async move {
                if is_alive {
                    Ok(())
                } else {
                    Err("stopped".to_owned())
                }
            }
        })
}
