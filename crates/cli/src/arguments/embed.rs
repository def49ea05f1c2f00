use std::path::PathBuf;

use clap::Args;

use super::NetworkArguments;
use crate::pictures::SetArguments;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc embed runs/mine-1 pictures --out embeddings.safetensors
  ffc embed best-gallery.safetensors pictures --out embeddings.csv --flip
  ffc embed runs/mine-1 a.jpg b.jpg --out two.csv

A SafeTensors file holds `embeddings`, [images, dimensions], of length 1, and `identities`, [images]; the names of images and
identities are in its metadata. How good a picture is tell `length`, of the embedding before it was made 1, and `sharpness`, the variance of the
Laplacian of the picture that the network sees; with --align `score` of the detector and `size` of the face in pixels, 0 where there is none.
A CSV file has them as columns between identity and embedding. Files, and the pictures of a folder without folders, are identities of their own, named by their paths, in a folder by their names there.")]
pub struct Embed {
    #[command(flatten)]
    pub network: NetworkArguments,
    /// Pictures by identity: a folder, zip, .rec, .lmdb or tar shards; or a folder or zip of pictures; or picture files
    #[arg(required = true)]
    pub data: Vec<PathBuf>,
    #[command(flatten)]
    pub set: SetArguments,
    /// File to write: .safetensors or .csv
    #[arg(long)]
    pub out: PathBuf,
}
