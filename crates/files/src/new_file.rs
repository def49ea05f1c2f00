use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::folder;

/// A file that appears under its name when it is complete and on disk; until then an older one stays.
///
/// It is written beside its place, as `.ffc-` and six random letters. Dropped before [`finish`](Self::finish) it vanishes; a kill leaves it
/// behind under that name. A link is replaced, not followed.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl NewFile {
    /// Begins a file that is going to be `path`.
    ///
    /// # Errors
    ///
    /// Where its folder is missing or cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut builder = tempfile::Builder::new();
        builder.prefix(".ffc-");
        #[cfg(unix)]
        {
            // As the process's umask has it: temporary files are private otherwise.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(builder.tempfile_in(folder::of(path))?),
        })
    }

    /// The file once more, with a position of its own at the beginning: parts can be written side by side. Whoever buffers there flushes
    /// before [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// Where it cannot be opened.
    pub fn reopen(&self) -> Result<File> {
        self.file.get_ref().reopen()
    }

    /// Waits for the disk, gives the file its name, and waits until that is on disk too.
    ///
    /// # Errors
    ///
    /// Where the disk is full or the file cannot be renamed: an older file is as it was. Where only the last wait fails the new file has
    /// its name already.
    pub fn finish(self) -> Result<()> {
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        folder::sync_folder(folder::of(&self.path))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush()
    }
}

/// Gives `path` the contents `bytes` by a [`NewFile`].
///
/// # Errors
///
/// As [`NewFile::create`] and [`NewFile::finish`].
pub fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(bytes.as_ref())?;
    file.finish()
}
