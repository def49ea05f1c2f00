use serde::{Deserialize, Serialize};

use crate::roc::{RocPoint, curve};

/// Cosines of pairs, for histograms and curves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Of pairs of the same identity.
    pub same: Vec<f32>,
    /// Of pairs of different identities.
    pub different: Vec<f32>,
}

impl Scores {
    /// The ROC curve: from (0, 0), a point for each cosine that occurs, in descending order, to (1, 1). A share of no pairs is 0.
    pub fn roc(&self) -> Vec<RocPoint> {
        let marked =
            |scores: &[f32], same| scores.iter().map(move |&score| (score, same)).collect();
        let mut scores: Vec<(f32, bool)> = marked(&self.same, true);
        scores.extend(marked(&self.different, false) as Vec<_>);
        scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let counts = scores.chunk_by(|a, b| a.0 == b.0).map(|equal| {
            let same = equal.iter().filter(|(_, same)| *same).count();
            (equal[0].0, [same as u64, (equal.len() - same) as u64])
        });
        curve(counts, self.pairs())
    }

    /// Pairs of the same identity, and of different ones.
    pub(crate) fn pairs(&self) -> [u64; 2] {
        [self.same.len() as u64, self.different.len() as u64]
    }
}
