use std::ops::Range;
use std::sync::Arc;

use ffc_data::Dataset;
use serde::{Deserialize, Serialize};

use crate::embed::Embed;
use crate::embeddings::{ImageEmbeddings, squared_distance};
use crate::error::at_least;
use crate::interval::Interval;
use crate::pairs::Pair;
use crate::scores::Scores;
use crate::{Error, Result};

/// Thresholds that are tried: 0, 0.01, .. 3.99.
const THRESHOLDS: usize = 400;
/// Folds of insightface's protocol.
pub(crate) const FOLDS: usize = 10;

/// Pairs with the squared L2 distances of their normalised embeddings: 0 for equal ones to 4 for opposite ones.
///
/// A pair is taken for the same identity if its distance is below a threshold, which is one of 0, 0.01, .. 3.99: the first of those
/// that decide most pairs of a training list rightly.
#[derive(Debug, Clone)]
pub struct Verification {
    pairs: Vec<Pair>,
    distances: Vec<f64>,
}

/// Which pairs were decided rightly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The folds: ten, or one of all pairs.
    pub folds: Vec<Fold>,
    /// Pair by pair, whether it was decided rightly.
    pub correct: Vec<bool>,
}

/// A part of the pairs that was decided by one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fold {
    /// The pairs.
    pub pairs: Range<usize>,
    /// Pairs with a smaller squared distance were taken for the same identity.
    pub threshold: f64,
    /// Share of the pairs that were decided rightly.
    pub accuracy: f64,
}

/// A pair that was decided wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// Number of the first image in the set.
    pub image_a: u64,
    /// Number of the second.
    pub image_b: u64,
    /// Their cosine.
    pub score: f32,
    /// Whether they do show the same identity.
    pub same: bool,
}

impl Verification {
    /// Embeds the images of the pairs, each once, and measures the distances.
    ///
    /// # Errors
    /// If an image cannot be read or embedded.
    pub fn measure(
        dataset: &Arc<Dataset>,
        pairs: Vec<Pair>,
        embed: &mut dyn Embed,
    ) -> Result<Self> {
        let images = pairs.iter().flat_map(|pair| pair.images);
        let embeddings = ImageEmbeddings::new(dataset, images, embed)?;
        Ok(Self::of_embeddings(pairs, &embeddings))
    }

    pub(crate) fn of_embeddings(pairs: Vec<Pair>, embeddings: &ImageEmbeddings) -> Self {
        let distance = |pair: &Pair| {
            let [a, b] = pair.images.map(|image| embeddings.of(image));
            squared_distance(a, b)
        };
        let distances = pairs.iter().map(distance).collect();
        Self { pairs, distances }
    }

    /// Pairs with known distances.
    ///
    /// # Errors
    /// If the numbers differ, or a distance is not finite.
    pub fn new(pairs: Vec<Pair>, distances: Vec<f64>) -> Result<Self> {
        if pairs.len() != distances.len() {
            return Err(Error::Count {
                what: "distances",
                expected: pairs.len(),
                found: distances.len(),
            });
        }
        if let Some(pair) = distances.iter().position(|distance| !distance.is_finite()) {
            return Err(Error::NotFinite {
                origin: format!("pair {pair}"),
            });
        }
        Ok(Self { pairs, distances })
    }

    /// insightface's protocol: ten contiguous parts of the pairs, each decided by the threshold that is best on the other nine. The
    /// first parts have one pair more where ten does not divide the pairs.
    ///
    /// # Errors
    /// If there are fewer than ten pairs.
    pub fn ten_folds(&self) -> Result<Decision> {
        at_least("pairs", FOLDS, self.pairs.len())?;
        let (part, more) = (self.pairs.len() / FOLDS, self.pairs.len() % FOLDS);
        let start = |fold: usize| fold * part + fold.min(more);
        let parts = (0..FOLDS).map(|fold| start(fold)..start(fold + 1));
        Ok(self.decide_folds(parts.collect()))
    }

