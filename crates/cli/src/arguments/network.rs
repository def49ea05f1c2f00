use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use ffc_model::Published;

use crate::alignment::AlignmentArguments;
use crate::device::DeviceName;

/// What weights are of, where they do not tell.
#[derive(Debug, Default, Args)]
pub struct DescriptionArguments {
    /// A configuration that tells network and preprocessing, where the weights do not
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Whose published weights these are, which tells network and preprocessing (docs/published-networks.md)
    #[arg(long, value_name = "NAME", conflicts_with = "config", value_parser = names())]
    pub published: Option<String>,
}

fn names() -> PossibleValuesParser {
    let names = Published::ALL.map(|published| PossibleValue::new(published.name));
    PossibleValuesParser::new(names)
}

/// A network to run over pictures.
#[derive(Debug, Args)]
pub struct NetworkArguments {
    /// Weights: SafeTensors, .pt, .pth or .onnx; or the folder of a run, for its best network, or of a checkpoint
    pub weights: PathBuf,
    #[command(flatten)]
    pub description: DescriptionArguments,
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
