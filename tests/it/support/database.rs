//! A fresh, empty database for one case.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tempfile::TempDir;

use super::postgres::Cluster;

/// The engine that a case runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

/// An empty database of one engine with a folder beside it; both are gone after the case.
pub struct TestDatabase {
    pub engine: Engine,
    url: String,
    name: Option<String>,
    folder: TempDir,
    cluster: Arc<Cluster>,
}

impl TestDatabase {
    pub async fn create(engine: Engine, cluster: &Arc<Cluster>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("a folder for the case")?;
        let (url, name) = match engine {
            Engine::Sqlite => {
                let file = folder.path().join("caretaker.db");
                (format!("sqlite://{}?mode=rwc", file.display()), None)
            }
            Engine::Postgres => {
                let name = cluster.create_database().await?;
                (cluster.url(&name)?, Some(name))
            }
        };
        Ok(Self {
            engine,
            url,
            name,
            folder,
            cluster: Arc::clone(cluster),
        })
    }

    /// One more of the same engine, for cases that compare two histories; it goes with the whole run.
    pub async fn another(&self) -> anyhow::Result<Self> {
        Self::create(self.engine, &self.cluster).await
    }

    /// Where it is; a second server or a restarted one finds the same rows here.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A folder for data and settings.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What is left to do when the case is over, also when it failed.
    pub fn cleanup(
        &self,
        cluster: &Arc<Cluster>,
    ) -> impl Future<Output = anyhow::Result<()>> + use<> {
        let name = self.name.clone();
        let cluster = Arc::clone(cluster);
        async move {
            match name {
                Some(name) => cluster.drop_database(&name).await,
                None => Ok(()),
            }
        }
    }
}
