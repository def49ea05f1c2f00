use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::device::DeviceName;

#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Time the steps of a configuration and its head alone
    Step(BenchStep),
    /// Memory and time of every head over the number of identities
    Identities(BenchIdentities),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  ffc bench identities --identities 10000,1000000,100000000 --heads \"FFC,full,Partial FC 0.1\"

Each head at each number is a process of its own, so that its memory is measured alone. What does not fit is computed from the head's
settings and from what was measured, and marked. What is in the folder already is not measured again.")]
pub struct BenchIdentities {
    /// A configuration of drawn identities, or a preset of such
    #[arg(default_value = "synthetic")]
    pub config: String,
    /// Change a key of the configuration, for all heads
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Numbers of identities
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000])]
    pub identities: Vec<u64>,
    /// Heads; by default all
    #[arg(long, value_delimiter = ',')]
    pub heads: Vec<String>,
    /// Steps that are timed, as far as half a minute allows
    #[arg(long, default_value_t = 20)]
    pub steps: usize,
    /// GiB that a process may hold
    #[arg(long, default_value_t = 8.0)]
    pub memory: f64,
    /// Seconds that a step of a head may take
    #[arg(long, default_value_t = 5.0)]
    pub head_seconds: f64,
    /// Folder for the results
    #[arg(long, default_value = "runs/identities")]
    pub out: PathBuf,
    /// auto, cpu, wgpu, wgpu:N, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    pub device: DeviceName,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  ffc bench step omniglot --set head.pool=386")]
pub struct BenchStep {
    /// A configuration file, or a preset
    pub config: String,
    /// Change a key of the configuration
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Steps that are timed, as far as half a minute allows
    #[arg(long, default_value_t = 20)]
    pub steps: usize,
    /// Time the evaluations too
    #[arg(long)]
    pub evaluate: bool,
    /// auto, cpu, wgpu, wgpu:N, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    pub device: DeviceName,
    /// Print the numbers as JSON
    #[arg(long)]
    pub json: bool,
}
