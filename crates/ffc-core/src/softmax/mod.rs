//! Softmax over any number of centres in a memory that does not grow with them: chunk by chunk, with a running log-sum-exp, as fused
//! attention does it (arXiv:2205.14135, section 3.1). What two disjoint sets of centres give merges exactly, whether they are chunks of one
//! matrix or shards on several machines.

mod chunk;
mod partial;
mod softplus;
mod with_sum;

pub use chunk::{Chunk, chunks};
pub use partial::{Logits, PartialSoftmax};
pub(crate) use softplus::softplus;
pub(crate) use with_sum::softmax_with_sum;

use burn::tensor::Tensor;

/// Added to the logit of a centre that a row shall not see. Finite, so that a row that sees nothing stays free of NaN.
pub const HIDDEN: f32 = -1e30;

/// The softmax of each row over the centres of all chunks, for each of `terms` ways to make logits out of the same products. Empty
/// without chunks.
///
/// # Shapes
///
/// - `queries`: `[rows, dim]`
/// - `logits` makes them out of the term, the chunk and its products `[rows, width]`
pub fn scan(
    queries: &Tensor<2>,
    chunks: impl IntoIterator<Item = Chunk>,
    terms: usize,
    logits: impl Fn(usize, &Chunk, Tensor<2>) -> Logits,
) -> Vec<PartialSoftmax> {
    let mut sums: Vec<Option<PartialSoftmax>> = vec![None; terms];
    for chunk in chunks {
        let product = queries.clone().matmul(chunk.centres.clone().transpose());
        // The last term takes the matrix itself, so that it can be worked on in place.
        let products = vec![product; terms];
        for (term, (sum, product)) in sums.iter_mut().zip(products).enumerate() {
            let mut logits = logits(term, &chunk, product);
            if let Some(hidden) = &chunk.hidden {
                logits.value = logits.value + hidden.clone();
            }
            let found = PartialSoftmax::new(logits, chunk.centres.clone());
            *sum = Some(match sum.take() {
                Some(sum) => sum.merge(found),
                None => found,
            });
        }
    }
    sums.into_iter().flatten().collect()
}
