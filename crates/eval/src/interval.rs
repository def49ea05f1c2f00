use serde::{Deserialize, Serialize};

use crate::purpose::Purpose;

/// Samples that are drawn.
const RESAMPLES: u64 = 1_000;

/// A 95 % interval by the percentile bootstrap (Efron, 1979): from the 2.5th to the 97.5th of 100 parts of the statistic over 1,000
/// samples drawn with replacement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Of the mean of some values. Of none, NaN.
    pub fn of_mean(values: &[f64], seed: u64) -> Self {
        Self::resample(values.len(), seed, |number| (values[number], 1.0))
    }

    /// Of a ratio of sums, such as hits and trials of each identity, drawn as a whole: the subsets bootstrap (Bolle, Ratha and
    /// Pankanti, CVIU 2004). Groups without trials say nothing of the ratio and are not drawn: each sample holds as many groups
    /// with trials as there are. Of none, NaN.
    pub fn of_ratio(groups: &[(f64, f64)], seed: u64) -> Self {
        let tried: Vec<(f64, f64)> = groups
            .iter()
            .copied()
            .filter(|group| group.1 > 0.0)
            .collect();
        Self::resample(tried.len(), seed, |number| tried[number])
    }

    fn resample(count: usize, seed: u64, part: impl Fn(usize) -> (f64, f64)) -> Self {
        if count == 0 {
            return Self {
                low: f64::NAN,
                high: f64::NAN,
            };
        }
        let sample = |number| {
            let mut rng = Purpose::Bootstrap.rng(seed, number);
            let (mut above, mut below) = (0.0, 0.0);
            for _ in 0..count {
                let (part, whole) = part(rng.below(count as u64) as usize);
                above += part;
                below += whole;
            }
            above / below
        };
        let mut statistics: Vec<f64> = (0..RESAMPLES).map(sample).collect();
        statistics.sort_unstable_by(f64::total_cmp);
        let tail = RESAMPLES as usize / 40;
        Self {
            low: statistics[tail],
            high: statistics[RESAMPLES as usize - 1 - tail],
        }
    }
}
