use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::Dataset;
use crate::index::{BuildConfig, BuildProgress, Index, IndexBuilder};
use crate::source::{Source, SourceConfig};
use crate::{Error, Result};

/// Sources with their indexes, which are files.
impl Dataset {
    /// Opens a source with the index at `index`.
    ///
    /// # Errors
    /// If the index is missing, damaged or stale.
    pub fn open(source: Box<dyn Source>, index: &Path) -> Result<Self> {
        let index = Index::open(index, &*source)?;
        Ok(Self::of_file(source, index))
    }

    /// Opens what `config` names, with the index [beside it](SourceConfig::index_path), which is built if it is missing, and built anew
    /// if the listing of a folder has changed. Where nothing can be written beside it, the index lies in the system's folder for temporary
    /// files. A stale index of another source, or a damaged one, is an error: it took long to build.
    ///
    /// Of several processes that start together, let one do this first.
    ///
    /// # Errors
    /// If the source cannot be opened or indexed.
    pub fn open_or_build(
        config: &SourceConfig,
        build: &BuildConfig,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Self> {
        if let SourceConfig::Synthetic(config) = config {
            return Self::synthetic(config.clone());
        }
        let beside = config.index_path().ok_or_else(|| {
            let source = config.path().unwrap_or_else(|| Path::new("."));
            let problem = "no index can lie beside it: its folder has no name";
            Error::format(source, problem)
        })?;
        if beside.exists() {
            return Self::open_or_build_at(config.open()?, &beside, build, progress);
        }
        let elsewhere = temporary(&beside);
        if !elsewhere.exists() {
            match Self::open_or_build_at(config.open()?, &beside, build, progress) {
                Err(error) if is_forbidden(&error, &beside) => tracing::warn!(
                    "nothing can be written beside {}: its index is {}, where it may be removed; --index FILE, or data.index in a \
                     configuration, puts it where it stays",
                    config.path().unwrap_or(&beside).display(),
                    elsewhere.display()
                ),
                opened => return opened,
            }
        }
        match Self::open_or_build_at(config.open()?, &elsewhere, build, progress) {
            // It is nobody's but ours.
            Err(
                Error::StaleIndex { .. } | Error::ChangedSource { .. } | Error::DamagedIndex { .. },
            ) => Self::build_at(config.open()?, &elsewhere, build, progress),
            opened => opened,
        }
    }

    /// The same with an index at any place, for sources that lie where nothing can be written.
    ///
    /// # Errors
    /// As [`open_or_build`](Self::open_or_build).
    pub fn open_or_build_at(
        source: Box<dyn Source>,
        index: &Path,
        build: &BuildConfig,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Self> {
        if !index.exists() {
            return Self::build_at(source, index, build, progress);
        }
        let known = Index::open_unchecked(index)?;
        if known.gaps_closed() && !build.close_gaps {
            let problem = "it was built with `close_gaps`, which is off now; build it again";
            return Err(Error::format(index, problem));
        }
        match known.check(index, &*source) {
            Ok(()) => Ok(Self::of_file(source, known)),
            Err(Error::StaleIndex { .. })
                if known.fingerprint().is_of_names() && source.fingerprint()?.is_of_names() =>
            {
                tracing::warn!(
                    "pictures came, went or were renamed in {} since it was indexed: indexing it anew",
                    source.path().display()
                );
                drop(known);
                Self::build_at(source, index, build, progress)
            }
            Err(error) => Err(error),
        }
    }

    fn build_at(
        source: Box<dyn Source>,
        index: &Path,
        build: &BuildConfig,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Self> {
        tracing::info!("building the index {}", index.display());
        IndexBuilder::build(&*source, index, build, progress)?;
        // Its source was looked at just now.
        let index = Index::open_unchecked(index)?;
        Ok(Self::of_file(source, index))
    }

    /// Opens the file or folder at `path`, whatever its [format](SourceConfig::detect), with default settings.
    ///
    /// # Errors
    /// As [`open_or_build`](Self::open_or_build).
    pub fn from_path(path: &Path) -> Result<Self> {
        Self::open_or_build(
            &SourceConfig::detect(path)?,
            &BuildConfig::default(),
            &mut |_| {},
        )
    }
}

/// Where the index lies whose place beside the source cannot be written to.
fn temporary(beside: &Path) -> PathBuf {
    let whole = std::path::absolute(beside).unwrap_or_else(|_| beside.to_owned());
    let hash = xxh3_64(whole.as_os_str().as_encoded_bytes());
    std::env::temp_dir().join(format!("ffc-{hash:016x}.ffc-index"))
}

/// Whether an index could not be made for want of permission to write in its folder.
fn is_forbidden(error: &Error, index: &Path) -> bool {
    let Error::Io { path, source, .. } = error else {
        return false;
    };
    let kinds = [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem];
    kinds.contains(&source.kind()) && Some(&**path) == index.parent()
}
