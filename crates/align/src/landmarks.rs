use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use ffc_data::FingerprintWriter;

use crate::face::Face;
use crate::mtcnn::Mtcnn;
use crate::picture::Picture;
use crate::table::{by_image, read_landmarks};
use crate::{Error, Result};

/// Why a picture that was looked at has no face.
pub(crate) const NO_FACE: &str = "no face";
/// Why one that a table does not name has none.
pub(crate) const NO_LINE: &str = "no line of the table";

/// Why one whose landmarks cannot be those of a face has none.
const EXCHANGED: &str = "its left and right landmarks are exchanged: the left eye is the one at the left of the picture";

/// Where landmarks come from.
#[derive(Debug)]
pub enum Landmarks {
    /// From a detector.
    Detector(Box<Mtcnn>),
    /// From a table of somebody's own, read by [`Landmarks::table`].
    Table {
        /// The faces of each picture, by its name as the set shows it.
        faces: HashMap<String, Vec<Face>>,
        /// The table.
        path: PathBuf,
        /// What tells it from others.
        fingerprint: String,
    },
}

impl Landmarks {
    /// Reads a table with the columns `image`, a picture's name as the set shows it, and ten coordinates.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Landmarks`], which names the line.
    pub fn table(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let mut writer = FingerprintWriter::new("table of landmarks");
        writer.setting(&bytes);
        Ok(Self::Table {
            faces: by_image(read_landmarks(&bytes[..], path)?),
            path: path.to_owned(),
            fingerprint: writer.finish().to_string(),
        })
    }

    /// What tells these landmarks from others.
    pub(crate) fn fingerprint(&self) -> String {
        match self {
            Self::Detector(detector) => detector.fingerprint().to_owned(),
            Self::Table { fingerprint, .. } => fingerprint.clone(),
        }
    }

    /// The faces of a picture, or why there are none.
    pub(crate) fn faces(
        &self,
        image: &str,
        picture: Picture<'_>,
    ) -> Result<std::result::Result<Vec<Face>, &'static str>> {
        match self {
            Self::Detector(detector) => {
                let faces = detector.detect(picture)?;
                Ok(if faces.is_empty() {
                    Err(NO_FACE)
                } else {
                    Ok(faces)
                })
            }
            Self::Table { faces, .. } => Ok(match faces.get(image) {
                None => Err(NO_LINE),
                Some(faces) if faces.is_empty() => Err(NO_FACE),
                Some(faces) if faces.iter().any(Face::is_mirrored) => Err(EXCHANGED),
                Some(faces) => Ok(faces.clone()),
            }),
        }
    }

    /// Pictures of a table that are not among these names.
    pub(crate) fn unknown<'a>(
        &self,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Vec<String>> {
        let Self::Table { faces, path, .. } = self else {
            return Ok(Vec::new());
        };
        let shown: HashSet<&str> = names.clone().collect();
        let unknown = faces.keys().filter(|image| !shown.contains(&***image));
        let mut unknown: Vec<String> = unknown.cloned().collect();
        unknown.sort_unstable();
        if let (Some(theirs), Some(ours)) = (unknown.first(), { names }.next())
            && unknown.len() == faces.len()
        {
            return Err(Error::Failed(format!(
                "{}: none of its pictures is in the set: it names `{theirs}`, the set's first is `{}`",
                path.display(),
                ours
            )));
        }
        Ok(unknown)
    }
}
