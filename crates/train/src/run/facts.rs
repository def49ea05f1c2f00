use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// `facts.json`: sizes of a run that its configuration does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Identities of the training set.
    pub identities: u64,
    /// Its images.
    pub images: u64,
    /// Numbers that are trained in the probe network; those of a head are not among them.
    pub parameters: u64,
}

impl Facts {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] where the file is damaged.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        serde_json::from_slice(&bytes).map_err(|problem| Error::format(path, problem))
    }

    /// Writes a file. It appears under its name when it is complete and on disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::io("write", path)(error.into()))?;
        ffc_files::write(path, &bytes).map_err(Error::io("write", path))
    }
}
