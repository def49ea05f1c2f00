use serde::{Deserialize, Serialize};

use crate::interval::Interval;
use crate::scores::Scores;
use crate::verification::{Decision, Mistake};

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
    /// Of verification: the pairs furthest on the wrong side, the worst first, 64 at most.
    pub mistakes: Vec<Mistake>,
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
}

impl Measure {
    pub(crate) fn new(name: impl Into<String>, value: f64, interval: Interval) -> Self {
        Self {
            name: name.into(),
            value,
            low: interval.low,
            high: interval.high,
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
        }
    }
}
