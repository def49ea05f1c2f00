//! `report.html`: a training run on one page.
//!
//! The page refers to nothing outside itself: style, script, charts and pictures are in it. It shows what the run folder holds; for a
//! part whose file is missing a line says so.
//!
//! | part | what |
//! |---|---|
//! | [`write()`] | the report of a run into its folder |
//! | [`RunData`] | what a run folder holds |
//! | [`Overview`], [`Results`], [`Training`], [`Recognition`], [`Setup`] | sections of a page over a run, as HTML |
//! | [`chart`], [`curves`] | charts as SVG, histograms, ROC curves and running means for them |
//! | [`RunPage`], [`Page`] | the page of a run, and a page around any sections and charts |
//! | [`Section`], [`Table`] | what other pages are made of; a table is Markdown and CSV too |
//!
//! ```no_run
//! let run = ffc_report::RunData::read("runs/synthetic-1")?;
//! for (name, values) in run.head_values() {
//!     println!("{name}: {:?}", values.last());
//! }
//! # Ok::<(), ffc_report::Error>(())
//! ```
//!
//! What becomes of a run's files:
//!
//! | file | what becomes of it |
//! |---|---|
//! | `metrics.jsonl` | results before and after training, charts over the steps; lines of unknown kinds are counted below |
//! | `scores.json` | histograms of scores, ROC curves, the worst mistakes |
//! | `facts.json` | sizes of set and network, at the top |
//! | `config.toml` | picture size, network and head at the top; shown as it is |
//! | `environment.json` | an object of texts, shown as a table; `started` and the device stand at the top too |

pub mod chart;
pub mod curves;
mod error;
mod escape;
mod overview;
mod page;
mod recognition;
mod results;
mod run_data;
mod run_page;
mod section;
mod setup;
mod table;
mod training;

use std::path::{Path, PathBuf};

pub use error::{Error, Result};
pub use overview::Overview;
pub use page::Page;
pub use recognition::Recognition;
pub use results::Results;
pub use run_data::{Measured, RunData};
pub use run_page::RunPage;
pub use section::Section;
pub use setup::Setup;
pub use table::Table;
pub use training::Training;

/// The report's name in the folder of its run.
const FILE_NAME: &str = "report.html";

/// Writes the report of a run into its folder, in place of an older one, and returns its path.
///
/// # Errors
/// [`Error::Io`] or [`Error::Run`] where a file cannot be read or written; [`Error::Run`] or [`Error::Format`] where a file of the folder
/// is there but damaged.
pub fn write(run_folder: impl AsRef<Path>) -> Result<PathBuf> {
    let folder = run_folder.as_ref();
    let run = RunData::read(folder)?;
    let path = folder.join(FILE_NAME);
    let page = RunPage(&run).to_string();
    ffc_files::write(&path, page).map_err(Error::io("write", &path))?;
    Ok(path)
}
