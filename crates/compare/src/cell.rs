use std::fs;
use std::path::{Path, PathBuf};

use ffc_train::Config;
use ffc_train::run::file_name;
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
    /// It was finished and has lost its files: this one is gone. It is not tried again.
    Lost(PathBuf),
}

impl CellState {
    /// Whether it is to be trained.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Waiting | Self::Failed(_))
    }

    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::Waiting | Self::Finished => None,
            Self::Failed(problem) => Some(problem.clone()),
            Self::Lost(path) => Some(format!(
                "{} is gone; remove the cell's folder to have it trained anew",
                path.display()
            )),
        }
    }
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
        let state = serde_json::from_slice(&text).unwrap_or(CellState::Waiting);
        let missing = [file_name::CONFIG, file_name::METRICS]
            .into_iter()
            .find(|name| !self.folder.join(name).exists());
        Ok(match (state, missing) {
            (CellState::Finished, Some(name)) => CellState::Lost(self.folder.join(name)),
            (state, _) => state,
        })
    }

    pub(crate) fn set_state(&self, state: &CellState) -> Result<()> {
        let path = self.folder.join(STATE);
        let text = serde_json::to_vec(state).unwrap_or_default();
        ffc_files::write(&path, &text).map_err(Error::io("write", &path))
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.folder.join(OUTPUT)
    }

    /// Bytes that its programs have written so far.
    pub(crate) fn output_bytes(&self) -> u64 {
        fs::metadata(self.output()).map_or(0, |file| file.len())
    }

    /// What its program complained of, beyond so many bytes that others wrote before.
    pub(crate) fn complaint(&self, before: u64) -> Option<String> {
        let text = fs::read(self.output()).ok()?;
        let text = text.get(before as usize..)?;
        last_error(&String::from_utf8_lossy(text))
    }

    /// Whether the run has begun. One with other settings is refused.
    pub(crate) fn is_begun(&self, config: &Config) -> Result<bool> {
        let path = self.folder.join(file_name::CONFIG);
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
