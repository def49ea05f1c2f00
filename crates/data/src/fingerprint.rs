use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

use crate::read_at::ReadAt;
use crate::{Error, Result};

/// What tells a source from others and from its own earlier states.
///
/// Of record files: their names, lengths, times of change, first and last bytes. Of folders: the names of their images.
/// Made by a [`FingerprintWriter`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The format.
    kind: String,
    /// Number of files.
    files: u64,
    /// Bytes of these files; 0 where only names count.
    bytes: u64,
    /// Hash of everything but times.
    hash: String,
    /// Hash of the files' times of change; empty where only names count.
    times: String,
}

impl Fingerprint {
    /// Whether only the files' times of change differ.
    pub(crate) fn differs_in_times_alone(&self, other: &Self) -> bool {
        let times = other.times.clone();
        self != other
            && Self {
                times,
                ..self.clone()
            } == *other
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind)?;
        if self.files > 0 {
            write!(f, " of {} files", self.files)?;
        }
        if self.bytes > 0 {
            write!(f, " with {} bytes", self.bytes)?;
        }
        write!(f, " (state {})", self.hash.get(..8).unwrap_or_default())
    }
}

/// Bytes that are read at either end of a file.
const SAMPLE_BYTES: u64 = 1 << 12;

/// Collects a [`Fingerprint`].
pub struct FingerprintWriter {
    kind: &'static str,
    files: u64,
    bytes: u64,
    hash: Xxh3Default,
    times: Xxh3Default,
}

impl FingerprintWriter {
    /// For a source of this format, as a message calls it.
    pub fn new(kind: &'static str) -> Self {
        Self {
            kind,
            files: 0,
            bytes: 0,
            hash: Xxh3Default::new(),
            times: Xxh3Default::new(),
        }
    }

    /// A setting that changes what the source holds.
    pub fn setting(&mut self, bytes: &[u8]) {
        self.hash.update(&(bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    /// A file of which the name counts.
    pub fn name(&mut self, name: &[u8]) {
        self.files += 1;
        self.setting(name);
    }

    /// A file of which name, length, time of change, first and last bytes count. Its folder does not, so that a set can
    /// be moved.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn file(&mut self, path: &Path) -> Result<()> {
        let metadata = std::fs::metadata(path).map_err(Error::io("look at", path))?;
        let length = metadata.len();
        self.name(path.file_name().unwrap_or_default().as_encoded_bytes());
        self.bytes += length;
        let changed = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        self.times
            .update(&changed.map_or(0, |time| time.as_nanos()).to_le_bytes());
        let file = ReadAt::open(path)?;
        let mut sample = vec![0; SAMPLE_BYTES.min(length) as usize];
        for offset in [0, length - sample.len() as u64] {
            file.read(offset, &mut sample)?;
            self.setting(&sample);
        }
        self.setting(&length.to_le_bytes());
        Ok(())
    }

    /// The fingerprint of all that was told.
    pub fn finish(self) -> Fingerprint {
        Fingerprint {
            kind: self.kind.to_owned(),
            files: self.files,
            bytes: self.bytes,
            hash: format!("{:032x}", self.hash.digest128()),
            times: match self.bytes {
                0 => String::new(),
                _ => format!("{:016x}", self.times.digest()),
            },
        }
    }
}
