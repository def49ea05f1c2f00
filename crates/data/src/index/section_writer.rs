use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3Default;

use super::header::Section;
use crate::{Error, Result};

/// Writes one section of an index file and sums it up.
pub(super) struct SectionWriter {
    path: PathBuf,
    offset: u64,
    length: u64,
    hash: Xxh3Default,
    file: BufWriter<File>,
}

impl SectionWriter {
    /// `file` must have a position of its own.
    pub(super) fn new(mut file: File, offset: u64, path: &Path) -> Result<Self> {
        file.seek(SeekFrom::Start(offset))
            .map_err(Error::io("write", path))?;
        Ok(Self {
            path: path.to_owned(),
            offset,
            length: 0,
            hash: Xxh3Default::new(),
            file: BufWriter::with_capacity(1 << 18, file),
        })
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes)
            .map_err(Error::io("write", &self.path))
    }

    pub(super) fn finish(mut self) -> Result<Section> {
        self.file.flush().map_err(Error::io("write", &self.path))?;
        Ok(Section {
            offset: self.offset,
            length: self.length,
            checksum: self.hash.digest(),
        })
    }
}

impl Write for SectionWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
