//! The real program as a child process, to be killed without warning.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::client::{Client, Pair};
use super::database::TestDatabase;

const START_DEADLINE: Duration = Duration::from_secs(60);

/// A running `caretaker serve`; calls go through the client that it derefs to.
pub struct Process {
    child: Child,
    client: Client,
    /// Kept open: a program whose output nobody takes fails when it prints.
    output: Lines<BufReader<ChildStdout>>,
    /// What it printed until it was ready.
    pub greeting: String,
}

impl Process {
    /// Starts one on `database` and waits until it is ready. A second start on the same database finds the same data
    /// folder and credentials.
    pub async fn start(database: &TestDatabase) -> anyhow::Result<Self> {
        Self::start_with(database, &[]).await
    }

    /// With more arguments after `serve`.
    pub async fn start_with(database: &TestDatabase, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_by(command(database.folder()), database, arguments).await
    }

    /// With at most so many file descriptors.
    pub async fn start_within(database: &TestDatabase, most: usize) -> anyhow::Result<Self> {
        let mut shell = plain("sh", database.folder());
        shell
            .args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &most.to_string()])
            .arg(env!("CARGO_BIN_EXE_caretaker"));
        Self::start_by(shell, database, &[]).await
    }

    async fn start_by(
        mut command: Command,
        database: &TestDatabase,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let data = data_dir(database);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(database.folder().join("log"))?;
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--database-url", database.url()])
            .arg("--data-dir")
            .arg(&data)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("no output")?;
        let mut output = BufReader::new(stdout).lines();

        let said = || std::fs::read_to_string(database.folder().join("log")).unwrap_or_default();
        let greeting = tokio::time::timeout(START_DEADLINE, greeting(&mut output))
            .await
            .with_context(|| format!("no greeting; the log: {}", said()))?
            .with_context(|| format!("the log: {}", said()))?;
        let base = greeting
            .split_whitespace()
            .find_map(|word| word.strip_suffix("/graphiql"))
            .context("the greeting names no address")?
            .to_owned();
        let (matrix, urgent) = credentials(&data)?;
        let client = Client::new(base, matrix, urgent)?;
        let process = Self {
            child,
            client,
            output,
            greeting,
        };
        process.wait_until_ready().await?;
        Ok(process)
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            if let Ok(answer) = self.get("/readyz").await
                && answer.status == 200
            {
                return Ok(());
            }
            ensure!(started.elapsed() < START_DEADLINE, "not ready in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// Asks it to stop as an init system does, and waits for its end.
    pub async fn terminate(mut self) -> anyhow::Result<ExitStatus> {
        let id = self.child.id().context("it has already ended")?;
        let told = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()
            .await?;
        ensure!(told.success(), "kill -TERM: {told}");
        let ended = tokio::time::timeout(START_DEADLINE, self.child.wait());
        let status = ended.await.context("it did not stop")??;
        while let Some(line) = self.output.next_line().await? {
            self.greeting.push_str(&line);
        }
        Ok(status)
    }
}

impl Deref for Process {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// The program, started in `folder` without the settings of whoever runs the tests.
pub fn command(folder: &Path) -> Command {
    plain(env!("CARGO_BIN_EXE_caretaker"), folder)
}

fn plain(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARETAKER_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_BACKTRACE").current_dir(folder);
    command
}

/// Runs the program once on `database`: its exit code, and what it printed and said.
pub async fn run(
    database: &TestDatabase,
    arguments: &[&str],
) -> anyhow::Result<(Option<i32>, String, String)> {
    let output = command(database.folder())
        .args(arguments)
        .args(["--database-url", database.url()])
        .arg("--data-dir")
        .arg(data_dir(database))
        .output()
        .await?;
    let (printed, said) = (output.stdout, output.stderr);
    let (printed, said) = (String::from_utf8(printed)?, String::from_utf8(said)?);
    Ok((output.status.code(), printed, said))
}

/// The data folder of the processes on `database`.
pub fn data_dir(database: &TestDatabase) -> PathBuf {
    database.folder().join("data")
}

async fn greeting(output: &mut Lines<BufReader<ChildStdout>>) -> anyhow::Result<String> {
    let mut greeting = String::new();
    while let Some(line) = output.next_line().await? {
        greeting.push_str(&line);
        greeting.push('\n');
        // The command to try comes last.
        if line.trim_start().contains(" simulate") {
            return Ok(greeting);
        }
    }
    bail!("it ended after saying: {greeting}")
}

/// What the program made for itself on its first start.
fn credentials(data_dir: &Path) -> anyhow::Result<(Pair, Pair)> {
    let text = std::fs::read_to_string(data_dir.join("credentials.toml"))?;
    let table: toml::Table = text.parse()?;
    let word = |section: &str, name: &str| table[section][name].as_str().unwrap().to_owned();
    Ok((
        Pair::new(word("matrix", "username"), word("matrix", "password")),
        Pair::new(word("urgent", "token"), word("urgent", "secret")),
    ))
}
