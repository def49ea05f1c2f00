use std::path::PathBuf;

use clap::{Args, ValueEnum};

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

An ONNX file has the input `images`, [batch, channels, height, width], and the output `embeddings`, [batch, dimensions], not normalised;
its metadata tells how pictures are prepared, as JSON.")]
pub struct Export {
    /// Folder of a run, for its best network, or of a checkpoint
    #[arg(value_name = "RUN|CHECKPOINT")]
    pub checkpoint: PathBuf,
    /// Of a run: the network of its newest checkpoint, as where no evaluation has found a best one
    #[arg(long)]
    pub last: bool,
    /// The run's configuration; by default that of the run which the checkpoint lies in
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Which network; by default the gallery network, where the head needs one
    #[arg(long, value_enum)]
    pub network: Option<WhichNetwork>,
    /// File to write: .onnx or .safetensors
    #[arg(long)]
    pub out: PathBuf,
}
