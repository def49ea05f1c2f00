use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

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
        tell_passed_over(&*source, &index);
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
        match Self::open_or_rebuild_at(config, &beside, build, progress) {
            Err(error) if is_forbidden(&error, &beside) => {}
            opened => return opened,
        }
        let elsewhere = temporary(&beside)?;
        tracing::warn!(
            "nothing can be written beside {}: its index is {}, where it may be removed; --index FILE, or data.index in a \
             configuration, puts it where it stays",
            config.path().unwrap_or(&beside).display(),
            elsewhere.display()
        );
        match Self::open_or_rebuild_at(config, &elsewhere, build, progress) {
            // Nobody has put it there but this user, for this source.
            Err(
                Error::StaleIndex { .. } | Error::ChangedSource { .. } | Error::DamagedIndex { .. },
            ) => Self::build_at(config.open()?, &elsewhere, build, progress),
            opened => opened,
        }
    }

    /// Opens a source with an index at any place, for sources that lie where nothing can be written; it is built if it is missing.
    ///
    /// # Errors
    /// If the source cannot be indexed, or the index is damaged or stale: at a place of the caller's own it may be another source's.
    pub fn open_or_build_at(
        source: Box<dyn Source>,
        index: &Path,
        build: &BuildConfig,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Self> {
        if !index.exists() {
            return Self::build_at(source, index, build, progress);
        }
        Self::open(source, index)
    }

    /// The same of a source whose index nobody has named: that of a folder is built anew where the listing has changed.
    fn open_or_rebuild_at(
        config: &SourceConfig,
        index: &Path,
        build: &BuildConfig,
        progress: &mut dyn FnMut(BuildProgress),
    ) -> Result<Self> {
        match Self::open_or_build_at(config.open()?, index, build, progress) {
            Err(Error::StaleIndex { source_path, .. })
                if matches!(config, SourceConfig::Folder { .. }) =>
            {
                tracing::warn!(
                    "pictures came, went or were renamed in {} since it was indexed: indexing it anew",
                    source_path.display()
                );
                Self::build_at(config.open()?, index, build, progress)
            }
            opened => opened,
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
        tell_passed_over(&*source, &index);
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

/// Says, once in a process, what of a source was left out: a warning where there are pictures or sets among it.
fn tell_passed_over(source: &dyn Source, index: &Index) {
    static TOLD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let path = source.path();
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if !told.insert(path.to_owned()) {
        return;
    }
    let path = path.display();
    match index.passed_over() {
        None => tracing::warn!(
            "the index of {path} was built by an older version, which did not take all kinds of pictures: `ffc data index {path} --force` builds it anew"
        ),
        Some(passed_over) if passed_over.is_empty() => {}
        Some(passed_over) if passed_over.has_pictures() || passed_over.has_sets() => {
            tracing::warn!("{path}: {passed_over}")
        }
        Some(passed_over) => tracing::info!("{path}: {passed_over}"),
    }
}

/// Where the index lies whose place beside the source cannot be written to: in a folder for temporary files that nobody else can write to.
fn temporary(beside: &Path) -> Result<PathBuf> {
    let whole = std::path::absolute(beside).unwrap_or_else(|_| beside.to_owned());
    let hash = xxh3_64(whole.as_os_str().as_encoded_bytes());
    let folder = own_folder()?;
    Ok(folder.join(format!("{hash:016x}.ffc-index")))
}

/// A folder of this user's own among the temporary files.
#[cfg(unix)]
fn own_folder() -> Result<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};

    // A file that is made tells who its user is.
    let user = tempfile::tempfile().and_then(|file| file.metadata());
    let user = user.map_err(Error::io("make a temporary file in", std::env::temp_dir()))?;
    let folder = std::env::temp_dir().join(format!("ffc-{}", user.uid()));
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(Error::io("make the folder", &folder)(error));
        }
        _ => {}
    }
    let found = std::fs::symlink_metadata(&folder).map_err(Error::io("look at", &folder))?;
    if !found.is_dir() || found.uid() != user.uid() || found.mode() & 0o022 != 0 {
        let problem = "it is no folder that this user alone can write to; remove it, or give the index a place of its own";
        return Err(Error::format(&folder, problem));
    }
    Ok(folder)
}

/// Temporary files are each user's own.
#[cfg(not(unix))]
fn own_folder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join("ffc");
    std::fs::create_dir_all(&folder).map_err(Error::io("make the folder", &folder))?;
    Ok(folder)
}

/// Whether an index could not be made for want of permission to write in its folder.
fn is_forbidden(error: &Error, index: &Path) -> bool {
    let Error::Io { path, source, .. } = error else {
        return false;
    };
    let kinds = [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem];
    let folder = index.parent().filter(|folder| *folder != Path::new(""));
    kinds.contains(&source.kind()) && *path == folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_to_is_told_from_other_failures() {
        let error = |kind: ErrorKind, folder: &str| Error::Io {
            action: "put an index into",
            path: folder.into(),
            source: kind.into(),
        };
        let denied = error(ErrorKind::PermissionDenied, "/set");
        assert!(is_forbidden(&denied, Path::new("/set/faces.ffc-index")));
        assert!(!is_forbidden(&denied, Path::new("/other/faces.ffc-index")));
        let here = error(ErrorKind::ReadOnlyFilesystem, ".");
        assert!(is_forbidden(&here, Path::new("faces.ffc-index")));
        let full = error(ErrorKind::StorageFull, "/set");
        assert!(!is_forbidden(&full, Path::new("/set/faces.ffc-index")));
    }

    #[test]
    fn each_source_has_a_place_of_its_own_among_temporary_files() {
        let [a, again, b] =
            ["/set/a", "/set/a", "/set/b"].map(|path| temporary(Path::new(path)).unwrap());
        assert_eq!(a, again);
        assert_ne!(a, b);
        assert_eq!(a.parent(), b.parent());
    }
}
