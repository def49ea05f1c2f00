use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::error::Result;

/// Prints a shell's script of completions.
pub fn run(shell: Shell) -> Result<ExitCode> {
    let mut command = Arguments::command();
    clap_complete::generate(shell, &mut command, "ffc", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}