    /// Folds that follow each other, each decided by the threshold that is best on the others.
    pub(crate) fn decide_folds(&self, parts: Vec<Range<usize>>) -> Decision {
        let correct: Vec<_> = parts
            .iter()
            .map(|pairs| self.correct_by_threshold(pairs.clone()))
            .collect();
        let folds = parts.into_iter().enumerate().map(|(fold, pairs)| {
            let others = |threshold: usize| {
                let others = correct
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != fold);
                others.map(|(_, correct)| correct[threshold]).sum()
            };
            (pairs, first_best((0..THRESHOLDS).map(others)))
        });
        self.decide(folds)
    }

    /// The best threshold of all pairs, to [decide](Self::at_threshold) other pairs by: LFW's View 1.
    ///
    /// # Errors
    /// If there is no pair.
    pub fn best_threshold(&self) -> Result<f64> {
        at_least("pairs", 1, self.pairs.len())?;
        Ok(first_best(
            self.correct_by_threshold(0..self.pairs.len()).into_iter(),
        ))
    }

    /// Decides all pairs by a given threshold of the squared distance.
    ///
    /// # Errors
    /// If there is no pair.
    pub fn at_threshold(&self, threshold: f64) -> Result<Decision> {
        at_least("pairs", 1, self.pairs.len())?;
        Ok(self.decide([(0..self.pairs.len(), threshold)].into_iter()))
    }

    /// The cosines of the pairs.
    pub fn scores(&self) -> Scores {
        let mut scores = Scores::default();
        for (pair, &distance) in self.pairs.iter().zip(&self.distances) {
            let scores = match pair.same {
                true => &mut scores.same,
                false => &mut scores.different,
            };
            scores.push(cosine(distance));
        }
        scores
    }

    /// The pairs furthest on the wrong side of their threshold, the worst first; of each kind, same and different, at most `most`.
    pub fn mistakes(&self, decision: &Decision, most: usize) -> Vec<Mistake> {
        let folds = decision.folds.iter();
        let mut wrong: Vec<(f64, usize)> = folds
            .flat_map(|fold| fold.pairs.clone().map(|pair| (fold.threshold, pair)))
            .filter(|&(_, pair)| !decision.correct[pair])
            .map(|(threshold, pair)| ((self.distances[pair] - threshold).abs(), pair))
            .collect();
        wrong.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mistake = |&(_, number): &(f64, usize)| {
            let Pair { images, same } = self.pairs[number];
            Mistake {
                image_a: images[0],
                image_b: images[1],
                score: cosine(self.distances[number]),
                same,
            }
        };
        let mut left = [most; 2];
        let mistakes = wrong.iter().map(mistake).filter(|mistake| {
            let left = &mut left[usize::from(mistake.same)];
            let kept = *left > 0;
            *left = left.saturating_sub(1);
            kept
        });
        mistakes.collect()
    }

    /// For each threshold, how many of some pairs it decides rightly.
    fn correct_by_threshold(&self, pairs: Range<usize>) -> Vec<usize> {
        let correct = |threshold: usize| {
            let threshold = threshold_at(threshold);
            pairs
                .clone()
                .filter(|&pair| self.is_correct(pair, threshold))
                .count()
        };
        (0..THRESHOLDS).map(correct).collect()
    }

    fn is_correct(&self, pair: usize, threshold: f64) -> bool {
        (self.distances[pair] < threshold) == self.pairs[pair].same
    }

    fn decide(&self, folds: impl Iterator<Item = (Range<usize>, f64)>) -> Decision {
        let mut correct = Vec::with_capacity(self.pairs.len());
        let folds = folds.map(|(pairs, threshold)| {
            let (start, count) = (correct.len(), pairs.len());
            correct.extend(pairs.clone().map(|pair| self.is_correct(pair, threshold)));
            let right = correct[start..].iter().filter(|correct| **correct).count();
            Fold {
                pairs,
                threshold,
                accuracy: right as f64 / count as f64,
            }
        });
        let folds = folds.collect();
        Decision { folds, correct }
    }
}

impl Decision {
    /// Mean accuracy of the folds.
    pub fn accuracy(&self) -> f64 {
        self.folds.iter().map(|fold| fold.accuracy).sum::<f64>() / self.folds.len() as f64
    }

    /// Standard deviation of the folds' accuracies, divided by their number as insightface does, not by one less.
    pub fn deviation(&self) -> f64 {
        let mean = self.accuracy();
        let square = |fold: &Fold| (fold.accuracy - mean).powi(2);
        (self.folds.iter().map(square).sum::<f64>() / self.folds.len() as f64).sqrt()
    }

    /// Bootstrap interval of the accuracy over the pairs, whose thresholds stay.
    pub fn interval(&self, seed: u64) -> Interval {
        let correct: Vec<f64> = self
            .correct
            .iter()
            .map(|&correct| f64::from(u8::from(correct)))
            .collect();
        Interval::of_mean(&correct, seed)
    }
}

fn threshold_at(number: usize) -> f64 {
    number as f64 * 0.01
}

/// The first threshold with the most pairs decided rightly.
fn first_best(correct: impl Iterator<Item = usize>) -> f64 {
    let best = correct.enumerate().fold((0, 0), |best, (number, correct)| {
        if correct > best.1 {
            (number, correct)
        } else {
            best
        }
    });
    threshold_at(best.0)
}

/// The cosine of normalised embeddings with this squared distance.
fn cosine(squared_distance: f64) -> f32 {
    (1.0 - squared_distance / 2.0) as f32
}
