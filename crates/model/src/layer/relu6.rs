use burn::tensor::Tensor;

/// `min(max(x, 0), 6)`, as mobile networks and insightface's ViT have it.
pub(crate) fn relu6<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if super::flex::takes(&input) {
        return super::flex::relu6(input);
    }
    input.clamp(0.0, 6.0)
}
