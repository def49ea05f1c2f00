use std::collections::BTreeMap;
use std::path::Path;

use ffc_eval::RocPoint;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// `scores.json`: by an evaluation's name the scores of its pairs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scores(pub BTreeMap<String, EvaluationScores>);

/// Scores of an evaluation after training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationScores {
    /// `gallery` or `probe`.
    pub network: String,
    /// Cosines of pairs of the same identity.
    pub same: Vec<f32>,
    /// Cosines of pairs of different identities.
    pub different: Vec<f32>,
    /// Some hundred points of the ROC curve with finite thresholds, by ascending false accepts, where there are too many pairs for `same`
    /// and `different`; else none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roc: Vec<RocPoint>,
    /// Pairs above it were taken for the same identity; none where the evaluation has no threshold.
    pub threshold: Option<f32>,
    /// Pairs that were judged wrong.
    pub mistakes: Vec<Mistake>,
    /// What simple methods reach on the same pairs.
    pub baselines: Vec<BaselineMeasure>,
}

/// A pair that was judged wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// Cosine of the pair.
    pub score: f32,
    /// Whether the pair shows the same identity.
    pub same: bool,
    /// One picture.
    pub left: Picture,
    /// The other.
    pub right: Picture,
}

/// A picture of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// Its name in the data set.
    pub name: String,
    /// A PNG file; base64 in JSON.
    #[serde(rename = "png_base64", with = "base64_text")]
    pub png: Vec<u8>,
}

/// What a simple method reaches, such as the cosine of raw pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineMeasure {
    /// The method.
    pub name: String,
    /// What was measured, as in [`EvaluationMetrics`](super::EvaluationMetrics).
    pub measure: String,
    /// Its value, 0 to 1.
    pub value: f64,
    /// Lower end of the 95 % bootstrap interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Scores {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] where the file is damaged or a picture is no PNG file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let scores: Self =
            serde_json::from_slice(&bytes).map_err(|problem| Error::format(path, problem))?;
        scores
            .check()
            .map_err(|problem| Error::format(path, problem))?;
        Ok(scores)
    }

    /// Writes a file. It appears under its name when it is complete and on disk; until then an older one stays.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] where a number is not finite, for which JSON has no word, or a picture is no PNG file.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.check()
            .map_err(|problem| Error::format(path, problem))?;
        let bytes =
            serde_json::to_vec(self).map_err(|error| Error::io("write", path)(error.into()))?;
        ffc_files::write(path, &bytes).map_err(Error::io("write", path))
    }

    fn check(&self) -> std::result::Result<(), String> {
        for (name, evaluation) in &self.0 {
            let scores = evaluation.same.iter().chain(&evaluation.different);
            let scores = scores.chain(&evaluation.threshold);
            let scores = scores.chain(evaluation.mistakes.iter().map(|mistake| &mistake.score));
            let baselines = evaluation.baselines.iter();
            let baselines =
                baselines.flat_map(|baseline| [baseline.value, baseline.low, baseline.high]);
            let roc = evaluation.roc.iter();
            let roc = roc.flat_map(|point| [point.threshold.into(), point.far, point.tar]);
            let mut numbers = scores
                .map(|score| f64::from(*score))
                .chain(baselines)
                .chain(roc);
            if let Some(number) = numbers.find(|number| !number.is_finite()) {
                return Err(format!(
                    "evaluation `{name}` holds {number}, but numbers must be finite"
                ));
            }
            let pictures = evaluation
                .mistakes
                .iter()
                .flat_map(|mistake| [&mistake.left, &mistake.right]);
            for picture in pictures {
                if !picture.png.starts_with(b"\x89PNG\r\n\x1a\n") {
                    return Err(format!(
                        "evaluation `{name}`: picture `{}` is no PNG file",
                        picture.name
                    ));
                }
            }
        }
        Ok(())
    }
}

mod base64_text {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}
