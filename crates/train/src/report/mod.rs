//! `report.html`: a run on one page.
//!
//! The page refers to nothing outside itself: style, script, charts and pictures are in it. It shows what the run folder holds; for a
//! part whose file is missing a line says so.
//!
//! | file | what becomes of it |
//! |---|---|
//! | `metrics.jsonl` | results before and after training, charts over the steps |
//! | `scores.json` | histograms of scores, ROC curves, the worst mistakes |
//! | `config.toml` | shown as it is |
//! | `environment.json` | an object of texts, shown as a table; `started` stands below the title too |

mod chart;
mod curves;
mod escape;
mod page;
mod recognition;
mod results;
mod run_data;
mod setup;
mod training;

use std::path::{Path, PathBuf};

use crate::run::file_name;
use crate::{Error, Result};

/// Writes the report of a run into its folder, in place of an older one, and returns its path.
///
/// # Errors
/// [`Error::Io`]; [`Error::Line`] or [`Error::Format`] where a file of the folder is there but damaged.
pub fn write(run_folder: impl AsRef<Path>) -> Result<PathBuf> {
    let folder = run_folder.as_ref();
    let run = run_data::RunData::read(folder)?;
    let path = folder.join(file_name::REPORT);
    let page = page::Page(&run).to_string();
    ffc_files::write(&path, page).map_err(Error::io("write", &path))?;
    Ok(path)
}
