use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use ffc_data::{Dataset, Index, PairBin};

use super::{Pair, PairsFile, random_pairs};
use crate::embeddings::ImageEmbeddings;
use crate::error::at_least;
use crate::evaluation::Evaluation;
use crate::prepared::Task;
use crate::verification::{FOLDS, Verification};
use crate::{Error, Result};

/// The pairs of a verification, ready to be measured.
pub(crate) struct PairLists {
    pairs: Vec<Pair>,
    /// Pairs that the threshold is chosen on; none for ten folds.
    train: Option<Vec<Pair>>,
}

impl PairLists {
    pub(crate) fn random(index: &Index, pairs: u64, seed: u64) -> Result<Self> {
        Self::ten_folds(random_pairs(index, pairs, seed)?)
    }

    pub(crate) fn of_files(dataset: &Dataset, path: &Path, train: Option<&Path>) -> Result<Self> {
        let file = PairsFile::read(path)?;
        if let Some(train) = train {
            let pairs = file.resolve(dataset)?;
            let chosen_on = PairsFile::read(train)?.resolve(dataset)?;
            check_kinds(&pairs).map_err(Error::in_list(path))?;
            check_kinds(&chosen_on).map_err(Error::in_list(train))?;
            let known: HashSet<_> = chosen_on.iter().map(Pair::unordered).collect();
            let shared = (pairs.iter())
                .filter(|pair| known.contains(&pair.unordered()))
                .count();
            if shared > 0 {
                tracing::warn!(
                    "{shared} of {} pairs of {} are in {} too, on which the threshold is chosen: what is measured comes out too high",
                    pairs.len(),
                    path.display(),
                    train.display()
                );
            }
            return Ok(Self {
                pairs,
                train: Some(chosen_on),
            });
        }
        if file.is_of_paths() {
            let pairs = in_turn(file.resolve(dataset)?);
            return pairs
                .and_then(Self::ten_folds)
                .map_err(Error::in_list(path));
        }
        if file.folds != Some(FOLDS) {
            let problem =
                "a list without ten folds: name the list that its threshold is chosen on, `train`";
            return Err(Error::line(path, 1, problem));
        }
        Self::ten_folds(file.resolve(dataset)?).map_err(Error::in_list(path))
    }

    /// insightface's pair file with its set.
    pub(crate) fn of_bin(path: &Path) -> Result<(Arc<Dataset>, Self)> {
        let bin = PairBin::open(path)?;
        let pair = |(number, &same): (u64, &bool)| Pair {
            images: [2 * number, 2 * number + 1],
            same,
        };
        let pairs = Self::ten_folds((0..).zip(bin.same()).map(pair).collect());
        let pairs = pairs.map_err(Error::in_list(path))?;
        Ok((Arc::new(Dataset::pairs(bin)?), pairs))
    }

    fn ten_folds(pairs: Vec<Pair>) -> Result<Self> {
        at_least("pairs", FOLDS, pairs.len())?;
        check_kinds(&pairs)?;
        Ok(Self { pairs, train: None })
    }
}

impl Task for PairLists {
    fn images(&self) -> Vec<u64> {
        let pairs = self.pairs.iter().chain(self.train.iter().flatten());
        pairs.flat_map(|pair| pair.images).collect()
    }

    fn measure(&self, embeddings: &ImageEmbeddings) -> Result<Evaluation> {
        let verification = Verification::of_embeddings(self.pairs.clone(), embeddings);
        let decision = match &self.train {
            Some(train) => {
                let train = Verification::of_embeddings(train.clone(), embeddings);
                verification.at_threshold(train.best_threshold()?)?
            }
            None => verification.ten_folds()?,
        };
        Ok(Evaluation::of_verification(&verification, decision))
    }
}

/// Pairs of one kind alone are decided rightly by a threshold at the end of the scale.
fn check_kinds(pairs: &[Pair]) -> Result<()> {
    let same = pairs.iter().filter(|pair| pair.same).count();
    at_least("pairs of the same identity", 1, same)?;
    at_least("pairs of different identities", 1, pairs.len() - same)
}

/// Both kinds of pairs spread evenly, each kind in its order, so that each of ten folds holds both however the list is sorted.
fn in_turn(pairs: Vec<Pair>) -> Result<Vec<Pair>> {
    let (same, different): (Vec<Pair>, Vec<Pair>) = pairs.into_iter().partition(|pair| pair.same);
    at_least("pairs of the same identity", FOLDS, same.len())?;
    at_least("pairs of different identities", FOLDS, different.len())?;
    let placed = |pairs: Vec<Pair>| {
        let count = pairs.len() as f64;
        let place = move |(number, pair): (usize, Pair)| ((number as f64 + 0.5) / count, pair);
        pairs.into_iter().enumerate().map(place)
    };
    let mut placed: Vec<(f64, Pair)> = placed(same).chain(placed(different)).collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(placed.into_iter().map(|(_, pair)| pair).collect())
}
