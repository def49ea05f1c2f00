use burn::tensor::activation::sigmoid;

use super::similarities::{PairwiseLoss, Similarities};
use crate::softmax::{HIDDEN, softmax_with_sum, softplus};

/// N-pair, InfoNCE and NT-Xent: mean over the positive pairs (i, j) of
/// -log(e^(s_ij / T) / (e^(s_ij / T) + sum over the negatives n of i of e^(s_in / T))). Other positives are in nobody's denominator.
///
/// With log-sum-exp r_i of the negatives a pair's loss is softplus(r_i - s_ij / T).
pub(super) fn contrast(similarities: &Similarities, temperature: f32) -> PairwiseLoss {
    let logits = similarities.products.clone() / temperature;
    let unseen = similarities.negatives.clone().bool_not();
    let (share, log_sum_exp) = softmax_with_sum(logits.clone().mask_fill(unseen, HIDDEN));
    let positives = similarities.positives.clone().float() / similarities.pairs as f32;
    let excess = log_sum_exp.expand(logits.shape()) - logits;
    let pull = sigmoid(excess.clone()) * positives.clone();
    PairwiseLoss {
        value: (softplus(excess) * positives).sum(),
        by_products: (share * pull.clone().sum_dim(1) - pull) / temperature,
    }
}
