use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::run::file_name;
use crate::{Error, Result};

/// `log.txt` of a run: what happened when. Lines are added over all resumptions.
pub(crate) struct RunLog {
    path: PathBuf,
    file: File,
}

impl RunLog {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(file_name::LOG);
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        Ok(Self { path, file })
    }

    /// Adds a line after the time, in seconds since 1970.
    pub(crate) fn write(&mut self, text: &str) -> Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = now.map_or(0.0, |now| now.as_secs_f64());
        writeln!(self.file, "{seconds:.3} {text}").map_err(Error::io("write", &self.path))
    }
}
