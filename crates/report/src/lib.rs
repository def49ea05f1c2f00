//! `report.html`: a training run on one page.
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
mod error;
mod escape;
mod page;
mod recognition;
mod results;
mod run_data;
mod setup;
mod training;

use std::path::{Path, PathBuf};

pub use error::{Error, Result};

/// The report's name in the folder of its run.
const FILE_NAME: &str = "report.html";

/// Writes the report of a run into its folder, in place of an older one, and returns its path.
///
/// # Errors
/// [`Error::Io`] or [`Error::Run`] where a file cannot be read or written; [`Error::Run`] or [`Error::Format`] where a file of the folder
/// is there but damaged.
pub fn write(run_folder: impl AsRef<Path>) -> Result<PathBuf> {
    let folder = run_folder.as_ref();
    let run = run_data::RunData::read(folder)?;
    let path = folder.join(FILE_NAME);
    let page = page::Page(&run).to_string();
    ffc_files::write(&path, page).map_err(Error::io("write", &path))?;
    Ok(path)
}
