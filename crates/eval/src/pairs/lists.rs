use std::path::Path;
use std::sync::Arc;

use ffc_data::{Dataset, PairBin};

use super::{Pair, PairsFile, random_pairs};
use crate::embed::Embed;
use crate::error::at_least;
use crate::verification::{Decision, FOLDS, Verification};
use crate::{Error, Result};

/// The pairs of a verification, ready to be measured.
pub(crate) struct PairLists {
    dataset: Arc<Dataset>,
    pairs: Vec<Pair>,
    /// Pairs that the threshold is chosen on; none for ten folds.
    train: Option<Vec<Pair>>,
}

impl PairLists {
    pub(crate) fn random(dataset: &Arc<Dataset>, pairs: u64, seed: u64) -> Result<Self> {
        Self::ten_folds(dataset.clone(), random_pairs(dataset.index(), pairs, seed)?)
    }

    pub(crate) fn of_files(
        dataset: &Arc<Dataset>,
        path: &Path,
        train: Option<&Path>,
    ) -> Result<Self> {
        let file = PairsFile::read(path)?;
        let Some(train) = train else {
            if file.folds != Some(FOLDS) {
                let problem = "a list without ten folds: name the list that its threshold is chosen on, `train`";
                return Err(Error::line(path, 1, problem));
            }
            return Self::ten_folds(dataset.clone(), file.resolve(dataset)?);
        };
        Ok(Self {
            dataset: dataset.clone(),
            pairs: file.resolve(dataset)?,
            train: Some(PairsFile::read(train)?.resolve(dataset)?),
        })
    }

    pub(crate) fn of_bin(path: &Path) -> Result<Self> {
        let bin = PairBin::open(path)?;
        let pair = |(number, &same): (u64, &bool)| Pair {
            images: [2 * number, 2 * number + 1],
            same,
        };
        let pairs = (0..).zip(bin.same()).map(pair).collect();
        Self::ten_folds(Arc::new(Dataset::pairs(bin)?), pairs)
    }

    fn ten_folds(dataset: Arc<Dataset>, pairs: Vec<Pair>) -> Result<Self> {
        at_least("pairs", FOLDS, pairs.len())?;
        Ok(Self {
            dataset,
            pairs,
            train: None,
        })
    }

    pub(crate) fn verify(self, embed: &mut dyn Embed) -> Result<(Verification, Decision)> {
        let threshold = match self.train {
            Some(train) => {
                let train = Verification::measure(&self.dataset, train, embed)?;
                Some(train.best_threshold()?)
            }
            None => None,
        };
        let verification = Verification::measure(&self.dataset, self.pairs, embed)?;
        let decision = match threshold {
            Some(threshold) => verification.at_threshold(threshold)?,
            None => verification.ten_folds()?,
        };
        Ok((verification, decision))
    }
}
