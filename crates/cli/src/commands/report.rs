use std::path::Path;
use std::process::ExitCode;

use crate::error::{Error, Result};
use crate::output::say;

/// Writes a run's report anew.
pub fn run(folder: &Path) -> Result<ExitCode> {
    if !folder.join("config.toml").exists() {
        return Err(Error::Usage(format!(
            "{} is no run: config.toml is missing there",
            folder.display()
        )));
    }
    say!("{}", ffc_report::write(folder)?.display());
    Ok(ExitCode::SUCCESS)
}
