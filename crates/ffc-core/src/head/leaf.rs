use burn::tensor::Tensor;

/// New values of a weight that automatic differentiation trains, in the place of `before`: they take a gradient, and are tracked with the same
/// checkpointing strategy, since tensors of two strategies cannot meet in one operation.
pub fn leaf_like<const D: usize>(before: &Tensor<D>, values: Tensor<D>) -> Tensor<D> {
    let leaf = values.autodiff();
    let leaf = match before.gradient_checkpointing_strategy() {
        Some(strategy) => leaf.with_gradient_checkpointing_strategy(strategy),
        None => leaf,
    };
    leaf.require_grad()
}
