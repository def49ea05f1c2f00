use std::fs::File;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A file that any thread reads at any place.
///
/// Read, not mapped: a file that is cut off meanwhile gives an error instead of ending the process.
#[derive(Debug)]
pub(crate) struct ReadAt {
    path: PathBuf,
    file: File,
    len: u64,
}

impl ReadAt {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let metadata = file.metadata().map_err(Error::io("look at", path))?;
        if !metadata.is_file() {
            return Err(Error::format(path, "it is not an ordinary file"));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            len: metadata.len(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Bytes of the file when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `bytes` from `offset` on.
    pub(crate) fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        #[cfg(unix)]
        let result = std::os::unix::fs::FileExt::read_exact_at(&self.file, bytes, offset);
        #[cfg(windows)]
        let result = seek_read_exact(&self.file, bytes, offset);
        result.map_err(|error| {
            if error.kind() == std::io::ErrorKind::UnexpectedEof {
                let problem = format!("the file ends before {} bytes were read", bytes.len());
                return Error::record(&self.path, format!("byte {offset}"), problem);
            }
            Error::io("read", &self.path)(error)
        })
    }
}

#[cfg(windows)]
fn seek_read_exact(file: &File, mut bytes: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        offset += read as u64;
    }
    Ok(())
}

/// Bytes that one encoded image may have: 64 MiB. A length beyond it is taken for damage, before memory is asked for.
pub(crate) const MAX_RECORD_BYTES: u64 = 64 << 20;

impl ReadAt {
    /// Reads `length` bytes into `buffer`, in place of what it held.
    pub(crate) fn read_record(&self, offset: u64, length: u64, buffer: &mut Vec<u8>) -> Result<()> {
        if length > MAX_RECORD_BYTES {
            let problem =
                format!("a record of {length} bytes, at most {MAX_RECORD_BYTES} are read");
            return Err(Error::record(&self.path, format!("byte {offset}"), problem));
        }
        buffer.resize(length as usize, 0);
        self.read(offset, buffer)
    }
}
