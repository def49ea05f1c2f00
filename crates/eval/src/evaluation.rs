use std::fmt;

use serde::{Deserialize, Serialize};

use crate::interval::Interval;
use crate::roc::RocPoint;
use crate::scores::Scores;
use crate::tar_at_far::TarAtFar;
use crate::thresholds::Thresholds;
use crate::verification::{Decision, Mistake, Verification};

/// Seed of the bootstrap.
pub(crate) const BOOTSTRAP_SEED: u64 = 0;
/// Mistakes that are kept.
const MISTAKES: usize = 32;

/// What a protocol has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The results.
    pub measures: Vec<Measure>,
    /// Of verification: the folds with their thresholds.
    pub decision: Option<Decision>,
    /// Of verification: the cosines of the pairs.
    pub scores: Option<Scores>,
    /// Of verification: the pairs furthest on the wrong side, the worst first, of each kind 32 at most.
    pub mistakes: Vec<Mistake>,
    /// Of TAR@FAR, whose pairs are too many to keep: some hundred points of the ROC curve, by ascending false accept rates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roc: Vec<RocPoint>,
    /// Of verification and TAR@FAR: the thresholds that the pairs show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
    /// What was asked for and cannot be measured on so few pairs, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// A result, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What was measured: `accuracy`, `TAR@FAR 1e-3`, `rank-1, 1000 distractors`.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Lower end of the 95 % bootstrap interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Of TAR@FAR: the false accept rate that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<ReachedFar>,
}

/// The false accept rate behind a TAR@FAR.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReachedFar {
    /// The rate, the nearest to the target that the pairs have.
    pub far: f64,
    /// Pairs of the same identity that were measured.
    pub same_pairs: u64,
    /// Pairs of different identities.
    pub different_pairs: u64,
}

impl fmt::Display for ReachedFar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "reached FAR {:.2e}, {} same and {} different pairs",
            self.far, self.same_pairs, self.different_pairs
        )
    }
}

impl Measure {
    pub(crate) fn new(name: impl Into<String>, value: f64, interval: Interval) -> Self {
        Self {
            name: name.into(),
            value,
            low: interval.low,
            high: interval.high,
            reached: None,
        }
    }

    /// The mean of some values, with its interval over them.
    pub(crate) fn mean(name: impl Into<String>, values: &[f64]) -> Self {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Self::new(name, mean, Interval::of_mean(values, BOOTSTRAP_SEED))
    }

    /// The share of those that are true, with its interval over all.
    pub(crate) fn share(name: impl Into<String>, found: &[bool]) -> Self {
        let found: Vec<f64> = found
            .iter()
            .map(|&found| f64::from(u8::from(found)))
            .collect();
        Self::mean(name, &found)
    }
}

impl From<TarAtFar> for Measure {
    fn from(result: TarAtFar) -> Self {
        let name = format!("TAR@FAR {:e}", result.target);
        Self {
            reached: Some(ReachedFar {
                far: result.far,
                same_pairs: result.same_pairs,
                different_pairs: result.different_pairs,
            }),
            ..Self::new(name, result.tar, result.interval)
        }
    }
}

impl Evaluation {
    pub(crate) fn of_measures(measures: Vec<Measure>) -> Self {
        Self {
            measures,
            decision: None,
            scores: None,
            mistakes: Vec::new(),
            roc: Vec::new(),
            thresholds: None,
            left_out: Vec::new(),
        }
    }

    pub(crate) fn of_verification(verification: &Verification, decision: Decision) -> Self {
        let interval = decision.interval(BOOTSTRAP_SEED);
        let accuracy = Measure::new("accuracy", decision.accuracy(), interval);
        let scores = verification.scores();
        Self {
            mistakes: verification.mistakes(&decision, MISTAKES),
            // A list of pairs of one kind alone shows no threshold.
            thresholds: Thresholds::of_scores(&scores).ok(),
            scores: Some(scores),
            decision: Some(decision),
            ..Self::of_measures(vec![accuracy])
        }
    }
}
