//! caretaker itself: the release program with its settings as they come, but for what names the estate's places and
//! credentials.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::call::{MATRIX, URGENT};
use crate::estate::{self, Size};
use crate::guard::{Guarded, Start};

/// A running caretaker.
pub struct Caretaker {
    server: Guarded,
    /// Where it listens.
    pub port: u16,
}

/// The release program: the one that was named, else it is built.
///
/// # Errors
/// When the build fails.
pub fn program(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        return named
            .canonicalize()
            .with_context(|| named.display().to_string());
    }
    let root = root();
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--bin", "caretaker"])
        .current_dir(&root)
        .status()
        .context("cargo")?;
    ensure!(status.success(), "caretaker does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    Ok(target.join("release/caretaker"))
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root)
}

/// A port on which nobody listens now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Caretaker {
    /// Starts it with its files in `folder`; on SQLite there where `database` is none.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(
        program: &Path,
        folder: &Path,
        database: Option<&str>,
        size: Size,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let port = free_port()?;
        let settings = folder.join("caretaker.toml");
        std::fs::write(&settings, self::settings(port, folder, database, size))?;
        let log = folder.join("caretaker.log");
        let command = [
            program.display().to_string(),
            "serve".into(),
            "--config".into(),
            settings.display().to_string(),
        ];
        let server = Guarded::start(&Start {
            command: &command,
            variables: &[],
            log: &log,
            signal: "TERM",
            user: None,
        })?;
        server.until(&log, Duration::from_secs(120), || is_ready(port))?;
        Ok(Self { server, port })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.server.pid
    }
}

/// It listens before its database is brought up: only `/readyz` tells.
fn is_ready(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    };
    ask().is_ok_and(|said| said.starts_with("HTTP/1.1 200"))
}

fn settings(port: u16, folder: &Path, database: Option<&str>, size: Size) -> String {
    // Live subscribers are as many as are asked for.
    let mut text = format!(
        "listen = \"127.0.0.1:{port}\"\nmax_connections = 20000\ndata_dir = {:?}\n",
        folder
    );
    if let Some(database) = database {
        text.push_str(&format!("database_url = {database:?}\n"));
    }
    text.push_str(&format!(
        "[[matrix.credentials]]\nname = \"bus\"\nusername = {:?}\npassword = {:?}\n",
        MATRIX.0, MATRIX.1
    ));
    text.push_str(&format!(
        "[[urgent.credentials]]\nname = \"users\"\ntoken = {:?}\nsecret = {:?}\n",
        URGENT.0, URGENT.1
    ));
    for building in estate::buildings(size) {
        text.push_str(&format!(
            "[[places]]\nname = {:?}\nmatrix = [{:?}]\nurgent = [{{ tenant = {:?}, site = {:?} }}]\n",
            building.name, building.matrix, building.tenant, building.site
        ));
    }
    text
}
