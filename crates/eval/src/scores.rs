use serde::{Deserialize, Serialize};

/// Cosines of pairs, for histograms and curves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Of pairs of the same identity.
    pub same: Vec<f32>,
    /// Of pairs of different identities.
    pub different: Vec<f32>,
}

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocPoint {
    /// Pairs with this cosine or more are accepted; infinity in the first point.
    pub threshold: f32,
    /// Share of the different pairs that are accepted.
    pub far: f64,
    /// Share of the same pairs that are accepted.
    pub tar: f64,
}

impl Scores {
    /// The ROC curve: from (0, 0), a point for each cosine that occurs, in descending order, to (1, 1). A share of no pairs is 0.
    pub fn roc(&self) -> Vec<RocPoint> {
        let marked =
            |scores: &[f32], same| scores.iter().map(move |&score| (score, same)).collect();
        let mut scores: Vec<(f32, bool)> = marked(&self.same, true);
        scores.extend(marked(&self.different, false) as Vec<_>);
        scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut points = vec![RocPoint {
            threshold: f32::INFINITY,
            far: 0.0,
            tar: 0.0,
        }];
        let (mut same, mut different) = (0, 0);
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        for equal in scores.chunk_by(|a, b| a.0 == b.0) {
            let accepted = equal.iter().filter(|(_, same)| *same).count();
            same += accepted;
            different += equal.len() - accepted;
            points.push(RocPoint {
                threshold: equal[0].0,
                far: share(different, self.different.len()),
                tar: share(same, self.same.len()),
            });
        }
        points
    }
}
