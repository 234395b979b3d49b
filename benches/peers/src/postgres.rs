//! One private PostgreSQL: its own folder, a free port on loopback, durable, stopped at the end.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::guard::{Guarded, Start};

/// What is set beside the defaults, which are durable. Enough memory for the filled tables, as an operator would give.
const SETTINGS: [&str; 9] = [
    "shared_buffers=512MB",
    "effective_cache_size=2GB",
    "work_mem=16MB",
    "maintenance_work_mem=256MB",
    "max_wal_size=1GB",
    "checkpoint_timeout=15min",
    "random_page_cost=1.1",
    "jit=off",
    "max_connections=200",
];

/// A running server.
pub struct Postgres {
    server: Guarded,
    port: u16,
    /// Where its programs are.
    pub binaries: PathBuf,
}

impl Postgres {
    /// Starts the server on `folder`, which is made where it is not there.
    ///
    /// # Errors
    /// When there is no PostgreSQL, or it does not come up.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let binaries =
            binaries().context("PostgreSQL: neither in PATH nor in /usr/lib/postgresql")?;
        std::fs::create_dir_all(folder)?;
        let user = unprivileged_user()?;
        if let Some((uid, gid)) = user {
            chown(folder, Some(uid), Some(gid))?;
        }
        let data = folder.join("data");
        if !data.join("PG_VERSION").exists() {
            init(&binaries, &data, user)?;
        }
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut command = vec![
            binaries.join("postgres").display().to_string(),
            "-D".into(),
            data.display().to_string(),
            "-p".into(),
            port.to_string(),
        ];
        let own = ["listen_addresses=127.0.0.1", "unix_socket_directories="];
        let statements = ["shared_preload_libraries=pg_stat_statements"];
        let mut settings: Vec<&str> = own.into_iter().chain(SETTINGS).collect();
        if std::env::var_os("PEERS_STATEMENTS").is_some() {
            settings.extend(statements);
        }
        for setting in settings {
            command.extend(["-c".into(), setting.to_owned()]);
        }
        let log = folder.join("log");
        let server = Guarded::start(&Start {
            command: &command,
            variables: &[],
            log: &log,
            signal: "INT",
            user,
        })?;
        server.until(&log, Duration::from_secs(120), || {
            let state = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            state
                .lines()
                .nth(7)
                .is_some_and(|line| line.trim() == "ready")
                && TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        Ok(Self {
            server,
            port,
            binaries,
        })
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://caretaker@127.0.0.1:{}/{database}", self.port)
    }

    /// The process of which all its others are children.
    pub fn pid(&self) -> u32 {
        self.server.pid
    }

    /// A connection to one of its databases.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn connect(&self, database: &str) -> anyhow::Result<tokio_postgres::Client> {
        connect(&self.url(database)).await
    }

    /// Makes a database unless it is there; whether it was made.
    ///
    /// # Errors
    /// What the server says.
    pub async fn create(&self, database: &str) -> anyhow::Result<bool> {
        let client = self.connect("postgres").await?;
        let known = "SELECT 1 FROM pg_database WHERE datname = $1";
        if client.query_opt(known, &[&database]).await?.is_some() {
            return Ok(false);
        }
        client
            .batch_execute(&format!("CREATE DATABASE {database}"))
            .await?;
        Ok(true)
    }

    /// An empty database in the place of whatever had its name; its address.
    ///
    /// # Errors
    /// What the server says.
    pub async fn fresh(&self, database: &str) -> anyhow::Result<String> {
        let client = self.connect("postgres").await?;
        let drop = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        client.batch_execute(&drop).await?;
        self.create(database).await?;
        client.batch_execute("CHECKPOINT").await?;
        Ok(self.url(database))
    }
}

/// A connection by its address.
///
/// # Errors
/// When the server refuses it.
pub async fn connect(url: &str) -> anyhow::Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .context("PostgreSQL")?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("peers: PostgreSQL: {error}");
        }
    });
    Ok(client)
}

fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    // The newest of the system's first: what PATH names may lack pgbench beside it.
    versions
        .into_iter()
        .rev()
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

fn init(binaries: &Path, data: &Path, user: Option<(u32, u32)>) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(binaries.join("initdb"));
    command
        .arg("--pgdata")
        .arg(data)
        // On loopback, for as long as the run lasts, with nothing in it but made-up rows.
        .args(["--username=caretaker", "--auth=trust", "--no-sync"])
        .args(["--locale=C", "--encoding=UTF8"])
        .current_dir("/");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    let output = command.output().context("initdb")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "initdb: {said}");
    Ok(())
}

/// PostgreSQL refuses to run as root: then it runs as one of the users made for servers.
fn unprivileged_user() -> anyhow::Result<Option<(u32, u32)>> {
    if std::fs::metadata("/proc/self")?.uid() != 0 {
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
