use burn::tensor::Tensor;

use super::flex::Kernels;

/// `min(max(x, 0), 6)`, as mobile networks and insightface's ViT have it.
pub(crate) fn relu6<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    match Kernels::of(&input) {
        Some(kernels) => kernels.relu6(input),
        None => input.clamp(0.0, 6.0),
    }
}
