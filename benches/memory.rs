//! Memory of this process as Linux counts it.

use std::io::{Error, Result};

/// Resident memory now, in MiB.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn resident_mib() -> Result<f64> {
    status("VmRSS:")
}

/// The most resident memory so far, in MiB.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn peak_mib() -> Result<f64> {
    status("VmHWM:")
}

fn status(name: &str) -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0)
        .ok_or_else(|| Error::other(format!("{name} is missing")))
}
