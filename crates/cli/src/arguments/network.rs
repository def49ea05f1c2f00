use std::path::PathBuf;

use clap::Args;

use crate::alignment::AlignmentArguments;
use crate::device::DeviceName;

/// A network to run over pictures.
#[derive(Debug, Args)]
pub struct NetworkArguments {
    /// Weights: SafeTensors, .pt or .pth; or the folder of a run, for its best network, or of a checkpoint
    pub weights: PathBuf,
    /// A configuration that tells network and preprocessing, where the weights do not
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// auto, cpu, wgpu, wgpu:N, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    pub device: DeviceName,
    /// Pictures at once
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Threads that decode
    #[arg(long, default_value_t = 2)]
    pub workers: usize,
    /// Add the embedding of the mirrored picture
    #[arg(long)]
    pub flip: bool,
    /// Leave pictures as they are stored, whatever their EXIF data say of their orientation; by default as the run or configuration has it
    #[arg(long)]
    pub as_stored: bool,
    #[command(flatten)]
    pub alignment: AlignmentArguments,
}
