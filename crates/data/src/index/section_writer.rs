use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ffc_files::Hashed;

use super::header::Section;
use crate::{Error, Result};

/// Writes one section of an index file and sums it up.
pub(super) struct SectionWriter {
    path: PathBuf,
    offset: u64,
    file: Hashed<BufWriter<File>>,
}

impl SectionWriter {
    /// `file` must have a position of its own.
    pub(super) fn new(mut file: File, offset: u64, path: &Path) -> Result<Self> {
        file.seek(SeekFrom::Start(offset))
            .map_err(Error::io("write", path))?;
        Ok(Self {
            path: path.to_owned(),
            offset,
            file: Hashed::new(BufWriter::with_capacity(1 << 18, file)),
        })
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes)
            .map_err(Error::io("write", &self.path))
    }

    pub(super) fn finish(mut self) -> Result<Section> {
        self.flush().map_err(Error::io("write", &self.path))?;
        Ok(Section {
            offset: self.offset,
            length: self.file.bytes(),
            checksum: self.file.xxh3(),
        })
    }
}

impl Write for SectionWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
