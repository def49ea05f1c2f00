use burn::tensor::{Bool, Tensor};

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
