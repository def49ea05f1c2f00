use burn::tensor::{DType, Tensor};

/// A loss of the given value, whose backward pass hands each embedding matrix its gradient:
/// value + s - detach(s), with s = sum(embedding * gradient).
///
/// # Shapes
///
/// - `value`: `[1]`
/// - `parts`: embeddings `[rows, dim]` as the caller gave them, each with its gradient of that shape
pub(crate) fn with_gradient<const N: usize>(
    value: Tensor<1>,
    parts: [(Tensor<2>, Tensor<2>); N],
) -> Tensor<1> {
    parts.into_iter().fold(value, |loss, (rows, gradient)| {
        let linear = (rows.cast(DType::F32) * gradient).sum();
        linear.clone() - linear.detach() + loss
    })
}
