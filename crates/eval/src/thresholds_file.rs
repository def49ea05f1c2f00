use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::thresholds::Thresholds;
use crate::{Error, Result};

/// Thresholds with what they were measured on, as a JSON file beside the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdsFile {
    /// What they were measured on.
    pub measured_on: MeasuredOn,
    /// The thresholds.
    pub thresholds: Thresholds,
}

/// What thresholds were measured on. They hold for this network with this way of embedding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredOn {
    /// The network: the name of its weights' file, or which of a run's networks.
    pub network: String,
    /// XXH3-64 of the weights' file, 16 hexadecimal digits. None where it was no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_xxh3: Option<String>,
    /// The set.
    pub data: String,
    /// The pairs, as [`Protocol::label`](crate::Protocol::label) names them.
    pub pairs: String,
    /// Whether the embeddings of a picture and its mirror image were added.
    pub flip: bool,
    /// Whether faces were aligned first. Default: false.
    #[serde(default)]
    pub aligned: bool,
}

impl ThresholdsFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Thresholds`] where it is no such file or holds numbers that no measurement gives.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
        let damaged = |problem: String| Error::Thresholds {
            path: path.to_owned(),
            problem,
        };
        let file: Self =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        file.check().map_err(damaged)?;
        Ok(file)
    }

    /// Writes the file. It appears under its name when it is complete.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Thresholds`] where a number is out of its range.
    pub fn write(&self, path: &Path) -> Result<()> {
        let wrong = |problem: String| Error::Thresholds {
            path: path.to_owned(),
            problem,
        };
        self.check().map_err(wrong)?;
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| wrong(error.to_string()))?;
        text.push(b'\n');
        ffc_files::write(path, &text).map_err(|source| Error::io("write", path, source))
    }

    fn check(&self) -> std::result::Result<(), String> {
        let Thresholds { at_far, best, .. } = &self.thresholds;
        let rate = |rate: f64| (0.0..=1.0).contains(&rate);
        for threshold in at_far.iter().map(|at| &at.threshold).chain([best]) {
            // Of vectors of length 1, but for rounding.
            let is_cosine = threshold.cosine.abs() <= 1.001;
            if !is_cosine || !rate(threshold.far) || !rate(threshold.tar) {
                return Err(format!(
                    "cosine {} with FAR {} and TAR {} is no threshold: rates are 0 to 1",
                    threshold.cosine, threshold.far, threshold.tar
                ));
            }
        }
        match at_far
            .iter()
            .find(|at| !rate(at.target) || at.target == 0.0)
        {
            Some(at) => Err(format!(
                "the FAR {} is not above 0 and at most 1",
                at.target
            )),
            None => Ok(()),
        }
    }
}
