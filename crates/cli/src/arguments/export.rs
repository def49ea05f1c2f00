use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::DescriptionArguments;

/// One of a run's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WhichNetwork {
    /// The moving average.
    Gallery,
    /// The trained one.
    Probe,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc export runs/first --out first.onnx
  ffc export runs/first --last --network probe --out probe.safetensors
  ffc export runs/first/checkpoints/step-0000001000 --out gallery.safetensors
  ffc export w600k_r50.onnx --published arcface-r50 --out r50.safetensors      the file tells its network then

An ONNX file has the input `images`, [batch, channels, height, width], and the output `embeddings`, [batch, dimensions], not normalised;
its metadata tells how pictures are prepared, as JSON.")]
pub struct Export {
    /// Folder of a run, for its best network, or of a checkpoint; or a weight file
    #[arg(value_name = "RUN|CHECKPOINT|WEIGHTS")]
    pub checkpoint: PathBuf,
    /// Of a run: the network of its newest checkpoint, as where no evaluation has found a best one
    #[arg(long)]
    pub last: bool,
    #[command(flatten)]
    pub description: DescriptionArguments,
    /// Which network; by default the gallery network, where the head needs one
    #[arg(long, value_enum)]
    pub network: Option<WhichNetwork>,
    /// File to write: .onnx or .safetensors
    #[arg(long)]
    pub out: PathBuf,
}
