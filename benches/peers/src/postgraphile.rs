//! PostGraphile 5 in production mode on the same tables: installed once by npm, run by the Node 22 that npm brings.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::caretaker::free_port;
use crate::guard::{Guarded, Start};

/// What it needs to be asked the same: the timeline as a function, as its documentation advises for unions.
pub const PREPARE: &str = "CREATE OR REPLACE FUNCTION public.task_timeline(t public.task)
    RETURNS SETOF public.activity LANGUAGE sql STABLE AS $$
        SELECT a.* FROM public.activity a WHERE a.seq IN (
            SELECT seq FROM public.activity WHERE task_id = t.id
            UNION ALL SELECT seq FROM public.activity_link WHERE subject_id = t.id)
        ORDER BY a.occurred_at, a.seq
    $$";

/// A running PostGraphile.
pub struct PostGraphile {
    server: Guarded,
    /// Where it listens.
    pub port: u16,
}

impl PostGraphile {
    /// Starts it on a database.
    ///
    /// # Errors
    /// When npm or the server fails.
    pub fn start(url: &str, folder: &Path) -> anyhow::Result<Self> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("postgraphile");
        let node = project.join("node_modules/node/bin/node");
        if !node.exists() {
            let status = Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(&project)
                .status()
                .context("npm")?;
            ensure!(status.success(), "npm ci in {}", project.display());
        }
        let port = free_port()?;
        let log = folder.join("postgraphile.log");
        let command = [
            node.display().to_string(),
            project.join("server.mjs").display().to_string(),
        ];
        let variables = [
            ("NODE_ENV", "production".into()),
            ("GRAPHILE_ENV", "production".into()),
            ("DATABASE_URL", url.to_owned()),
            ("PORT", port.to_string()),
        ];
        let server = Guarded::start(&Start {
            command: &command,
            variables: &variables,
            log: &log,
            signal: "TERM",
            user: None,
        })?;
        server.until(&log, Duration::from_secs(120), || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        Ok(Self { server, port })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.server.pid
    }
}
