use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::error::{Error, Result};

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Log lines go to the standard error. `RUST_LOG` chooses which; by default what happens, and in JSON each line of metrics
/// too, since no progress is shown then. Colours are for terminals, and not where `NO_COLOR` is set.
pub fn init(format: LogFormat, quiet: bool) -> Result<()> {
    let default = match (quiet, format) {
        (true, _) => "error",
        (false, LogFormat::Text) => "warn,ffc=info,ffc_train=info,ffc_data=info",
        (false, LogFormat::Json) => "info,ffc_train=debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = std::io::stderr().is_terminal() && !refused;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr);
    let result = match format {
        LogFormat::Text => lines.without_time().with_target(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    result.map_err(|error| Error::Failed(format!("cannot set up the log: {error}")))
}
