use std::path::PathBuf;

use clap::Args;

use super::NetworkArguments;
use crate::pictures::SetArguments;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc eval best-gallery.safetensors faces --random-pairs 6000 --flip
  ffc eval best-gallery.safetensors lfw.zip --pairs pairsDevTest.txt --train-pairs pairsDevTrain.txt
  ffc eval best-gallery.safetensors --bin lfw.bin --flip
  ffc eval best-gallery.safetensors characters --episodes 20x1,20x5
  ffc eval best-gallery.safetensors faces --random-pairs 6000 --tar-at-far=1e-4,1e-3 --identification 500 --distractors 0,10000
  ffc eval best-gallery.safetensors ijbc/crops --templates ijbc_face_tid_mid.txt --template-pairs ijbc_template_pair_label.txt

Any number of protocols at once; each picture is embedded once. Thresholds of the cosine, with the false accept rates that the pairs
show, are printed and written beside the weights, <weights>.thresholds.json. JSON is an object, of several protocols a list of them.")]
pub struct Eval {
    #[command(flatten)]
    pub network: NetworkArguments,
    /// Pictures by identity: a folder, zip, .rec, .lmdb or tar shards
    #[arg(required_unless_present = "bin")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub set: SetArguments,
    #[command(flatten)]
    pub protocol: ProtocolArguments,
    /// File for the thresholds, in place of that beside the weights
    #[arg(long, value_name = "FILE")]
    pub thresholds: Option<PathBuf>,
    /// Write scores and results as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[group(id = "protocol")]
pub struct ProtocolArguments {
    /// Verification of so many random pairs, in ten folds
    #[arg(long, value_name = "N")]
    pub random_pairs: Option<u64>,
    /// Verification of the pairs of a file: LFW's, or lines of a path, a tab, another path, a tab, 1 or 0
    #[arg(long, value_name = "FILE")]
    pub pairs: Option<PathBuf>,
    /// With --pairs: the list that the threshold is chosen on, instead of ten folds
    #[arg(long, value_name = "FILE", requires = "pairs")]
    pub train_pairs: Option<PathBuf>,
    /// Verification of insightface's pair file, which brings its own pictures
    #[arg(long, value_name = "FILE")]
    pub bin: Option<PathBuf>,
    /// Accuracy of 1,000 episodes with so many classes and pictures of each
    #[arg(long, value_name = "WAYSxSHOTS", value_delimiter = ',')]
    pub episodes: Vec<String>,
    /// True accept rate at false accept rates over all pairs; by default from 1e-6 to 0.1, as far as the pairs can show them
    #[arg(long, value_name = "RATES", num_args = 0..=1, require_equals = true)]
    #[allow(clippy::option_option, reason = "the option, and its value")]
    pub tar_at_far: Option<Option<String>>,
    /// Rank-1 identification of so many identities
    #[arg(long, value_name = "PROBES")]
    pub identification: Option<usize>,
    /// With --identification: numbers of distractors
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0",
        requires = "identification"
    )]
    pub distractors: Vec<usize>,
    /// IJB's list of pictures, templates and media
    #[arg(long, value_name = "FILE")]
    pub templates: Option<PathBuf>,
    /// With --templates: IJB's list of pairs of templates (1:1)
    #[arg(long, value_name = "FILE", requires = "templates")]
    pub template_pairs: Option<PathBuf>,
    /// With --templates: IJB's galleries (1:N)
    #[arg(long, value_name = "FILES", value_delimiter = ',', requires_all = ["templates", "probes"])]
    pub galleries: Vec<PathBuf>,
    /// With --templates: the templates that are looked for in the galleries
    #[arg(long, value_name = "FILE", requires_all = ["templates", "galleries"])]
    pub probes: Option<PathBuf>,
    /// Verification of the pairs of videos of YouTube Faces' splits.txt
    #[arg(long, value_name = "FILE")]
    pub videos: Option<PathBuf>,
}
