use std::fs::{File, TryLockError};
use std::io::Result;
use std::path::Path;

/// The lock's file, which stays.
const FILE: &str = ".lock";

/// A folder that one process at a time holds, until this is dropped or the process is gone.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "locked while it lives")] File);

impl FolderLock {
    /// Takes the lock of a folder. None where another process has it, or another part of this one.
    ///
    /// # Errors
    ///
    /// Where the lock's file cannot be opened or locked.
    pub fn take(folder: impl AsRef<Path>) -> Result<Option<Self>> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.as_ref().join(FILE))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether another has the lock of a folder. One that was never locked, or is not there, is free.
    pub fn is_taken(folder: impl AsRef<Path>) -> bool {
        let folder = folder.as_ref();
        folder.join(FILE).exists() && matches!(Self::take(folder), Ok(None))
    }
}
