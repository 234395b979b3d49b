//! A private NATS server for one case: a free port on loopback, a password, gone with the case however that ends.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use async_nats::{ConnectOptions, Subscriber};
use futures_util::StreamExt;
use tokio::net::TcpStream;

use super::postgres::GUARD;

const START_DEADLINE: Duration = Duration::from_secs(30);
/// How long to wait for a hint that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the servers of the tests ask for.
pub const PASSWORD: &str = "a-password-of-nats";

/// A running server.
pub struct Nats {
    guard: Child,
    port: u16,
    log: PathBuf,
    /// How often it was started.
    starts: usize,
}

/// What is said there, heard from outside.
pub struct Hints(Subscriber);

impl Nats {
    /// Whether there is no server to start.
    pub fn is_missing() -> bool {
        program().is_none()
    }

    /// Starts one and waits until it answers.
    pub async fn start() -> anyhow::Result<Self> {
        let program = program().context("no NATS server: `nats-server` is not in PATH")?;
        // Another process may have the port: then the next one is tried.
        let mut said = String::new();
        for _ in 0..10 {
            let folder = tempfile::Builder::new()
                .prefix("caretaker-nats-")
                .tempdir()?;
            // None of those that systems give to whoever asks for any: it must still be free after an outage.
            let port = fastrand::u16(16_000..32_000);
            let mut command = Command::new("/bin/sh");
            command
                .args(["-c", GUARD, "guard"])
                .arg(folder.path())
                .arg(&program)
                .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
                .args(["--user", "caretaker", "--pass", PASSWORD])
                .current_dir("/")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                // Ctrl-C goes to the whole foreground group and would end the guard before its work.
                .process_group(0);
            let nats = Self {
                guard: command.spawn()?,
                port,
                // From here on the guard removes the folder.
                log: folder.keep().join("log"),
                starts: 1,
            };
            match nats.until_ready().await {
                Ok(()) => return Ok(nats),
                Err(error) => said = error.to_string(),
            }
        }
        anyhow::bail!("NATS did not start: {said}")
    }

    /// Where it is, with what it asks for.
    pub fn url(&self) -> String {
        format!("nats://caretaker:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// Ends the server without a goodbye and waits until it is gone.
    pub async fn halt(&mut self) -> anyhow::Result<()> {
        self.tell_guard("halt")?;
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
            ensure!(begun.elapsed() < START_DEADLINE, "NATS did not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Starts it again after [`Nats::halt`] and waits until it answers.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        self.tell_guard("resume")?;
        self.starts += 1;
        self.until_ready().await
    }

    /// Hears everything that is said from now on.
    pub async fn hear(&self) -> anyhow::Result<Hints> {
        let login = ConnectOptions::with_user_and_password("caretaker".into(), PASSWORD.into());
        let client = login
            .connect(format!("nats://127.0.0.1:{}", self.port))
            .await?;
        let mut hints = Hints(client.subscribe(">").await?);
        // Its own word comes back once the server knows of the subscription.
        client.publish("hear", Vec::new().into()).await?;
        ensure!(hints.next().await? == "hear", "another word");
        Ok(hints)
    }

    fn tell_guard(&mut self, word: &str) -> anyhow::Result<()> {
        let input = self.guard.stdin.as_mut().context("the guard is gone")?;
        Ok(writeln!(input, "{word}")?)
    }

    /// By its own word: who answers at the port may be another.
    async fn until_ready(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let said = std::fs::read_to_string(&self.log).unwrap_or_default();
            if said.matches("Server is ready").count() >= self.starts {
                return Ok(());
            }
            let has_failed = said.contains("[FTL]") || begun.elapsed() > START_DEADLINE;
            ensure!(!has_failed, "NATS does not start: {said}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Hints {
    /// The subject of the next word, which must be empty.
    pub async fn next(&mut self) -> anyhow::Result<String> {
        let hint = tokio::time::timeout(PATIENCE, self.0.next()).await;
        let hint = hint.context("no hint came")?.context("NATS is gone")?;
        ensure!(hint.payload.is_empty(), "a hint that says something");
        Ok(hint.subject.to_string())
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        if let Err(error) = self.guard.wait() {
            eprintln!("the NATS server of a case: {error}");
        }
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Where Debian puts it is not in everybody's PATH.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let programs = folders.map(|folder| folder.join("nats-server"));
    programs.into_iter().find(|program| program.exists())
}
