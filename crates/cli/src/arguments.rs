use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::device::DeviceName;
use crate::logging::LogFormat;
use crate::pictures::SetArguments;

/// Trains an embedding network over any number of identities (FFC, arXiv:2105.10375), measures it and uses it.
///
/// Without a command it runs the built-in job: drawn identities, five minutes on two processor cores, and a report.
#[derive(Debug, Parser)]
#[command(
    name = "ffc",
    version,
    after_help = "Examples:
  ffc                                              the built-in job
  ffc train synthetic --out runs/first             a preset
  ffc train face-112 --set data.path=faces         your pictures, root/<identity>/<image>
  ffc train --resume runs/first                    go on after an interruption
  ffc embed runs/first/best-gallery.safetensors pictures --out embeddings.safetensors

Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration, 130 interrupted and saved."
)]
pub struct Arguments {
    /// Show no progress and no warnings
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Format of log lines on the standard error
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network
    Train(Train),
    /// Train a plan of settings and seeds side by side, and compare what they reach
    Compare(Compare),
    /// Time steps of a configuration
    #[command(subcommand)]
    Bench(Bench),
    /// Measure a network on pictures
    Eval(Box<Eval>),
    /// Say whether two pictures show the same identity
    Same(Same),
    /// Write embeddings of pictures
    Embed(Embed),
    /// Find the pictures of a gallery that are nearest to others
    Search(Search),
    /// Index, inspect and look at pictures
    #[command(subcommand)]
    Data(Data),
    /// Write a run's network as an ONNX or SafeTensors file
    Export(Export),
    /// Show and check configurations
    #[command(subcommand)]
    Config(Config),
    /// Write a run's report.html anew
    Report {
        /// Folder of the run
        run: PathBuf,
    },
    /// Show which devices are there and work, versions and memory
    Doctor,
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc train synthetic
  ffc train my.toml --set optimizer.learning_rate=0.05 --set training.length=\"5 epochs\"
  ffc train --resume runs/my-1

`ffc config show reference` prints every key with its meaning and default.
Ctrl-C saves a checkpoint and stops; a second one stops at once.")]
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
    /// auto, cpu, wgpu, wgpu:N, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    pub device: DeviceName,
    /// Check configuration, data and network, time some steps, show what would be done and how long it takes, and stop
    #[arg(long, conflicts_with = "resume")]
    pub dry_run: bool,
    /// Save a checkpoint and stop when the standard input ends: for programs that start this one
    #[arg(long)]
    pub stop_with_stdin: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc compare plan.toml --dry-run                  how long it will take
  ffc compare plan.toml --jobs 2
  ffc compare loaders                              a plan that is built in (ffc compare --list)
  ffc compare loaders --base my.toml --out runs/my-loaders

A plan names a base configuration, columns of settings, a grid and seeds. Each cell is a run in <out>/cells; what is finished is
never trained again, so that the same command goes on after an interruption. Ctrl-C saves all cells and stops.")]
pub struct Compare {
    /// A plan's file, or a plan that is built in
    #[arg(required_unless_present = "list")]
    pub plan: Option<String>,
    /// Another base: a configuration file, or a preset
    #[arg(long, value_name = "CONFIG")]
    pub base: Option<String>,
    /// Change a key of every cell's configuration; what the plan's columns say has precedence
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Other seeds
    #[arg(long, value_delimiter = ',')]
    pub seeds: Option<Vec<u64>>,
    /// Folder of the comparison; by default of the plan's name in runs/
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Cells that are trained at the same time, the threads that compute divided among them
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// auto, cpu, wgpu, wgpu:N, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    pub device: DeviceName,
    /// Time some steps of each column, say how long the whole will take, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// List the plans that are built in
    #[arg(long, conflicts_with = "plan")]
    pub list: bool,
    /// Print the plan as it is written, to make another of it
    #[arg(long)]
    pub show: bool,
}

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
}

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
    #[arg(long, value_name = "COSINE", allow_negative_numbers = true)]
    pub threshold: Option<f32>,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc embed runs/mine-1 pictures --out embeddings.safetensors
  ffc embed best-gallery.safetensors pictures --out embeddings.csv --flip
  ffc embed runs/mine-1 a.jpg b.jpg --out two.csv

A SafeTensors file holds `embeddings`, [images, dimensions], of length 1, and `identities`, [images]; the names of images and
identities are in its metadata. Files, and the pictures of a folder without folders, are identities of their own, named by their paths.")]
pub struct Embed {
    #[command(flatten)]
    pub network: NetworkArguments,
    /// Pictures by identity: a folder, zip, .rec, .lmdb or tar shards; or a folder of pictures; or picture files
    #[arg(required = true)]
    pub data: Vec<PathBuf>,
    #[command(flatten)]
    pub set: SetArguments,
    /// File to write: .safetensors or .csv
    #[arg(long)]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ffc search runs/mine-1 pictures query.jpg
  ffc embed runs/mine-1 pictures --out pictures.safetensors
  ffc search runs/mine-1 pictures.safetensors a.jpg b.jpg --top 10 --json

Every picture of the gallery is compared, by the cosine. A file of embeddings must be of the same network, and is mapped, not read.")]
pub struct Search {
    #[command(flatten)]
    pub network: NetworkArguments,
    /// Where to search: embeddings that `ffc embed` wrote (.safetensors), pictures by identity, or a folder of pictures
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

#[derive(Debug, Subcommand)]
pub enum Data {
    /// Build the index of a source
    Index {
        /// Pictures by identity: a folder, zip, .rec, .lmdb or tar shards
        data: PathBuf,
        /// Where the index shall lie; by default beside the source
        #[arg(long)]
        index: Option<PathBuf>,
        /// Build it anew where there is one
        #[arg(long)]
        force: bool,
        /// Number identities without gaps where labels are missing
        #[arg(long)]
        close_gaps: bool,
    },
    /// Show how many identities and images there are, and how they are distributed
    Inspect {
        /// Pictures by identity, or `synthetic`
        data: PathBuf,
        #[command(flatten)]
        set: SetArguments,
        /// Decode every image and name those that are damaged
        #[arg(long)]
        decode: bool,
    },
    /// Draw identities to hold out, and write lists of them and of the others
    Split {
        /// Pictures by identity, or `synthetic`
        data: PathBuf,
        #[command(flatten)]
        set: SetArguments,
        /// Folder for train.txt and held-out.txt, a name a line
        #[arg(long)]
        out: PathBuf,
        /// Share of the identities to hold out
        #[arg(long, default_value_t = 0.2)]
        held_out: f64,
        /// Another seed, another draw
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Draw a contact sheet, an identity a row
    Sheet {
        /// Pictures by identity, or `synthetic`
        data: PathBuf,
        #[command(flatten)]
        set: SetArguments,
        /// PNG file to write
        #[arg(long)]
        out: PathBuf,
        /// Identities
        #[arg(long, default_value_t = 8)]
        rows: usize,
        /// Pictures of each, at most
        #[arg(long, default_value_t = 8)]
        columns: usize,
        /// Side of a picture in pixels
        #[arg(long, default_value_t = 112)]
        size: usize,
    },
}

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

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print a preset or the resolved configuration of a file
    Show {
        /// A file or preset; without it the presets are listed
        config: Option<String>,
        /// Change a key of the configuration
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Print every key, not the file as it is
        #[arg(long)]
        resolved: bool,
    },
    /// Check a configuration
    Check {
        /// A file or preset
        config: String,
        /// Change a key of the configuration
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
}
