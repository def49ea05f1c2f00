use burn::tensor::{DType, Device};

use crate::{Error, HeadContext, Result, setting};

/// Rows of a tensor are chosen by numbers of 32 bits.
const MOST_ROWS: u64 = i32::MAX as u64;

/// Bytes of a row's weights and momenta.
pub(crate) fn row_bytes(dim: usize, dtype: DType) -> u64 {
    2 * dim as u64 * dtype.size() as u64
}

/// Refuses more rows than a tensor can have.
///
/// # Errors
///
/// [`Error::Memory`].
pub(crate) fn check_rows(context: &HeadContext, dtype: DType, remedy: &'static str) -> Result<()> {
    let (rows, bytes) = (context.identities, row_bytes(context.dim, dtype));
    if rows <= MOST_ROWS {
        return Ok(());
    }
    Err(Error::Memory {
        identities: rows,
        needed_bytes: rows.saturating_mul(bytes),
        available_bytes: MOST_ROWS * bytes,
        remedy,
    })
}

/// Refuses what the device's memory cannot hold, where that can be known: on devices that live in the host's memory, on Linux.
///
/// # Errors
///
/// [`Error::Memory`].
pub(crate) fn check_memory(
    context: &HeadContext,
    needed_bytes: u64,
    device: &Device,
    remedy: &'static str,
) -> Result<()> {
    // Devices with a memory of their own keep a pool of it.
    if device.memory_pool_usage().is_some() {
        return Ok(());
    }
    match available_bytes() {
        Some(available_bytes) if needed_bytes > available_bytes => Err(Error::Memory {
            identities: context.identities,
            needed_bytes,
            available_bytes,
            remedy,
        }),
        _ => Ok(()),
    }
}

/// Refuses a training set without identities, and embeddings without dimensions.
///
/// # Errors
///
/// [`Error::NoIdentities`], [`Error::Setting`].
pub(crate) fn check_identities(context: &HeadContext) -> Result<()> {
    if context.identities == 0 {
        return Err(Error::NoIdentities);
    }
    setting::at_least_one("dim", context.dim)
}

/// Memory that a process can still have without swapping. None where the system does not say.
fn available_bytes() -> Option<u64> {
    mem_available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// `MemAvailable` of Linux's `/proc/meminfo`, in bytes.
fn mem_available(meminfo: &str) -> Option<u64> {
    let line = (meminfo.lines()).find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read() {
        let meminfo = "MemTotal:       24000 kB\nMemFree:  7 kB\nMemAvailable:   12345 kB\n";
        assert_eq!(mem_available(meminfo), Some(12_345 * 1024));
        for unknown in [
            "",
            "MemTotal: 1 kB",
            "MemAvailable: much kB",
            "MemAvailable: 5 pages",
        ] {
            assert_eq!(mem_available(unknown), None);
        }
    }
}
