//! Where an estate stands: a folder that holds the database and caretaker's files, kept or temporary, filled once.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::caretaker::Caretaker;
use crate::estate::Size;
use crate::fill::{self, Filled};
use crate::postgres::Postgres;

/// The two databases that caretaker runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// A private server.
    Postgres,
    /// A file.
    Sqlite,
}

/// A filled estate, with its database running.
pub struct Place {
    /// Which database it is on.
    pub engine: Engine,
    /// The server, where there is one.
    pub postgres: Option<Postgres>,
    /// The name of the database, where it is on a server.
    pub database: String,
    /// Its size.
    pub size: Size,
    /// How fast it was filled, when that was.
    pub filled: Filled,
    folder: PathBuf,
    program: PathBuf,
    is_kept: bool,
}

/// The database that a filled estate is in.
const DATABASE: &str = "estate";

impl Place {
    /// Opens the estate in `folder`, or fills it there.
    ///
    /// # Errors
    /// When a server does not come up, or the folder holds another estate.
    pub async fn open(
        engine: Engine,
        folder: &Path,
        is_kept: bool,
        program: &Path,
        size: Size,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let postgres = match engine {
            Engine::Postgres => Some(Postgres::start(&folder.join("postgres"))?),
            Engine::Sqlite => None,
        };
        let note = folder.join("filled.json");
        let mut place = Self {
            engine,
            postgres,
            database: DATABASE.to_owned(),
            size,
            filled: Filled::default(),
            folder,
            program: program.to_owned(),
            is_kept,
        };
        if let Ok(told) = std::fs::read_to_string(&note) {
            let (known, filled): (Size, Filled) = serde_json::from_str(&told)?;
            if known != size {
                bail!("{} holds another estate: {known:?}", place.folder.display());
            }
            place.filled = filled;
            return Ok(place);
        }
        if let Some(postgres) = &place.postgres {
            let created = postgres.create(DATABASE).await?;
            anyhow::ensure!(created, "{}: half filled", place.folder.display());
        }
        let caretaker = place.caretaker()?;
        place.filled = fill::fill(caretaker.port, size).await?;
        drop(caretaker);
        place.settle().await?;
        std::fs::write(&note, serde_json::to_string(&(size, place.filled))?)?;
        Ok(place)
    }

    /// Starts caretaker on it.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn caretaker(&self) -> anyhow::Result<Caretaker> {
        let url = self.url();
        let folder = self.folder.join("caretaker");
        Caretaker::start(&self.program, &folder, url.as_deref(), self.size)
    }

    /// The database's address, where it is a server.
    pub fn url(&self) -> Option<String> {
        self.postgres
            .as_ref()
            .map(|postgres| postgres.url(&self.database))
    }

    /// The database's file, where it is one.
    pub fn file(&self) -> PathBuf {
        self.folder.join("caretaker/caretaker.db")
    }

    /// The folder of what belongs to it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings the planner's figures up, so that they do not change while something is measured.
    ///
    /// # Errors
    /// What the database says.
    pub async fn settle(&self) -> anyhow::Result<()> {
        match &self.postgres {
            Some(postgres) => {
                let client = postgres.connect(&self.database).await?;
                client.batch_execute("VACUUM (ANALYZE)").await?;
                client.batch_execute("CHECKPOINT").await?;
            }
            None => {
                let file = rusqlite::Connection::open(self.file()).context("the file")?;
                file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize;")?;
            }
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The server stops before its folder goes.
        drop(self.postgres.take());
        if !self.is_kept
            && let Err(error) = std::fs::remove_dir_all(&self.folder)
        {
            eprintln!("peers: {}: {error}", self.folder.display());
        }
    }
}
