use std::path::Path;

use super::Source;
use crate::index::{BuildConfig, BuildProgress, Index, IndexBuilder};
use crate::{Error, Result};

impl<'a> IndexBuilder<'a> {
    /// Scans `source` and writes its index to `path`: aside first, synced, then renamed.
    ///
    /// # Errors
    /// If the source cannot be read or contradicts itself, or the index cannot be written. No file is left then.
    pub fn build(
        source: &dyn Source,
        path: &Path,
        config: &BuildConfig,
        progress: &'a mut dyn FnMut(BuildProgress),
    ) -> Result<()> {
        let described = (source.path(), source.expects());
        Self::write_scanned(described, path, config, progress, |builder| {
            source.scan_with_fingerprint(builder)
        })
    }
}

impl Index {
    /// Opens an index and checks that it was made from `source` as it is now.
    ///
    /// Of the index, reads the header alone; see [`verify`](Self::verify) for the rest. Of the source, what its
    /// [fingerprint](Source::fingerprint) needs: of a folder the names of all files.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or is [stale](Error::StaleIndex).
    pub fn open(path: &Path, source: &dyn Source) -> Result<Self> {
        let index = Self::open_unchecked(path)?;
        let found = source.fingerprint()?;
        let known = index.fingerprint();
        if known.differs_in_times_alone(&found) {
            return Err(Error::ChangedSource {
                index: path.to_owned(),
                source_path: source.path().to_owned(),
            });
        }
        if found != *known {
            return Err(Error::StaleIndex {
                index: path.to_owned(),
                source_path: source.path().to_owned(),
                known: known.to_string(),
                found: found.to_string(),
            });
        }
        Ok(index)
    }
}
