use std::num::NonZero;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};

use crate::device::DeviceName;
use crate::pictures::SetArguments;

/// Of numbers from one to another.
fn within<const LEAST: u64, const MOST: u64>() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(LEAST..=MOST)
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pip download --no-deps facenet-pytorch           the detector's weights, once; no Python runs afterwards
  ffc align photographs faces --detector facenet_pytorch-2.6.0-py3-none-any.whl
  ffc align photographs faces --detector mtcnn --faces all --format jpeg --jobs 4
  ffc align photographs faces --from-landmarks mine.csv

OUT gets the identities and names of the pictures, and landmarks.csv: image, file, box, score, ten coordinates, sharpness, and why there is no
face. Interrupted, the same command goes on.")]
pub struct Align {
    /// Pictures by identity: a folder, zip, .rec, .lmdb or tar shards; or a folder or zip of pictures; or a picture
    #[arg(value_name = "IN")]
    pub data: PathBuf,
    /// Folder to write
    pub out: PathBuf,
    /// MTCNN's weights: a folder with pnet.pt, rnet.pt and onet.pt, or the wheel of facenet-pytorch; by default what FFC_DETECTOR names
    #[arg(long, value_name = "PATH", conflicts_with = "from_landmarks")]
    pub detector: Option<PathBuf>,
    /// A table of landmarks in place of a detector: CSV with image, left_eye_x, left_eye_y, right_eye_x, ..., right_mouth_y
    #[arg(long, value_name = "FILE")]
    pub from_landmarks: Option<PathBuf>,
    /// Another place for the table of faces
    #[arg(long, value_name = "FILE")]
    pub landmarks: Option<PathBuf>,
    /// Which faces of a picture are taken
    #[arg(long, value_enum, default_value_t = FacesArgument::Largest)]
    pub faces: FacesArgument,
    /// Side of the smallest faces that are looked for, in pixels of the picture, 12 and more
    #[arg(long, value_name = "PX", default_value_t = 20, value_parser = within::<12, { u32::MAX as u64 }>())]
    pub min_face: usize,
    /// What is done about a picture without a face: left out and listed, an error, or cut from its middle
    #[arg(long, value_enum, default_value_t = MissingArgument::Skip)]
    pub missing: MissingArgument,
    /// How faces are written
    #[arg(long, value_enum, default_value_t = FormatArgument::Png)]
    pub format: FormatArgument,
    /// Of JPEG, 1 to 100 [default: 95]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,
    /// Side of an aligned face in pixels, 8 to 4096
    #[arg(long, value_name = "PX", default_value_t = 112, value_parser = within::<8, 4096>())]
    pub size: usize,
    /// Pictures at a time; by default as many as there are cores
    #[arg(long)]
    pub jobs: Option<NonZero<usize>>,
    /// Leave pictures as they are stored, whatever their EXIF data say
    #[arg(long)]
    pub as_stored: bool,
    /// Where the detector runs: auto, cpu, wgpu or cuda
    #[arg(long, default_value_t = DeviceName::Cpu)]
    pub device: DeviceName,
    #[command(flatten)]
    pub set: SetArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FacesArgument {
    /// The one with the largest box
    Largest,
    /// The one nearest to the middle
    Centre,
    /// All; further ones get `~1`, `~2`, ... behind their names
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MissingArgument {
    /// Left out and listed
    Skip,
    /// An error
    Fail,
    /// The square in the middle
    Crop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArgument {
    /// Without loss
    Png,
    /// With --quality
    Jpeg,
}
