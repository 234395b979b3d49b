//! How much memory a process of this machine holds, as the kernel tells it.

use anyhow::Context;

/// The resident memory of a process, in bytes.
///
/// # Errors
/// There is no such process here, or the kernel does not tell.
pub(super) fn of(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path)
        .with_context(|| format!("--server-pid: {path} cannot be read on this machine"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    let kilobytes = kilobytes.with_context(|| format!("--server-pid: {path} tells no VmRSS"))?;
    Ok(kilobytes * 1024.0)
}
