use serde::{Deserialize, Serialize};

use crate::face::Face;
use crate::picture::Picture;
use crate::{Error, Result};

/// Which faces of a picture are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Faces {
    /// The one with the largest box.
    Largest,
    /// The one whose box is nearest to the picture's centre.
    Centre,
    /// All, the largest first.
    All,
}

impl Faces {
    /// Of the faces of a picture, the largest first, those that are taken.
    pub(crate) fn of(self, faces: Vec<Face>, picture: Picture<'_>) -> Vec<Face> {
        let middle = [picture.width(), picture.height()].map(|side| (side as f32 - 1.0) / 2.0);
        let from_middle = |face: &Face| {
            let [x, y] = face.centre();
            (x - middle[0]).powi(2) + (y - middle[1]).powi(2)
        };
        match self {
            Self::All => faces,
            Self::Largest => faces.into_iter().take(1).collect(),
            Self::Centre => {
                let nearest = faces
                    .into_iter()
                    .min_by(|a, b| from_middle(a).total_cmp(&from_middle(b)));
                nearest.into_iter().collect()
            }
        }
    }
}

/// What is done about a picture without a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// It is left out, counted and listed.
    Skip,
    /// It is an error.
    Fail,
    /// The square in its middle is taken.
    Crop,
}

/// How aligned faces are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Without loss.
    Png,
    /// With a quality of 1 to 100.
    Jpeg(u8),
}

/// How a set is aligned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlignConfig {
    /// Side of the aligned faces in pixels.
    pub size_px: usize,
    /// Which faces are taken.
    pub faces: Faces,
    /// What is done about pictures without one.
    pub missing: Missing,
    /// How they are written.
    pub format: Format,
}

impl Default for AlignConfig {
    fn default() -> Self {
        Self {
            size_px: 112,
            faces: Faces::Largest,
            missing: Missing::Skip,
            format: Format::Png,
        }
    }
}

impl AlignConfig {
    /// # Errors
    /// [`Error::Setting`] where a setting is outside its range.
    pub(super) fn check(&self) -> Result<()> {
        if !(8..=4096).contains(&self.size_px) {
            return Err(Error::Setting {
                setting: "size_px",
                value: self.size_px.to_string(),
                expected: "8 to 4096",
            });
        }
        match self.format {
            Format::Jpeg(quality) if !(1..=100).contains(&quality) => Err(Error::Setting {
                setting: "quality",
                value: quality.to_string(),
                expected: "1 to 100",
            }),
            _ => Ok(()),
        }
    }
}
