//! Servers that end with this process, however it ends: a shell stands between, which sees its standard input close.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// Tells the server's process id, then waits for its own input to close and stops the server: `$1` is the signal,
/// `$2` the log.
const SCRIPT: &str = r#"
signal=$1; log=$2; shift 2
"$@" </dev/null >>"$log" 2>&1 &
server=$!
echo $server
trap '' INT TERM HUP
read -r _
kill -"$signal" "$server" 2>/dev/null
wait "$server"
"#;

/// A server that runs as long as this value lives.
pub struct Guarded {
    shell: Child,
    /// The id of the server's own process.
    pub pid: u32,
}

/// What is started.
pub struct Start<'a> {
    /// The program and its arguments.
    pub command: &'a [String],
    /// Variables of its environment.
    pub variables: &'a [(&'a str, String)],
    /// Where what it says goes.
    pub log: &'a Path,
    /// The signal that ends it.
    pub signal: &'a str,
    /// Whose process it is, where that is somebody else.
    pub user: Option<(u32, u32)>,
}

impl Guarded {
    /// Starts a server.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(start: &Start) -> anyhow::Result<Self> {
        // The log may be another user's to write.
        File::create(start.log).with_context(|| start.log.display().to_string())?;
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", SCRIPT, "guard", start.signal])
            .arg(start.log)
            .args(start.command)
            .envs(start.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The shell tells of signals, the server writes to its log.
            .stderr(Stdio::null())
            // Ctrl-C goes to the whole foreground group and would end the guard before its work.
            .process_group(0);
        if let Some((uid, gid)) = start.user {
            std::os::unix::fs::chown(start.log, Some(uid), Some(gid))?;
            shell.uid(uid).gid(gid).current_dir("/");
        }
        let mut shell = shell.spawn()?;
        let told = shell.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(told).read_line(&mut line)?;
        let pid = line.trim().parse().context("the server's process id")?;
        Ok(Self { shell, pid })
    }

    /// Waits until `is_up` says so.
    ///
    /// # Errors
    /// When the server ended, or takes longer than `patience`.
    pub fn until(
        &self,
        log: &Path,
        patience: Duration,
        mut is_up: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !is_up() {
            let said = || std::fs::read_to_string(log).unwrap_or_default();
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
            let runs = stat.is_ok_and(|stat| !stat.contains(") Z "));
            ensure!(runs, "it ended: {}", said());
            ensure!(
                begun.elapsed() < patience,
                "it does not come up: {}",
                said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        if let Err(error) = self.shell.wait() {
            eprintln!("peers: a server: {error}");
        }
    }
}
