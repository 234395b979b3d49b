//! The service that one would write at first (`stock/`), built when it is needed: SeaORM takes long.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::call::MATRIX;
use crate::caretaker::free_port;
use crate::guard::{Guarded, Start};

/// Builds it and starts it on a database, with rows as wide as those of `example`.
///
/// # Errors
/// When it does not build or come up.
pub(super) fn start(
    database: &str,
    example: &str,
    folder: &Path,
) -> anyhow::Result<(Guarded, u16)> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let status = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--package",
            "stock",
            "--manifest-path",
        ])
        .arg(manifest)
        .status()
        .context("cargo")?;
    ensure!(status.success(), "stock does not build");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(target, Into::into);
    let port = free_port()?;
    let log = folder.join("stock.log");
    let command = [
        target.join("release/stock").display().to_string(),
        database.to_owned(),
        example.to_owned(),
        port.to_string(),
        format!("{}:{}", MATRIX.0, MATRIX.1),
    ];
    let server = Guarded::start(&Start {
        command: &command,
        variables: &[],
        log: &log,
        signal: "TERM",
        user: None,
    })?;
    server.until(&log, Duration::from_secs(60), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    })?;
    Ok((server, port))
}
