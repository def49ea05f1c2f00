use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ffc_data::{BuildProgress, Dataset, Files, FlatZip, SourceConfig};
use ffc_train::config::DataConfig;

use crate::error::{Error, Result};

/// How a set of pictures is opened.
#[derive(Debug, Clone, Default, Args)]
pub struct SetArguments {
    /// Where the index lies or shall lie; by default beside the pictures
    #[arg(long, value_name = "FILE")]
    pub index: Option<PathBuf>,
    /// A list of the identities to take, a name a line; by default all
    #[arg(long, value_name = "FILE")]
    pub identities: Option<PathBuf>,
}

impl SetArguments {
    /// Opens the set at `path`, or the drawn one where there is nothing of the name `synthetic`. Its index is built where there is none, and
    /// `building` told. Its pictures are turned as their EXIF data say, or left `as_stored`.
    pub fn open(
        &self,
        path: &Path,
        as_stored: bool,
        building: &mut dyn FnMut(BuildProgress),
    ) -> Result<Arc<Dataset>> {
        let drawn = path.as_os_str() == "synthetic" && !path.exists();
        let config = DataConfig {
            path: (!drawn).then(|| path.to_owned()),
            source: drawn.then(|| SourceConfig::Synthetic(Default::default())),
            index: self.index.clone(),
            identities: self.identities.clone(),
            as_stored,
            ..DataConfig::default()
        };
        Ok(config.open(building)?)
    }

    /// Refuses what does not apply to a path that is no set of pictures by identity.
    ///
    /// # Errors
    /// [`Error::Usage`] where an index or a list of identities is given.
    pub fn refuse(&self, path: &Path) -> Result<()> {
        if self.index.is_none() && self.identities.is_none() {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "--index and --identities are for pictures by identity, which {} is not",
            path.display()
        )))
    }

    /// Opens a set, or pictures that nobody has sorted: files, or a folder or zip archive without folders, of which each is an identity of its own.
    pub fn open_any(
        &self,
        paths: &[PathBuf],
        as_stored: bool,
        building: &mut dyn FnMut(BuildProgress),
    ) -> Result<Arc<Dataset>> {
        let unsorted = match paths {
            [folder] if folder.is_dir() => match Files::flat(folder)? {
                None => return self.open(folder, as_stored, building),
                Some(files) => Dataset::files(files)?,
            },
            [path] if path.as_os_str() == "synthetic" || SourceConfig::detect(path).is_ok() => {
                let opened = self.open(path, as_stored, building);
                // Looked at only where it is no set: a large directory takes its time.
                match (opened, SourceConfig::detect(path)) {
                    (Err(error), Ok(SourceConfig::Zip { path })) => match FlatZip::open(&path) {
                        Ok(Some(archive)) => Dataset::flat_zip(archive)?,
                        _ => return Err(error),
                    },
                    (opened, _) => return opened,
                }
            }
            files => Dataset::files(Files::new(files.to_vec())?)?,
        };
        paths.first().map_or(Ok(()), |path| self.refuse(path))?;
        Ok(Arc::new(unsorted.as_stored(as_stored)))
    }
}
