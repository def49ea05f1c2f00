use std::path::PathBuf;
use std::sync::Arc;

use ffc_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::embed::Embed;
use crate::embeddings::Embeddings;
use crate::episodes::Episodes;
use crate::error::at_least;
use crate::evaluation::{Evaluation, Measure};
use crate::identification::Identification;
use crate::interval::Interval;
use crate::pairs::PairLists;
use crate::tar_at_far::{check_targets, tar_at_far};

/// What is measured, as a configuration names it. In a file the key `protocol` tells which.
///
/// ```
/// use ffc_eval::Protocol;
///
/// let protocol: Protocol = serde_json::from_str(r#"{ "kind": "episodes", "ways": 20, "shots": 5 }"#)?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "kind")]
pub enum Protocol {
    /// Verification in ten folds of [random pairs](crate::random_pairs).
    RandomPairs {
        /// Number of pairs, half of them of the same identity.
        pairs: u64,
        /// Seed of the draw. Default: 0.
        #[serde(default)]
        seed: u64,
    },
    /// Verification of a [list of pairs](crate::PairsFile): in its ten folds (LFW's View 2), or with the threshold of another list (View 1).
    PairsFile {
        /// The list.
        path: PathBuf,
        /// The list that the threshold is chosen on. None for ten folds.
        #[serde(default)]
        train: Option<PathBuf>,
    },
    /// Verification in ten folds of insightface's [pair file](ffc_data::PairBin), which brings its own images.
    Bin {
        /// The file.
        path: PathBuf,
    },
    /// [Episodes].
    Episodes(Episodes),
    /// [TAR at FAR](tar_at_far) over all pairs of the set.
    TarAtFar {
        /// The false accept rates. Default: 1e-6 to 1e-1.
        #[serde(default = "default_targets")]
        targets: Vec<f64>,
    },
    /// [Identification] with distractors.
    Identification(Identification),
}

fn default_targets() -> Vec<f64> {
    vec![1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
}

/// Mistakes that are kept.
const MISTAKES: usize = 64;
/// Seed of the bootstrap.
const BOOTSTRAP_SEED: u64 = 0;

impl Protocol {
    /// Whether the protocol can be run on a set, as far as it shows without a network: so that a training run does not learn of a
    /// missing list at its first evaluation.
    ///
    /// # Errors
    /// If a setting is outside its range, a list cannot be read or does not fit the set, or the set is too small.
    pub fn check(&self, dataset: &Arc<Dataset>) -> Result<()> {
        let index = dataset.index();
        match self {
            Self::RandomPairs { pairs, seed } => {
                PairLists::random(dataset, *pairs, *seed).map(drop)
            }
            Self::PairsFile { path, train } => {
                PairLists::of_files(dataset, path, train.as_deref()).map(drop)
            }
            Self::Bin { path } => PairLists::of_bin(path).map(drop),
            Self::Episodes(episodes) => episodes.draws(index).map(drop),
            Self::TarAtFar { targets } => {
                check_targets(targets)?;
                at_least("identities", 2, index.identities() as usize)?;
                at_least("images of one identity", 2, index.max_images() as usize)
            }
            Self::Identification(identification) => identification.draw(index).map(drop),
        }
    }

    /// Runs the protocol on all identities of a set. The same network and set give the same result. Numbers of images in the result
    /// are those of the set; of a pair file, 2 k and 2 k + 1 for pair k, counted from 0.
    ///
    /// # Errors
    /// As [`check`](Self::check), before anything is embedded; then, if an image cannot be read or embedded.
    pub fn run(&self, dataset: &Arc<Dataset>, embed: &mut dyn Embed) -> Result<Evaluation> {
        match self {
            Self::RandomPairs { pairs, seed } => {
                verify(PairLists::random(dataset, *pairs, *seed)?, embed)
            }
            Self::PairsFile { path, train } => {
                verify(PairLists::of_files(dataset, path, train.as_deref())?, embed)
            }
            Self::Bin { path } => verify(PairLists::of_bin(path)?, embed),
            Self::Episodes(episodes) => {
                let accuracies = episodes.run(dataset, embed)?;
                Ok(Evaluation::of_measures(vec![mean("accuracy", &accuracies)]))
            }
            Self::TarAtFar { targets } => {
                self.check(dataset)?;
                all_pairs(dataset, targets, embed)
            }
            Self::Identification(identification) => {
                let found = identification.run(dataset, embed)?;
                let measure = |(distractors, found): (&usize, Vec<bool>)| {
                    let found: Vec<f64> = found.into_iter().map(share).collect();
                    mean(&format!("rank-1, {distractors} distractors"), &found)
                };
                let measures = identification.distractors.iter().zip(found).map(measure);
                Ok(Evaluation::of_measures(measures.collect()))
            }
        }
    }
}
fn verify(lists: PairLists, embed: &mut dyn Embed) -> Result<Evaluation> {
    let (verification, decision) = lists.verify(embed)?;
    let interval = decision.interval(BOOTSTRAP_SEED);
    Ok(Evaluation {
        measures: vec![Measure::new("accuracy", decision.accuracy(), interval)],
        scores: Some(verification.scores()),
        mistakes: verification.mistakes(&decision, MISTAKES),
        decision: Some(decision),
    })
}

fn all_pairs(dataset: &Arc<Dataset>, targets: &[f64], embed: &mut dyn Embed) -> Result<Evaluation> {
    let index = dataset.index();
    let images: Vec<u64> = (0..index.images()).collect();
    let identities: Vec<u64> = images
        .iter()
        .map(|&image| index.identity_of(image))
        .collect();
    let embeddings = Embeddings::of_images(dataset, &images, embed)?;
    let results = tar_at_far(&embeddings, &identities, targets, BOOTSTRAP_SEED)?;
    let measures = results.into_iter().map(|result| {
        let name = format!("TAR@FAR {:e}", result.target);
        Measure::new(name, result.tar, result.interval)
    });
    Ok(Evaluation::of_measures(measures.collect()))
}

fn mean(name: &str, values: &[f64]) -> Measure {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    Measure::new(name, mean, Interval::of_mean(values, BOOTSTRAP_SEED))
}

fn share(found: bool) -> f64 {
    f64::from(u8::from(found))
}
