//! The CPU time that a process and all it started have used, exited children included.

use std::collections::HashMap;

use anyhow::Context;

/// Ticks of a second, as `/proc` counts them; the same on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

struct Process {
    parent: u32,
    /// Its own time and that of the children it has waited for.
    ticks: u64,
}

/// Seconds of CPU of the process `root`, of its descendants, and of those of them that have ended.
///
/// # Errors
/// When the process is gone.
pub fn seconds(root: u32) -> anyhow::Result<f64> {
    let mut processes = HashMap::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if let Some(process) = read(pid) {
            processes.insert(pid, process);
        }
    }
    let mut ticks = processes.get(&root).context("the server is gone")?.ticks;
    for (pid, process) in &processes {
        let mut above = process.parent;
        while above != 0 && above != root {
            above = processes.get(&above).map_or(0, |process| process.parent);
        }
        if above == root && *pid != root {
            ticks += process.ticks;
        }
    }
    Ok(ticks as f64 / TICKS)
}

fn read(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything; what follows its last bracket may not.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // From the state on (field 3): parent is field 4, utime, stime, cutime, cstime are 14 to 17.
    let ticks = fields
        .get(11..15)?
        .iter()
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        ticks,
    })
}
