use std::path::PathBuf;

use clap::Subcommand;

use crate::pictures::SetArguments;

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
    /// Draw a contact sheet, an identity a row; one after the other where each has a single picture
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
        /// A table of faces (landmarks.csv of ffc align): draw boxes and landmarks; pictures without a face get a red frame
        #[arg(long, value_name = "FILE")]
        landmarks: Option<PathBuf>,
    },
}
