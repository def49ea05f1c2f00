//! What a device cannot hold is refused before an allocator gives up.

use burn::tensor::{DType, Device};

use crate::{Error, Result};

/// Rows of a tensor are chosen by numbers of 32 bits.
const MOST_ROWS: u64 = i32::MAX as u64;

/// Bytes of matrices with as many rows.
pub(crate) fn bytes(matrices: usize, rows: u64, dim: usize, dtype: DType) -> u64 {
    let row = matrices as u64 * dtype.size() as u64;
    rows.saturating_mul((dim as u64).saturating_mul(row))
}

/// Rows that shall be held on a device.
pub(crate) struct Held {
    /// What the rows are, in the plural.
    pub(crate) what: &'static str,
    pub(crate) rows: u64,
    /// What all of them take.
    pub(crate) bytes: u64,
    /// What would fit.
    pub(crate) remedy: &'static str,
}

impl Held {
    /// Refuses more bytes than there is memory, where that can be known: on devices that live in the host's memory, on Linux. Refuses
    /// more rows than a tensor can have.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`].
    pub(crate) fn check(&self, device: &Device) -> Result<()> {
        self.check_bytes(device)?;
        if self.rows > MOST_ROWS {
            return Err(self.more_than(self.bytes / self.rows * MOST_ROWS));
        }
        Ok(())
    }

    /// The same without regard to the number of rows.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`].
    pub(crate) fn check_bytes(&self, device: &Device) -> Result<()> {
        // Devices with a memory of their own keep a pool of it.
        if device.memory_pool_usage().is_some() {
            return Ok(());
        }
        match available_bytes() {
            Some(available_bytes) if self.bytes > available_bytes => {
                Err(self.more_than(available_bytes))
            }
            _ => Ok(()),
        }
    }

    fn more_than(&self, available_bytes: u64) -> Error {
        Error::Memory {
            what: self.what,
            rows: self.rows,
            needed_bytes: self.bytes,
            available_bytes,
            remedy: self.remedy,
        }
    }
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
