use burn::tensor::{Bool, Tensor};

use super::similarities::{PairwiseLoss, Similarities};
use crate::softmax::HIDDEN;
use crate::softmax::softmax_with_sum;

/// SupCon: of each row minus the mean over its positives j of log(e^(s_ij / T) / sum over every other row n, positives too, of
/// e^(s_in / T)); then the mean over the rows whose loss is above 0, as in pytorch-metric-learning. Rows without a positive have none.
///
/// # Shapes
///
/// - `itself`: true on the diagonal of `[rows, rows]`
pub(super) fn supcon(
    similarities: &Similarities,
    itself: Tensor<2, Bool>,
    temperature: f32,
) -> PairwiseLoss {
    let logits = similarities.products.clone() / temperature;
    let (share, log_sum_exp) = softmax_with_sum(logits.clone().mask_fill(itself, HIDDEN));
    let positives = similarities.positives.clone().float();
    let counts = positives.clone().sum_dim(1);
    let with_positive = counts.clone().greater_scalar(0.0).float();
    let targets = positives / counts.clamp_min(1.0);
    let losses = (log_sum_exp - (logits * targets.clone()).sum_dim(1)) * with_positive;

    let counted = losses.clone().greater_scalar(0.0).float();
    let weights = counted.clone() / counted.sum().clamp_min(1.0).reshape([1, 1]);
    PairwiseLoss {
        value: (losses * weights.clone()).sum(),
        by_products: (share - targets) * weights / temperature,
    }
}
