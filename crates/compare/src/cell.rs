use std::fs;
use std::path::{Path, PathBuf};

use ffc_train::Config;
use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::program::last_error;
use crate::{Error, Result};

/// What a cell came to, beside its run.
const STATE: &str = "cell.json";
/// What its program wrote.
const OUTPUT: &str = "output.txt";

/// A column with a seed: a run in a folder of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Number of the column in the plan.
    pub column: usize,
    /// The seed.
    pub seed: u64,
    /// Folder of the run.
    pub folder: PathBuf,
}

/// How far a cell is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// It has not been trained to its end yet.
    Waiting,
    /// It has.
    Finished,
    /// Its training failed, with this message. It is tried again when the comparison is.
    Failed(String),
}

impl Cell {
    pub(crate) fn new(folder: &Path, at: usize, column: &Column, seed: u64) -> Self {
        let name = format!("{}-seed-{seed}", column.slug());
        Self {
            column: at,
            seed,
            folder: folder.join("cells").join(name),
        }
    }

    /// How far it is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn state(&self) -> Result<CellState> {
        let path = self.folder.join(STATE);
        if !path.exists() {
            return Ok(CellState::Waiting);
        }
        let text = fs::read(&path).map_err(Error::io("read", &path))?;
        // What cannot be read is found out anew.
        Ok(serde_json::from_slice(&text).unwrap_or(CellState::Waiting))
    }

    pub(crate) fn set_state(&self, state: &CellState) -> Result<()> {
        let path = self.folder.join(STATE);
        let text = serde_json::to_vec(state).unwrap_or_default();
        ffc_files::write(&path, &text).map_err(Error::io("write", &path))
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.folder.join(OUTPUT)
    }

    /// What its program complained of last.
    pub(crate) fn complaint(&self) -> Option<String> {
        let text = fs::read(self.output()).ok()?;
        last_error(&String::from_utf8_lossy(&text))
    }

    /// Whether the run has begun. One with other settings is refused.
    pub(crate) fn is_begun(&self, config: &Config) -> Result<bool> {
        let path = self.folder.join("config.toml");
        if !path.exists() {
            return Ok(false);
        }
        let changes = Config::load(&path, &[])?.differences(config)?;
        match changes.is_empty() {
            true => Ok(true),
            false => Err(Error::OtherRun {
                path: self.folder.clone(),
                changes,
            }),
        }
    }
}
