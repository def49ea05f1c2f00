use burn::module::Module;
use burn::tensor::Tensor;

use super::flex::Kernels;
use super::{LayerNorm, Linear, is_single, relu6};

/// Two linear layers with ReLU6 between: the perceptron of a transformer's block.
#[derive(Module, Debug)]
pub struct Mlp {
    /// To the inner features.
    pub fc1: Linear,
    /// From them.
    pub fc2: Linear,
}

impl Mlp {
    /// `[batch, tokens, features_in]` to `[batch, tokens, features_out]`.
    ///
    /// # Panics
    ///
    /// If the input has other features than the first layer, or that has others than the second.
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.fc2.forward(relu6(self.fc1.forward(tokens)))
    }

    /// `tokens + forward(norm(tokens))`. Without gradients, on the CPU, in `f32` and with the feature `flex`, in one pass.
    ///
    /// # Panics
    ///
    /// As [`forward`](Self::forward) does, and if input and output have not the same features.
    pub fn residual(&self, norm: &LayerNorm, tokens: Tensor<3>) -> Tensor<3> {
        let (width, [_, inner]) = (tokens.dims()[2], self.fc1.weight.dims());
        if let Some(kernels) = Kernels::of(&tokens)
            && is_single(&tokens)
            && norm.is_single(width)
            && self.fc1.is_single([width, inner])
            && self.fc2.is_single([inner, width])
        {
            let (fc1, fc2) = (self.fc1.parameters(), self.fc2.parameters());
            return kernels.mlp_residual(tokens, norm.parameters(), fc1, fc2);
        }
        tokens.clone() + self.forward(norm.forward(tokens))
    }
}
