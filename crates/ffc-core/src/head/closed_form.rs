//! Losses whose gradient the head knows, so that autodiff need not see how they were made.

use burn::tensor::activation::softmax;
use burn::tensor::{DType, Tensor};

/// A loss of the given value, `[1]`, whose backward pass hands the embeddings their gradient, both `[rows, dim]`:
/// value + s - detach(s), with s = sum(embedding * gradient).
pub(crate) fn with_gradient(
    value: Tensor<1>,
    embeddings: Tensor<2>,
    gradient: Tensor<2>,
) -> Tensor<1> {
    let linear = (embeddings.cast(DType::F32) * gradient).sum();
    linear.clone() - linear.detach() + value
}

/// log(1 + exp(x)) without overflow: the cross-entropy of a target whose logit lies x below the log-sum-exp of all others. Its derivative
/// is sigmoid(x).
pub(crate) fn softplus(x: Tensor<2>) -> Tensor<2> {
    let tail = x.clone().abs().neg().exp().log1p();
    x.clamp_min(0.0) + tail
}

/// The softmax of each row and its log-sum-exp, `[rows, 1]`.
pub(crate) fn softmax_with_sum(logits: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let max = logits.clone().max_dim(1);
    let share = softmax(logits, 1);
    // The largest logit's share is 1 / sum(exp(logit - max)).
    let log_sum_exp = max - share.clone().max_dim(1).log();
    (share, log_sum_exp)
}
