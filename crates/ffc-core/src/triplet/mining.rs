use burn::tensor::{Int, Tensor};

use crate::labels::{self, Labels};
use crate::upload::indices;

/// Farther than any embedding.
const BEYOND: f32 = 1e30;

/// The hardest triplet of each anchor: its farthest positive and its nearest negative (arXiv:1703.07737, equation 5).
pub(super) struct HardestTriplets {
    /// Number of anchors: rows that have a positive and a negative.
    pub(super) count: usize,
    /// Rows of the anchors, `[count]`.
    pub(super) anchors: Tensor<1, Int>,
    /// Rows of the positives, `[count]`. One can be the anchor itself where all its positives equal it.
    pub(super) positives: Tensor<1, Int>,
    /// Rows of the negatives, `[count]`.
    pub(super) negatives: Tensor<1, Int>,
}

impl HardestTriplets {
    /// Among the rows of `embeddings`, `[rows, dim]`, chosen on the device. None where no row has both a positive and a negative.
    pub(super) fn of(embeddings: &Tensor<2>, labels: &Labels) -> Option<Self> {
        let counts = labels.counts();
        let numbers = labels.rows();
        // Of one identity alone, no row has a negative.
        let anchors: Vec<u32> = (0..numbers.len() as u32)
            .filter(|&row| counts.len() > 1 && counts[numbers[row as usize] as usize] > 1)
            .collect();
        if anchors.is_empty() {
            return None;
        }
        let device = embeddings.device();
        let anchor_numbers: Vec<i32> = anchors.iter().map(|&row| numbers[row as usize]).collect();
        let same = labels::equal(&anchor_numbers, numbers, &device);

        let count = anchors.len();
        let anchors = indices(&anchors, &device);
        // |a - b|^2 without |a|^2, which does not change which b is farthest. Of unit rows all distances choose alike.
        let products =
            (embeddings.clone().select(0, anchors.clone())).matmul(embeddings.clone().transpose());
        let squares = embeddings.clone().square().sum_dim(1).transpose();
        let distances = squares - products * 2.0;
        // The anchor itself is among its positives, but never farther than another.
        let other = same.clone().bool_not();
        let positives = distances.clone().mask_fill(other, -BEYOND).argmax(1);
        let negatives = distances.mask_fill(same, BEYOND).argmin(1);
        Some(Self {
            count,
            anchors,
            positives: positives.reshape([count]),
            negatives: negatives.reshape([count]),
        })
    }
}
