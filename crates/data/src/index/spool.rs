use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::section_writer::SectionWriter;
use crate::{Error, Result};

/// Bytes that wait for their place in an index file, in a nameless file that vanishes with the process.
pub(super) struct Spool {
    folder: PathBuf,
    /// None until there is a first byte.
    file: Option<BufWriter<File>>,
    bytes: u64,
}

impl Spool {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            file: None,
            bytes: 0,
        }
    }

    /// Number of bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let error = || Error::io("write a temporary file in", &self.folder);
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                let file = tempfile::tempfile_in(&self.folder).map_err(error())?;
                empty.insert(BufWriter::with_capacity(1 << 16, file))
            }
        };
        file.write_all(bytes).map_err(error())?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn copy_to(self, section: &mut SectionWriter) -> Result<()> {
        let Some(file) = self.file else {
            return Ok(());
        };
        let write_error = || Error::io("write a temporary file in", &self.folder);
        let read_error = || Error::io("read a temporary file in", &self.folder);
        let mut file = file
            .into_inner()
            .map_err(|failed| write_error()(failed.into_error()))?;
        file.rewind().map_err(read_error())?;
        let mut reader = BufReader::new(file);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = reader.read(&mut buffer).map_err(read_error())?;
            if read == 0 {
                return Ok(());
            }
            section.put(&buffer[..read])?;
        }
    }
}
