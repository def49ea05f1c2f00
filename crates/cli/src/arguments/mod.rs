//! What the command line says.

mod align;
mod bench;
mod compare;
mod config;
mod data;
mod embed;
mod eval;
mod export;
mod network;
mod same;
mod search;
mod train;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub use self::align::{Align, FacesArgument, FormatArgument, MissingArgument};
pub use self::bench::{Bench, BenchIdentities, BenchStep};
pub use self::compare::Compare;
pub use self::config::Config;
pub use self::data::Data;
pub use self::embed::Embed;
pub use self::eval::{Eval, ProtocolArguments};
pub use self::export::{Export, WhichNetwork};
pub use self::network::{DescriptionArguments, NetworkArguments};
pub use self::same::Same;
pub use self::search::Search;
pub use self::train::{RANK_LIMIT, Train};
use crate::logging::LogFormat;

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
    /// Find the faces of photographs and bring them where networks expect them
    Align(Box<Align>),
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
