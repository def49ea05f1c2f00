use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Tensor};

use crate::softmax::HIDDEN;

/// Products of anchors with candidates, and what a loss makes of them.
pub(super) struct Similarities {
    /// `[anchors, candidates]`.
    pub(super) products: Tensor<2>,
    /// Which candidates are of the anchor's identity, and count as such.
    pub(super) positives: Tensor<2, Bool>,
    /// Which are of another.
    pub(super) negatives: Tensor<2, Bool>,
    /// Number of positive pairs.
    pub(super) pairs: usize,
}

/// What a loss over similarities gives.
pub(super) struct PairwiseLoss {
    /// `[1]`.
    pub(super) value: Tensor<1>,
    /// By the products, `[anchors, candidates]`.
    pub(super) by_products: Tensor<2>,
}

impl Similarities {
    /// Mean over the positive pairs.
    pub(super) fn mean_positive(&self) -> Tensor<1> {
        (self.products.clone() * self.positives.clone().float()).sum() / self.pairs as f32
    }

    /// Mean over the negative pairs.
    pub(super) fn mean_negative(&self) -> Tensor<1> {
        let negatives = self.negatives.clone().float();
        (self.products.clone() * negatives.clone()).sum() / negatives.sum().clamp_min(1.0)
    }
}

/// The softmax of each row over the columns that `hidden` does not hide, and its log-sum-exp, `[rows, 1]`.
pub(super) fn softmax_of(logits: Tensor<2>, hidden: Tensor<2, Bool>) -> (Tensor<2>, Tensor<2>) {
    let logits = logits.mask_fill(hidden, HIDDEN);
    let max = logits.clone().max_dim(1);
    let share = softmax(logits, 1);
    // The largest logit's share is 1 / sum(exp(logit - max)).
    let log_sum_exp = max - share.clone().max_dim(1).log();
    (share, log_sum_exp)
}
