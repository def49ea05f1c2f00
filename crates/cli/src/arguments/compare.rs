use std::path::PathBuf;

use clap::Args;

use crate::device::DeviceName;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc compare plan.toml --dry-run                  how long it will take
  ffc compare plan.toml --jobs 2
  ffc compare loaders                              a plan that is built in (ffc compare --list)
  ffc compare loaders --base my.toml --out runs/my-loaders

A plan names a base configuration, columns of settings, a grid and seeds. Each cell is a run in <out>/cells; what is finished is
never trained again, so that the same command goes on after an interruption. Ctrl-C saves all cells and stops.")]
pub struct Compare {
    /// A plan's file, or a plan that is built in
    #[arg(required_unless_present = "list")]
    pub plan: Option<String>,
    /// Another base: a configuration file, or a preset
    #[arg(long, value_name = "CONFIG")]
    pub base: Option<String>,
    /// Change a key of every cell's configuration; what the plan's columns say has precedence
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Other seeds
    #[arg(long, value_delimiter = ',')]
    pub seeds: Option<Vec<u64>>,
    /// Folder of the comparison; by default of the plan's name in runs/
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Cells that are trained at the same time, the threads that compute divided among them
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// auto, cpu, wgpu, wgpu:N, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    pub device: DeviceName,
    /// Time some steps of each column, say how long the whole will take, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// List the plans that are built in
    #[arg(long, conflicts_with = "plan")]
    pub list: bool,
    /// Print the plan as it is written, to make another of it
    #[arg(long)]
    pub show: bool,
}
