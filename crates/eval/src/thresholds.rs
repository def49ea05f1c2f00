use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::at_least;
use crate::roc::{RocPoint, finite_threshold};
use crate::scores::Scores;
use crate::tar_at_far::can_show;

/// Thresholds of the cosine that decide whether two pictures show the same identity, measured on pairs.
///
/// "The same" means that the cosine is the threshold or more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Pairs of the same identity that they were measured on.
    pub same_pairs: u64,
    /// Pairs of different identities.
    pub different_pairs: u64,
    /// At false accept rates of at most 0.1, 0.01, and so on, as far as the pairs can show them: at least 1 / `different_pairs`.
    pub at_far: Vec<FarThreshold>,
    /// The threshold that decides most pairs rightly where pairs of both kinds are equally frequent: with the greatest mean of
    /// TAR and 1 - FAR. Of several the highest.
    pub best: Threshold,
}

/// A threshold with the rates that it reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Pairs with this cosine or more are taken for the same identity.
    pub cosine: f32,
    /// Share of the pairs of different identities that are.
    pub far: f64,
    /// Share of the pairs of the same identity that are.
    pub tar: f64,
}

/// The lowest threshold whose false accept rate is not above a target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FarThreshold {
    /// The target.
    pub target: f64,
    /// The threshold.
    pub threshold: Threshold,
    /// Pairs of different identities that it accepts. Below ten its rate says little of other pairs.
    pub accepted: u64,
}

/// False accept rates that thresholds are given for.
const TARGETS: [f64; 9] = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9];
/// Accepted pairs below which a rate is rough: its standard deviation is then more than a third of it.
const ROUGH_BELOW: u64 = 10;

impl FarThreshold {
    /// Whether so few pairs stand behind its false accept rate, fewer than ten, that on other pairs it may be a multiple.
    pub fn is_rough(&self) -> bool {
        self.accepted < ROUGH_BELOW
    }
}

impl Thresholds {
    /// Of the cosines of pairs.
    ///
    /// # Errors
    /// If there are none of the same identity, or none of different ones.
    pub fn of_scores(scores: &Scores) -> Result<Self> {
        Self::of_curve(&scores.roc(), scores.pairs())
    }

    /// Of a whole ROC curve over pairs of the same identity and of different ones.
    pub(crate) fn of_curve(points: &[RocPoint], pairs: [u64; 2]) -> Result<Self> {
        let [same_pairs, different_pairs] = pairs;
        at_least("pairs of the same identity", 1, same_pairs as usize)?;
        at_least("pairs of different identities", 1, different_pairs as usize)?;
        let threshold = |at: usize| Threshold {
            cosine: finite_threshold(points, at),
            far: points[at].far,
            tar: points[at].tar,
        };
        let at_far = TARGETS
            .into_iter()
            .filter(|&target| can_show(target, different_pairs))
            .map(|target| {
                let last = points.partition_point(|point| point.far <= target) - 1;
                FarThreshold {
                    target,
                    threshold: threshold(last),
                    accepted: (points[last].far * different_pairs as f64).round() as u64,
                }
            });
        let balance = |at: &usize| points[*at].tar - points[*at].far;
        let best = (0..points.len()).reduce(|best, at| match balance(&at) > balance(&best) {
            true => at,
            false => best,
        });
        Ok(Self {
            same_pairs,
            different_pairs,
            at_far: at_far.collect(),
            best: threshold(best.unwrap_or(0)),
        })
    }
}
