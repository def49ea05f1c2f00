use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use crate::flex::Kernels;

/// The softmax of each row and its log-sum-exp, `[rows, 1]`.
pub(crate) fn softmax_with_sum(logits: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    if let Some(kernels) = Kernels::of(&logits) {
        return kernels.softmax(logits, None, |_| None);
    }
    let max = logits.clone().max_dim(1);
    let share = softmax(logits, 1);
    // The largest logit's share is 1 / sum(exp(logit - max)).
    let log_sum_exp = max - share.clone().max_dim(1).log();
    (share, log_sum_exp)
}
