use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ffc_align::{Faces, FoundFaces, Landmarks, Missing, Mtcnn, MtcnnConfig, aligned};
use ffc_data::Dataset;
use ffc_model::Preprocessing;

use crate::device::DeviceName;
use crate::error::{Error, Result};

/// Names the detector where no argument does.
const VARIABLE: &str = "FFC_DETECTOR";

/// Pictures without a face that are named.
const SHOWN: usize = 5;

/// Whether faces are aligned before a network sees them.
#[derive(Debug, Default, Args)]
pub struct AlignmentArguments {
    /// Find the largest face of each picture and align it first: for photographs
    #[arg(long)]
    pub align: bool,
    /// MTCNN's weights for --align: a folder or the wheel of facenet-pytorch; by default what FFC_DETECTOR names
    #[arg(long, value_name = "PATH", requires = "align")]
    pub detector: Option<PathBuf>,
}

impl AlignmentArguments {
    /// The set with its faces aligned for a network, where that is asked for; and the faces, as they are found.
    ///
    /// # Errors
    /// [`Error::Usage`] without a detector, or where the network's pictures are no squares.
    pub fn apply(
        &self,
        dataset: Arc<Dataset>,
        preprocessing: &Preprocessing,
        missing: Missing,
    ) -> Result<(Arc<Dataset>, FoundFaces)> {
        if !self.align {
            return Ok((dataset, FoundFaces::default()));
        }
        let Preprocessing {
            height_px,
            width_px,
            ..
        } = *preprocessing;
        if height_px != width_px {
            return Err(Error::Usage(format!(
                "--align makes squares, but the network takes pictures of {height_px} x {width_px}"
            )));
        }
        let detector = detector(
            self.detector.as_deref(),
            MtcnnConfig::default(),
            DeviceName::Cpu,
        )?;
        let landmarks = Landmarks::Detector(Box::new(detector));
        let (dataset, faces) = aligned(dataset, landmarks, height_px, Faces::Largest, missing)?;
        Ok((Arc::new(dataset), faces))
    }
}

/// Says which pictures had no face, of which the middle was taken.
///
/// # Errors
/// Where a picture's name cannot be read.
pub fn tell(faces: &FoundFaces, dataset: &Dataset) -> Result<()> {
    let without = faces.without_face();
    if without.is_empty() {
        return Ok(());
    }
    let shown = without[..without.len().min(SHOWN)].iter();
    let shown = shown.map(|&image| dataset.display_name(image));
    let shown = shown.collect::<ffc_data::Result<Vec<_>>>()?.join(", ");
    let more = if without.len() > SHOWN { ", ..." } else { "" };
    tracing::warn!(
        "no face was found in {} pictures: of these the middle was taken: {shown}{more}",
        without.len()
    );
    Ok(())
}

/// The detector at a path, or at the one that the environment names.
///
/// # Errors
/// [`Error::Usage`] where neither is given; where it cannot be read.
pub fn detector(path: Option<&Path>, config: MtcnnConfig, device: DeviceName) -> Result<Mtcnn> {
    let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let variable = || variable.map(PathBuf::from);
    let path = path.map(Path::to_owned).or_else(variable);
    let path = path.ok_or_else(|| {
        Error::Usage(format!(
            "a detector is needed: `pip download --no-deps facenet-pytorch` fetches MTCNN's weights (MIT), --detector or {VARIABLE} names the file"
        ))
    })?;
    let (device, _) = device.open()?;
    Ok(Mtcnn::read(path, config, &device)?)
}
