//! The side database of a rebuild: a file beside the SQLite file, or a schema of its own in PostgreSQL. A lock is held
//! beside it for as long as the rebuild runs: one that was killed leaves its side database without, and the next rebuild
//! takes it away.

use std::fs::File;
use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::domain::database::{Database, OpenError};
use crate::domain::migrate;

/// Between the name of the SQLite file and what tells one rebuild from another.
const MARK: &str = ".rebuild-";
/// The same in PostgreSQL.
const SCHEMA: &str = "caretaker_rebuild_";
/// The endings of the files of a side database; the lock goes last.
const FILES: [&str; 4] = ["", "-wal", "-shm", ".lock"];

/// An empty database with the schema of this release, beside the present one.
#[derive(Debug)]
pub struct Side {
    /// Where the kept calls are folded into.
    pub database: Database,
    /// What rebuilds that were killed had left behind, and is gone now.
    pub cleared: Vec<String>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File {
        file: PathBuf,
        /// Locked until it is closed, by whatever end of the program.
        _lock: File,
    },
    Schema {
        schema: String,
        /// Holds the lock for as long as it is connected.
        guard: PgConnection,
    },
}

impl Side {
    /// Makes one beside `database`, which was opened from `url`, and takes away what killed rebuilds left there.
    ///
    /// # Errors
    /// It cannot be made: PostgreSQL wants the right to create schemas, SQLite that to write beside its file.
    pub async fn create(database: &Database, url: &str) -> Result<Self, OpenError> {
        let name = Uuid::new_v4().simple().to_string();
        let name = name.get(..12).unwrap_or(&name);
        let (side, place, cleared) = match database.backend() {
            DbBackend::Sqlite => {
                let cleared = clear_files(&file_of(url)?)?;
                let (file, options) = url.split_once('?').unwrap_or((url, "mode=rwc"));
                let url = format!("{file}{MARK}{name}?{options}");
                let file = file_of(&url)?;
                let lock = File::create(beside(&file, ".lock")).map_err(io)?;
                lock.lock().map_err(io)?;
                let side = Database::open(&url, 1).await?;
                (side, Place::File { file, _lock: lock }, cleared)
            }
            _ => {
                let mut guard = PgConnection::connect(url).await.map_err(sqlx)?;
                let cleared = clear_schemas(&mut guard, database).await?;
                let schema = format!("{SCHEMA}{name}");
                sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
                    .bind(&schema)
                    .execute(&mut guard)
                    .await
                    .map_err(sqlx)?;
                let create = format!("CREATE SCHEMA {schema}");
                database.writer.execute_unprepared(&create).await?;
                let side = Database::open_side(url, &schema).await?;
                (side, Place::Schema { schema, guard }, cleared)
            }
        };
        let side = Self {
            database: side,
            cleared,
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
            Place::File { file, _lock } => {
                if let Err(error) = remove_files(&file) {
                    tracing::warn!(%error, path = %file.display(), "the side database was left behind");
                }
            }
            Place::Schema { schema, guard } => {
                let drop = format!("DROP SCHEMA {schema} CASCADE");
                if let Err(error) = database.writer.execute_unprepared(&drop).await {
                    tracing::warn!(%error, schema, "the side schema was left behind");
                }
                if let Err(error) = guard.close().await {
                    tracing::debug!(%error, "the connection that held the lock did not close");
                }
            }
        }
    }
}

/// Removes the side databases beside `main` whose rebuilds are gone: nobody holds their locks.
fn clear_files(main: &Path) -> Result<Vec<String>, DbErr> {
    let name = main.file_name().map(|name| name.to_string_lossy());
    let (Some(name), Some(folder)) = (name, main.parent()) else {
        return Ok(Vec::new());
    };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let start = format!("{name}{MARK}");
    let mut cleared = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let found = entry.map_err(io)?.file_name();
        let Some(side) = found.to_str().and_then(|found| found.strip_suffix(".lock")) else {
            continue;
        };
        if !side.starts_with(&start) {
            continue;
        }
        let file = folder.join(side);
        let is_left = File::open(beside(&file, ".lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_left {
            remove_files(&file).map_err(io)?;
            cleared.push(file.display().to_string());
        }
    }
    Ok(cleared)
}

fn remove_files(file: &Path) -> std::io::Result<()> {
    for ending in FILES {
        match std::fs::remove_file(beside(file, ending)) {
            // SQLite takes its own two away when it is closed.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut path = file.to_owned().into_os_string();
    path.push(ending);
    path.into()
}

/// The same for schemas. One that is another role's stays, and is told in the log.
async fn clear_schemas(
    guard: &mut PgConnection,
    database: &Database,
) -> Result<Vec<String>, DbErr> {
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT nspname::text FROM pg_namespace WHERE starts_with(nspname::text, $1) ORDER BY 1",
    )
    .bind(SCHEMA)
    .fetch_all(&mut *guard)
    .await
    .map_err(sqlx)?;
    let is_ours = |schema: &String| {
        let name = schema.strip_prefix(SCHEMA).unwrap_or_default();
        name.len() == 12 && name.chars().all(|letter| letter.is_ascii_hexdigit())
    };
    let mut cleared = Vec::new();
    for schema in found.into_iter().filter(is_ours) {
        let is_left: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
                .bind(&schema)
                .fetch_one(&mut *guard)
                .await
                .map_err(sqlx)?;
        if !is_left {
            continue;
        }
        let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
        match database.writer.execute_unprepared(&drop).await {
            Ok(_) => cleared.push(schema),
            Err(error) => {
                tracing::warn!(%error, schema, "the schema of a killed rebuild cannot be removed");
            }
        }
        sqlx::query("SELECT pg_advisory_unlock_all()")
            .execute(&mut *guard)
            .await
            .map_err(sqlx)?;
    }
    Ok(cleared)
}

fn io(error: std::io::Error) -> DbErr {
    DbErr::Custom(format!("beside the database: {error}"))
}

fn sqlx(error: sqlx::Error) -> DbErr {
    DbErr::Conn(sea_orm::RuntimeErr::SqlxError(std::sync::Arc::new(error)))
}

fn file_of(url: &str) -> Result<PathBuf, DbErr> {
    let options: sqlx::sqlite::SqliteConnectOptions = url
        .parse()
        .map_err(|error: sqlx::Error| DbErr::Custom(error.to_string()))?;
    Ok(options.get_filename().to_owned())
}
