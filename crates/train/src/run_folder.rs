use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ffc_files::FolderLock;

use crate::checkpoint::Checkpoints;
use crate::config::Config;
use crate::resume_rule::{Change, changes};
use crate::run::file_name;
use crate::{Error, Result};

/// What is written into `environment.json`: versions, device, commit, host.
pub type Environment = BTreeMap<String, String>;

/// The folder of a run, which one process at a time may hold.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    config: Config,
    /// What of `config` differs from what lies in the folder.
    changes: Vec<Change>,
    /// Locked while this lives; none of a rank that writes nothing there.
    _lock: Option<FolderLock>,
}

const CHECKPOINTS: &str = "checkpoints";

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
        write(&path.join(file_name::TRAINED), config.to_toml()?.as_bytes())?;
        // Last: what has a configuration is a run.
        write(&path.join(file_name::CONFIG), config.to_toml()?.as_bytes())?;
        Ok(Self {
            path: path.to_owned(),
            config,
            changes: Vec::new(),
            _lock: Some(lock),
        })
    }

    /// The folder of the run that the first of several ranks holds, for another rank, which reads its checkpoints and writes nothing. `config` is the
    /// first rank's.
    pub fn of_first_rank(path: &Path, config: Config) -> Self {
        Self {
            path: path.to_owned(),
            config,
            changes: Vec::new(),
            _lock: None,
        }
    }

    /// Opens the folder of a run to resume it, with its configuration and overrides, which are written into it when they have shown to
    /// fit the run's checkpoint. They, and edits of the configuration there, may change how long the run goes on, what is measured, logged and kept, and how data are read, not
    /// what decides the run.
    ///
    /// # Errors
    ///
    /// [`Error::RunFolder`] where there is no run or another process holds it; [`Error::Resume`] where they change what decides
    /// the run; [`Error::Config`]; [`Error::Io`].
    pub fn resume(path: &Path, overrides: &[String]) -> Result<Self> {
        let config = path.join(file_name::CONFIG);
        if !config.exists() {
            return Err(Error::RunFolder {
                path: path.to_owned(),
                problem: format!("no run lies there: {} is missing", file_name::CONFIG),
            });
        }
        let lock = lock(path)?;
        // Whoever edits the configuration changes settings as overrides do.
        let trained = path.join(file_name::TRAINED);
        let old = match trained.exists() {
            true => Config::load(&trained, &[])?,
            // Of an older version.
            false => Config::load(&config, &[])?,
        };
        let config = Config::load(&config, overrides)?;
        let changes = changes(&old, &config)?;
        let refused = changes.iter().filter(|change| !change.is_free());
        let refused: Vec<String> = refused.map(Change::to_string).collect();
        if !refused.is_empty() {
            return Err(Error::Resume {
                path: path.to_owned(),
                changes: refused,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            config,
            changes,
            _lock: Some(lock),
        })
    }

    /// Whether another process holds the run of this folder.
    pub fn is_held(path: &Path) -> bool {
        FolderLock::is_taken(path)
    }

    /// Writes overrides down; gives what they changed, old and new.
    pub(crate) fn keep_overrides(&self) -> Result<Vec<String>> {
        if !self.changes.is_empty() {
            let text = self.config.to_toml()?;
            for name in [file_name::CONFIG, file_name::TRAINED] {
                write(&self.path.join(name), text.as_bytes())?;
            }
        }
        Ok(self.changes.iter().map(Change::to_string).collect())
    }

    /// Whether overrides change anything.
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Whether overrides change anything in this table.
    pub(crate) fn changes(&self, table: &str) -> bool {
        self.changes.iter().any(|change| change.is_within(table))
    }

    /// Checks that nothing was trained here: for a run without a checkpoint.
    pub(crate) fn check_new(&self) -> Result<()> {
        let results = [file_name::METRICS, file_name::SCORES];
        let has_bytes = |name: &str| {
            let file = fs::metadata(self.path.join(name));
            file.is_ok_and(|file| file.len() > 0)
        };
        match results.iter().find(|name| has_bytes(name)) {
            None => Ok(()),
            Some(name) => Err(Error::RunFolder {
                path: self.path.clone(),
                problem: format!(
                    "there is {name}, but no checkpoint in {CHECKPOINTS}: put them back, or start a new run in another folder"
                ),
            }),
        }
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
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(&self.path.join(CHECKPOINTS), self.config.checkpoint.keep)
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    ffc_files::write(path, bytes).map_err(Error::io("write", path))
}

fn lock(folder: &Path) -> Result<FolderLock> {
    let lock = FolderLock::take(folder).map_err(Error::io("lock", folder))?;
    lock.ok_or_else(|| Error::RunFolder {
        path: folder.to_owned(),
        problem: "another process trains there".into(),
    })
}
