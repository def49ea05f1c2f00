use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print a preset or the resolved configuration of a file
    Show {
        /// A file or preset; without it the presets are listed
        config: Option<String>,
        /// Change a key of the configuration
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Print every key, not the file as it is
        #[arg(long)]
        resolved: bool,
    },
    /// Check a configuration
    Check {
        /// A file or preset
        config: String,
        /// Change a key of the configuration
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
}
