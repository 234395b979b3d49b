//! One private PostgreSQL server for the whole run: its own folder, a free port on loopback, stopped and removed at the
//! end however the run ends.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

const START_DEADLINE: Duration = Duration::from_secs(60);

/// Stops the server and removes its folder when standard input closes. The kernel closes it whatever ends the test
/// run, so that a panic, Ctrl-C or `kill -9` leaves nothing behind. A line on standard input
/// ends the server without a goodbye (`pg_ctl stop -m immediate`), the next one starts it again.
pub(super) const GUARD: &str = r#"
folder=$1; shift
start() { "$@" </dev/null >>"$folder/log" 2>&1 & server=$!; }
start "$@"
trap '' INT TERM HUP
while read -r _; do
    kill -QUIT "$server"
    wait "$server"
    read -r _ && start "$@"
done
kill -QUIT "$server" 2>/dev/null
wait "$server"
cd / && rm -rf "$folder"
"#;

/// The server of this run, started when the first case asks for it.
pub struct Cluster {
    binaries: Option<PathBuf>,
    started: OnceLock<Result<Server, String>>,
    databases: AtomicU32,
}

struct Server {
    guard: Mutex<Child>,
    port: u16,
    password: String,
}

impl Cluster {
    /// Looks for the server's programs in PATH and where Debian puts them.
    pub fn find() -> Self {
        let in_path = std::env::var_os("PATH")
            .map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
            .unwrap_or_default();
        let mut in_versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .map(|version| version.path().join("bin"))
            .collect();
        in_versions.sort();
        let binaries = in_path
            .into_iter()
            .chain(in_versions.into_iter().rev())
            .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists());
        Self {
            binaries,
            started: OnceLock::new(),
            databases: AtomicU32::new(0),
        }
    }

    /// Whether there is no server to start.
    pub fn is_missing(&self) -> bool {
        self.binaries.is_none()
    }

    /// Creates an empty database and gives its name.
    pub async fn create_database(&self) -> anyhow::Result<String> {
        let name = format!("case_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.administer(format!("CREATE DATABASE {name}")).await?;
        Ok(name)
    }

    /// Drops a database, with the connections that a failed case left open.
    pub async fn drop_database(&self, name: &str) -> anyhow::Result<()> {
        self.administer(format!("DROP DATABASE {name} WITH (FORCE)"))
            .await
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> anyhow::Result<String> {
        let server = self.server()?;
        Ok(format!(
            "postgres://caretaker:{}@127.0.0.1:{}/{database}",
            server.password, server.port
        ))
    }

    /// Ends the server without a goodbye (`pg_ctl stop -m immediate`) and waits until it is gone.
    pub async fn halt(&self) -> anyhow::Result<()> {
        self.tell_guard("halt")?;
        self.until(false).await.context("it did not end")
    }

    /// Starts the server again after [`Cluster::halt`] and waits until it answers.
    pub async fn resume(&self) -> anyhow::Result<()> {
        self.tell_guard("resume")?;
        self.until(true).await.context("it did not come up again")
    }

    fn tell_guard(&self, word: &str) -> anyhow::Result<()> {
        let server = self.server()?;
        let mut guard = server.guard.lock().map_err(|_| anyhow!("a case failed"))?;
        let input = guard.stdin.as_mut().context("the guard is gone")?;
        Ok(writeln!(input, "{word}")?)
    }

    async fn until(&self, answers: bool) -> anyhow::Result<()> {
        let url = self.url("postgres")?;
        let begun = Instant::now();
        while PgConnection::connect(&url).await.is_ok() != answers {
            ensure!(begun.elapsed() < START_DEADLINE, "not in time");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Stops the server and waits until its folder is gone.
    pub fn stop(&self) {
        if let Some(Ok(server)) = self.started.get()
            && let Ok(mut guard) = server.guard.lock()
        {
            drop(guard.stdin.take());
            if let Err(error) = guard.wait() {
                eprintln!("the PostgreSQL server of this run: {error}");
            }
        }
    }

    async fn administer(&self, statement: String) -> anyhow::Result<()> {
        let url = self.url("postgres")?;
        let mut connection = PgConnection::connect(&url).await?;
        connection
            .execute(sqlx::AssertSqlSafe(statement))
            .await
            .context("the PostgreSQL server of this run")?;
        connection.close().await?;
        Ok(())
    }

    fn server(&self) -> anyhow::Result<&Server> {
        let started = self.started.get_or_init(|| {
            let binaries = self.binaries.as_deref().ok_or_else(|| {
                "PostgreSQL's initdb and postgres are neither in PATH nor in /usr/lib/postgresql/*/bin"
                    .to_owned()
            })?;
            start(binaries).map_err(|error| format!("{error:#}"))
        });
        started
            .as_ref()
            .map_err(|reason| anyhow::anyhow!("no PostgreSQL server: {reason}"))
    }
}

fn start(binaries: &Path) -> anyhow::Result<Server> {
    let folder = tempfile::Builder::new()
        .prefix("caretaker-postgres-")
        .tempdir()?;
    let user = unprivileged_user(folder.path())?;
    if let Some((uid, gid)) = user {
        chown(folder.path(), Some(uid), Some(gid))?;
    }
    let password = Uuid::new_v4().simple().to_string();
    let password_file = folder.path().join("password");
    std::fs::File::create_new(&password_file)?.write_all(password.as_bytes())?;
    // The folder itself is closed to others.
    std::fs::set_permissions(&password_file, std::fs::Permissions::from_mode(0o644))?;

    let data = folder.path().join("data");
    init(binaries, &data, &password_file, user)?;

    // Another process may take the port between the look and the start: then the next one is tried.
    for _ in 0..5 {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut guard = guard(binaries, folder.path(), &data, port, user)?;
        if accepts_connections(port, &mut guard, &data)? {
            // From here on the guard removes the folder.
            let _ = folder.keep();
            return Ok(Server {
                guard: Mutex::new(guard),
                port,
                password,
            });
        }
        guard.kill()?;
        guard.wait()?;
    }
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    bail!("it did not start: {log}")
}

fn init(
    binaries: &Path,
    data: &Path,
    password_file: &Path,
    user: Option<(u32, u32)>,
) -> anyhow::Result<()> {
    // A language's collation by default shows text that relies on the cluster's locale; builds without ICU do without.
    let locales: [&[&str]; 2] = [&["--locale-provider=icu", "--icu-locale=en"], &[]];
    let mut said = String::new();
    for locale in locales {
        let mut command = Command::new(binaries.join("initdb"));
        command
            .arg("--pgdata")
            .arg(data)
            .arg("--pwfile")
            .arg(password_file)
            .args(["--username=caretaker", "--auth=password", "--no-sync"])
            .args(["--locale=C", "--encoding=UTF8"])
            .args(locale)
            .current_dir("/");
        let output = run_as(&mut command, user)
            .output()
            .with_context(|| format!("{}/initdb", binaries.display()))?;
        if output.status.success() {
            return Ok(());
        }
        said = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    bail!("initdb: {said}")
}

fn guard(
    binaries: &Path,
    folder: &Path,
    data: &Path,
    port: u16,
    user: Option<(u32, u32)>,
) -> anyhow::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", GUARD, "guard"])
        .arg(folder)
        .arg(binaries.join("postgres"))
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string()])
        .args(["-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "unix_socket_directories="])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C goes to the whole foreground group and would end the guard before its work.
        .process_group(0);
    Ok(run_as(&mut command, user).spawn()?)
}

/// Whether the server came up; an error when it takes too long.
fn accepts_connections(port: u16, guard: &mut Child, data: &Path) -> anyhow::Result<bool> {
    let started = Instant::now();
    loop {
        // The server writes its state on the last line of this file.
        let state = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        if state
            .lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
            && state.lines().nth(3) == Some(&port.to_string())
        {
            return Ok(true);
        }
        let log = data.with_file_name("log");
        let said = std::fs::read_to_string(log).unwrap_or_default();
        if said.contains("FATAL") || guard.try_wait()?.is_some() {
            return Ok(false);
        }
        ensure!(
            started.elapsed() < START_DEADLINE,
            "not ready within {START_DEADLINE:?}: {said}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// PostgreSQL refuses to run as root: then it runs as one of the users made for servers.
fn unprivileged_user(owned_by_us: &Path) -> anyhow::Result<Option<(u32, u32)>> {
    if std::fs::metadata(owned_by_us)?.uid() != 0 {
        return Ok(None);
    }
    let accounts = std::fs::read_to_string("/etc/passwd").context("the list of users")?;
    let find = |wanted: &str| {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let (uid, gid) = (fields.nth(1)?, fields.next()?);
            (name == wanted).then_some((uid.parse().ok()?, gid.parse().ok()?))
        })
    };
    find("postgres")
        .or_else(|| find("nobody"))
        .map(Some)
        .context("this run is root's and there is neither a user `postgres` nor `nobody`")
}

fn run_as(command: &mut Command, user: Option<(u32, u32)>) -> &mut Command {
    match user {
        Some((uid, gid)) => command.uid(uid).gid(gid),
        None => command,
    }
}
