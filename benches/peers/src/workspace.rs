//! Peers that are built when they are needed: packages of this workspace, since what they stand on takes long.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::caretaker::free_port;
use crate::guard::{Guarded, Start};

/// Builds a package and starts it with a free port as its first argument; where it listens.
///
/// # Errors
/// When it does not build or come up.
pub fn start(package: &str, arguments: &[&str], folder: &Path) -> anyhow::Result<(Guarded, u16)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["--package", package, "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .status()
        .context("cargo")?;
    ensure!(status.success(), "{package} does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), Into::into);
    let port = free_port()?;
    let log = folder.join(format!("{package}.log"));
    let program = target.join("release").join(package).display().to_string();
    let mut command = vec![program, port.to_string()];
    command.extend(arguments.iter().map(|argument| (*argument).to_owned()));
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
