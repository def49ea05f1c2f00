use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::activation::{prelu, relu};
use burn::tensor::{Device, Tensor};

/// x where x is positive, alpha x elsewhere; one alpha a channel ([He et al.](https://arxiv.org/abs/1502.01852)).
#[derive(Module, Debug)]
pub struct Prelu {
    /// `[channels]`.
    pub alpha: Param<Tensor<1>>,
}

impl Prelu {
    /// A layer with alpha = 0.25, as published.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            alpha: Initializer::Constant { value: 0.25 }.init([channels], device),
        }
    }

    /// # Shapes
    ///
    /// `[rows, channels, ..]`, unchanged.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let alpha = self.alpha.val();
        if input.device().is_autodiff() {
            return prelu(input, alpha);
        }
        // The same in operations that burn's ONNX exporter knows.
        let mut shape = [1; D];
        shape[1] = input.dims()[1];
        relu(input.clone()) - relu(-input) * alpha.reshape(shape)
    }
}
