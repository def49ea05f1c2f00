use std::path::PathBuf;

use clap::Args;

use super::NetworkArguments;
use crate::pictures::SetArguments;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc search runs/mine-1 pictures query.jpg
  ffc embed runs/mine-1 pictures --out pictures.safetensors
  ffc search runs/mine-1 pictures.safetensors a.jpg b.jpg --top 10 --json

Every picture of the gallery is compared, by the cosine. A file of embeddings must be of the same network, and is mapped, not read.")]
pub struct Search {
    #[command(flatten)]
    pub network: NetworkArguments,
    /// Where to search: embeddings that `ffc embed` wrote (.safetensors), pictures by identity, or a folder or zip of pictures
    pub gallery: PathBuf,
    /// Picture files to find the nearest of
    #[arg(required = true)]
    pub queries: Vec<PathBuf>,
    #[command(flatten)]
    pub set: SetArguments,
    /// How many pictures to show for each query
    #[arg(long, default_value_t = 5)]
    pub top: usize,
    /// Print a line of JSON for each query
    #[arg(long)]
    pub json: bool,
}
