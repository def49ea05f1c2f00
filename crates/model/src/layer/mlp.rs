use burn::module::Module;
use burn::tensor::Tensor;

use super::{LayerNorm, Linear, relu6};

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
        #[cfg(feature = "flex")]
        {
            let (width, [_, inner]) = (tokens.dims()[2], self.fc1.weight.dims());
            let layers = [(&self.fc1, [width, inner]), (&self.fc2, [inner, width])];
            if super::flex::takes_residual(&tokens, norm, layers) {
                return super::flex::mlp_residual(tokens, norm, &self.fc1, &self.fc2);
            }
        }
        tokens.clone() + self.forward(norm.forward(tokens))
    }
}
