use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A file that grows by whole entries.
pub(super) struct AppendFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl AppendFile {
    /// Opens an existing file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::with(path, OpenOptions::new().append(true))
    }

    /// Makes a file; an existing one is an error.
    pub(super) fn create_new(path: &Path) -> Result<Self> {
        Self::with(path, OpenOptions::new().append(true).create_new(true))
    }

    fn with(path: &Path, options: &OpenOptions) -> Result<Self> {
        let file = options.open(path).map_err(Error::io("open", path))?;
        let bytes = file.metadata().map_err(Error::io("open", path))?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Appends an entry: on an error the file is as it was, as far as the system allows.
    pub(super) fn append(&mut self, entry: &[u8]) -> Result<()> {
        if let Err(error) = self.file.write_all(entry) {
            // What was written of it would damage the file's middle if writing went on.
            let _ = self.file.set_len(self.bytes);
            return Err(Error::io("write", &self.path)(error));
        }
        self.bytes += entry.len() as u64;
        Ok(())
    }

    /// Waits until all entries are on disk.
    pub(super) fn sync(&self) -> Result<()> {
        self.file
            .sync_data()
            .map_err(Error::io("write", &self.path))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_an_error_with_the_path() {
        let mut file = AppendFile::open(Path::new("/dev/full")).unwrap();
        let error = file.append(b"line\n").unwrap_err();
        assert_eq!(error.to_string(), "cannot write /dev/full");
        assert!(std::error::Error::source(&error).is_some());
        assert!(file.is_empty());
    }
}
