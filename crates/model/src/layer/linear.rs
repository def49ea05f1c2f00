use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};

use super::flex::Kernels;
use super::{cast, is_single};

/// Configuration of a [`Linear`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearConfig {
    /// Features of the input and of the output.
    pub features: [usize; 2],
    /// Whether a bias is added.
    pub bias: bool,
}

impl LinearConfig {
    /// A linear layer with bias.
    pub fn new(features: [usize; 2]) -> Self {
        Self {
            features,
            bias: true,
        }
    }

    /// The layer, its parameters drawn as PyTorch draws them: uniform within 1 / sqrt(fan in).
    ///
    /// # Panics
    ///
    /// If a number of features is zero.
    pub fn init(&self, device: &Device) -> Linear {
        let [inputs, outputs] = self.features;
        assert!(
            inputs > 0 && outputs > 0,
            "features of a linear layer must be positive: {self:?}"
        );
        let initializer = Initializer::KaimingUniform {
            gain: 1.0 / 3f64.sqrt(),
            fan_out_only: false,
        };
        let draw_bias = || initializer.init_with([outputs], Some(inputs), None, device);
        Linear {
            weight: initializer.init_with([inputs, outputs], Some(inputs), None, device),
            bias: self.bias.then(draw_bias),
        }
    }
}

/// `x W + b`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[features_in, features_out]`: the transpose of PyTorch's.
    pub weight: Param<Tensor<2>>,
    /// `[features_out]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// `[.., features_in]` to `[.., features_out]`.
    ///
    /// # Panics
    ///
    /// If the input has other features than the layer.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let weight = cast(self.weight.val(), input.dtype());
        if let Some(kernels) = Kernels::of_rows(&input)
            && input.dims()[D - 1] == weight.dims()[0]
        {
            let bias = cast(self.bias_or_zero(), input.dtype());
            return kernels.linear(input, weight, bias);
        }
        let bias = (self.bias.as_ref()).map(|bias| cast(bias.val(), input.dtype()));
        linear(input, weight, bias)
    }

    /// Whether it goes from so many features to so many with parameters that [are single](is_single).
    pub(super) fn is_single(&self, features: [usize; 2]) -> bool {
        let (weight, bias) = (self.weight.val(), self.bias.as_ref().map(|bias| bias.val()));
        weight.dims() == features
            && is_single(&weight)
            && bias.is_none_or(|bias| bias.dims() == [features[1]] && is_single(&bias))
    }

    /// Weight and bias, zero where there is none.
    pub(super) fn parameters(&self) -> (Tensor<2>, Tensor<1>) {
        (self.weight.val(), self.bias_or_zero())
    }

    fn bias_or_zero(&self) -> Tensor<1> {
        self.bias.as_ref().map_or_else(
            || {
                let weight = self.weight.val();
                Tensor::zeros([weight.dims()[1]], (&weight.device(), weight.dtype()))
            },
            |bias| bias.val(),
        )
    }
}
