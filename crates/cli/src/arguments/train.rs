use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::alignment::AlignmentArguments;
use crate::device::DeviceName;

/// How long a rank waits for the others where nothing else is said.
pub const RANK_LIMIT: Duration = Duration::from_secs(300);

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc train synthetic
  ffc train my.toml --set optimizer.learning_rate=0.05 --set training.length=\"5 epochs\"
  ffc train mine --align --set data.path=photographs
  ffc train --resume runs/my-1

`ffc config show reference` prints every key with its meaning and default.
Ctrl-C saves a checkpoint and stops; a second one stops at once. SIGUSR1 does what the first does.
Several processes, one for each GPU, train together where `mpirun` starts them (docs/machines.md).")]
pub struct Train {
    /// A configuration file, or a preset: synthetic, omniglot, lfw, face-112, face-10m, heads/partial, ... (ffc config show lists them)
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    pub config: Option<String>,
    /// Change a key of the configuration
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder of the run; by default a new one in runs/
    #[arg(long, conflicts_with = "resume")]
    pub out: Option<PathBuf>,
    /// Go on with the run in this folder from its newest whole checkpoint
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,
    /// auto, cpu, wgpu, wgpu:N, cuda or cuda:N; without a number each of several ranks of a machine takes its own
    #[arg(long, default_value = "auto")]
    pub device: DeviceName,
    /// Check configuration, data and network, time some steps, show what would be done and how long it takes, and stop
    #[arg(long, conflicts_with = "resume")]
    pub dry_run: bool,
    #[command(flatten)]
    pub alignment: AlignmentArguments,
    /// Save a checkpoint and stop when the standard input ends: for programs that start this one
    #[arg(long)]
    pub stop_with_stdin: bool,
    /// Seconds that a rank of several waits for the others within a step: then it ends all
    #[arg(long, value_name = "SECONDS", default_value_t = RANK_LIMIT.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    pub rank_timeout: u64,
}

impl Train {
    /// How long a rank waits for the others within a step.
    pub fn rank_limit(&self) -> Duration {
        Duration::from_secs(self.rank_timeout)
    }
}
