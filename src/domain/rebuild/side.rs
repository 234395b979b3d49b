//! The side database of a rebuild: a file beside the SQLite file, or a schema of its own in PostgreSQL.
//! A rebuild that is killed leaves it behind; nothing reads it, and it can be deleted.

use std::path::PathBuf;

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use uuid::Uuid;

use crate::domain::database::{Database, OpenError};
use crate::domain::migrate;

/// An empty database with the schema of this release, beside the present one.
#[derive(Debug)]
pub struct Side {
    /// Where the kept calls are folded into.
    pub database: Database,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Schema(String),
}

impl Side {
    /// Makes one beside `database`, which was opened from `url`.
    ///
    /// # Errors
    /// It cannot be made: PostgreSQL wants the right to create schemas, SQLite that to write beside its file.
    pub async fn create(database: &Database, url: &str) -> Result<Self, OpenError> {
        let name = Uuid::new_v4().simple().to_string();
        let name = name.get(..12).unwrap_or(&name);
        let (side, place) = match database.backend() {
            DbBackend::Sqlite => {
                let (file, options) = url.split_once('?').unwrap_or((url, "mode=rwc"));
                let url = format!("{file}.rebuild-{name}?{options}");
                let side = Database::open(&url, 1).await?;
                (side, Place::File(file_of(&url)?))
            }
            _ => {
                let schema = format!("caretaker_rebuild_{name}");
                let create = format!("CREATE SCHEMA {schema}");
                database.writer.execute_unprepared(&create).await?;
                let side = Database::open_side(url, &schema).await?;
                (side, Place::Schema(schema))
            }
        };
        let side = Self {
            database: side,
            place,
        };
        if let Err(error) = migrate::up(&side.database).await {
            side.remove(database).await;
            return Err(error.into());
        }
        Ok(side)
    }

    /// Takes it away again.
    pub async fn remove(self, database: &Database) {
        self.database.close().await;
        match self.place {
            Place::File(file) => {
                for ending in ["", "-wal", "-shm"] {
                    let mut path = file.clone().into_os_string();
                    path.push(ending);
                    // The two beside the file go when the database is closed.
                    if let Err(error) = std::fs::remove_file(&path)
                        && error.kind() != std::io::ErrorKind::NotFound
                    {
                        tracing::warn!(%error, path = %path.display(), "the side database was left behind");
                    }
                }
            }
            Place::Schema(schema) => {
                let drop = format!("DROP SCHEMA {schema} CASCADE");
                if let Err(error) = database.writer.execute_unprepared(&drop).await {
                    tracing::warn!(%error, schema, "the side schema was left behind");
                }
            }
        }
    }
}

fn file_of(url: &str) -> Result<PathBuf, DbErr> {
    let options: sqlx::sqlite::SqliteConnectOptions = url
        .parse()
        .map_err(|error: sqlx::Error| DbErr::Custom(error.to_string()))?;
    Ok(options.get_filename().to_owned())
}
