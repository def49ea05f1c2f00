use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::checkpoint::Checkpoints;
use crate::config::Config;
use crate::run::file_name;
use crate::{Error, Result};

/// What is written into `environment.json`: versions, device, commit, host.
pub type Environment = BTreeMap<String, String>;

/// The folder of a run, which one process at a time may hold.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    config: Config,
    /// Whether `config` differs from what lies in the folder.
    changed: bool,
    /// Locked while this lives.
    _lock: File,
}

const CHECKPOINTS: &str = "checkpoints";
const LOCK: &str = ".lock";

impl RunFolder {
    /// Makes the folder of a new run and writes the resolved configuration into it.
    ///
    /// # Errors
    ///
    /// [`Error::RunFolder`] where a run lies there already; [`Error::Io`].
    pub fn create(path: &Path, config: Config, environment: &Environment) -> Result<Self> {
        fs::create_dir_all(path).map_err(Error::io("make the folder", path))?;
        let lock = lock(path)?;
        if path.join(file_name::CONFIG).exists() {
            return Err(Error::RunFolder {
                path: path.to_owned(),
                problem: "a run lies there; resume it or name another folder".into(),
            });
        }
        let file = path.join(file_name::ENVIRONMENT);
        let json = serde_json::to_vec_pretty(environment);
        write(&file, &json.map_err(|error| Error::format(&file, error))?)?;
        // Last: what has a configuration is a run.
        write(&path.join(file_name::CONFIG), config.to_toml()?.as_bytes())?;
        Ok(Self {
            path: path.to_owned(),
            config,
            changed: false,
            _lock: lock,
        })
    }

    /// Opens the folder of a run to resume it, with its configuration and overrides, which are written into it when they have shown to
    /// fit the run's checkpoint.
    ///
    /// # Errors
    ///
    /// [`Error::RunFolder`] where there is no run or another process holds it; [`Error::Config`]; [`Error::Io`].
    pub fn resume(path: &Path, overrides: &[String]) -> Result<Self> {
        let config = path.join(file_name::CONFIG);
        if !config.exists() {
            return Err(Error::RunFolder {
                path: path.to_owned(),
                problem: format!("no run lies there: {} is missing", file_name::CONFIG),
            });
        }
        let lock = lock(path)?;
        Ok(Self {
            path: path.to_owned(),
            config: Config::load(&config, overrides)?,
            changed: !overrides.is_empty(),
            _lock: lock,
        })
    }

    /// Writes overrides down.
    pub(crate) fn keep_overrides(&self) -> Result<()> {
        if !self.changed {
            return Ok(());
        }
        let text = self.config.to_toml()?;
        write(&self.path.join(file_name::CONFIG), text.as_bytes())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its checkpoints.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn checkpoints(&self) -> Result<Checkpoints> {
        Checkpoints::new(&self.path.join(CHECKPOINTS), self.config.checkpoint.keep)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    ffc_files::write(path, bytes).map_err(Error::io("write", path))
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::RunFolder {
            path: folder.to_owned(),
            problem: "another process trains there".into(),
        }),
        Err(fs::TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
    }
}
