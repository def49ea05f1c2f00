use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffc_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::all_pairs::AllPairs;
use crate::embed::Embed;
use crate::episodes::{DrawnEpisodes, Episodes};
use crate::evaluation::Evaluation;
use crate::identification::{DrawnIdentification, Identification};
use crate::pairs::{PairLists, check_count};
use crate::prepared::Task;
use crate::protocols::Protocols;
use crate::tar_at_far::check_targets;
use crate::templates::{TemplateTask, Templates};
use crate::videos::VideoPairs;

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
    /// Verification of a [list of pairs](crate::PairsFile): in ten folds (LFW's View 2, or paths), or with the threshold of another list
    /// (View 1).
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
    /// [TAR at FAR](crate::tar_at_far()) over all pairs of the set.
    TarAtFar {
        /// The false accept rates. Default: 1e-6 to 1e-1. Those that the set's pairs cannot show are left out.
        #[serde(default = "default_targets")]
        targets: Vec<f64>,
    },
    /// [Identification] with distractors.
    Identification(Identification),
    /// [Templates], IJB's protocols.
    Templates(Templates),
    /// Verification of [pairs of videos](crate::VideoPairs), YouTube Faces' protocol.
    Videos {
        /// The list, `splits.txt`.
        path: PathBuf,
    },
}

pub(crate) fn default_targets() -> Vec<f64> {
    vec![1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
}

impl Protocol {
    /// Whether its pairs are of single pictures, so that its thresholds hold for two pictures; those of templates and videos do not.
    pub fn compares_pictures(&self) -> bool {
        !matches!(self, Self::Templates(_) | Self::Videos { .. })
    }

    /// Checks what needs no set and no file.
    pub(crate) fn check_settings(&self) -> Result<()> {
        match self {
            Self::RandomPairs { pairs, .. } => check_count(*pairs),
            Self::Episodes(episodes) => episodes.check(),
            Self::TarAtFar { targets } => check_targets(targets),
            Self::Identification(identification) => identification.check(),
            Self::Templates(templates) => check_targets(&templates.targets),
            Self::PairsFile { .. } | Self::Bin { .. } | Self::Videos { .. } => Ok(()),
        }
    }

    /// Whether the protocol can be run on a set, as far as it shows without a network.
    ///
    /// # Errors
    /// As [`Protocols::prepare`].
    pub fn check(&self, dataset: &Arc<Dataset>) -> Result<()> {
        self.task(dataset).map(drop)
    }

    /// Runs the protocol on all identities of a set. The same network and set give the same result. Numbers of images in the result
    /// are those of the set; of a pair file, 2 k and 2 k + 1 for pair k, counted from 0.
    ///
    /// # Errors
    /// As [`check`](Self::check), before anything is embedded; then, if an image cannot be read or embedded.
    pub fn run(&self, dataset: &Arc<Dataset>, embed: &mut dyn Embed) -> Result<Evaluation> {
        let mut found = Protocols::from(self.clone()).run(dataset, embed)?;
        Ok(found.swap_remove(0))
    }

    /// What tells it from others of the same evaluation, in a few words.
    pub fn label(&self) -> String {
        let file = |path: &Path| match path.file_name() {
            Some(name) => name.display().to_string(),
            None => path.display().to_string(),
        };
        match self {
            Self::RandomPairs { pairs, seed: 0 } => format!("{pairs} random pairs"),
            Self::RandomPairs { pairs, seed } => format!("{pairs} random pairs of seed {seed}"),
            Self::PairsFile { path, train: _ } | Self::Bin { path } => {
                format!("pairs of {}", file(path))
            }
            Self::Episodes(Episodes { ways, shots, .. }) => format!("{ways}-way {shots}-shot"),
            Self::TarAtFar { targets: _ } => "all pairs".into(),
            Self::Identification(Identification { probes, .. }) => format!("{probes} probes"),
            Self::Templates(templates) => format!("templates of {}", file(&templates.media)),
            Self::Videos { path } => format!("videos of {}", file(path)),
        }
    }

    /// Whether it has pictures of its own.
    pub fn brings_pictures(&self) -> bool {
        matches!(self, Self::Bin { .. })
    }

    /// The lists that it reads, without a file that holds pictures.
    pub fn lists(&self) -> Vec<&Path> {
        match self {
            Self::PairsFile { path, train } => {
                let train = train.iter().map(PathBuf::as_path);
                [path.as_path()].into_iter().chain(train).collect()
            }
            Self::Templates(templates) => templates.lists(),
            Self::Videos { path } => vec![path],
            Self::RandomPairs { .. }
            | Self::Bin { .. }
            | Self::Episodes(_)
            | Self::TarAtFar { .. }
            | Self::Identification(_) => Vec::new(),
        }
    }

    /// What is to be measured on which set.
    pub(crate) fn task(&self, dataset: &Arc<Dataset>) -> Result<(Arc<Dataset>, Box<dyn Task>)> {
        let index = dataset.index();
        let task: Box<dyn Task> = match self {
            Self::RandomPairs { pairs, seed } => Box::new(PairLists::random(index, *pairs, *seed)?),
            Self::PairsFile { path, train } => {
                Box::new(PairLists::of_files(dataset, path, train.as_deref())?)
            }
            Self::Bin { path } => {
                let (dataset, pairs) = PairLists::of_bin(path)?;
                return Ok((dataset, Box::new(pairs)));
            }
            Self::Episodes(episodes) => Box::new(DrawnEpisodes::new(episodes.clone(), index)?),
            Self::TarAtFar { targets } => Box::new(AllPairs::new(index, targets)?),
            Self::Identification(identification) => {
                Box::new(DrawnIdentification::new(identification.clone(), index)?)
            }
            Self::Templates(templates) => Box::new(TemplateTask::new(templates, dataset)?),
            Self::Videos { path } => Box::new(VideoPairs::read(path)?.task(dataset)?),
        };
        Ok((dataset.clone(), task))
    }
}
