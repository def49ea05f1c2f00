use std::path::PathBuf;

use clap::Args;

use super::NetworkArguments;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc same runs/mine-1 a.jpg b.jpg
  ffc same runs/mine-1 a.jpg b.jpg --far 1e-3
  ffc same best-gallery.safetensors a.jpg b.jpg --threshold 0.35

`ffc eval` measures thresholds and writes them beside the weights, a training writes them into its run folder. Without --far the
threshold is the one that decides most pairs rightly.")]
pub struct Same {
    #[command(flatten)]
    pub network: NetworkArguments,
    /// A picture's file
    pub a: PathBuf,
    /// Another one's
    pub b: PathBuf,
    /// The false accept rate that the threshold shall stand for, one of those that `ffc eval` has found
    #[arg(long, value_name = "RATE", conflicts_with = "threshold")]
    pub far: Option<f64>,
    /// File of thresholds, in place of that beside the weights
    #[arg(long, value_name = "FILE", conflicts_with = "threshold")]
    pub thresholds: Option<PathBuf>,
    /// A threshold of your own: the cosine from which on two pictures are taken for the same
    #[arg(long, value_name = "COSINE", allow_negative_numbers = true, value_parser = cosine)]
    pub threshold: Option<f32>,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

fn cosine(text: &str) -> Result<f32, String> {
    let cosine = text.parse().ok();
    let cosine = cosine.filter(|cosine| (-1.0..=1.0).contains(cosine));
    cosine.ok_or_else(|| "a cosine lies between -1 and 1".into())
}
