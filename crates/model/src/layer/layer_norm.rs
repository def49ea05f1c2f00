use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::module::layer_norm;
use burn::tensor::{Device, Tensor};

use super::flex::Kernels;
use super::{cast, is_single, single};

/// Configuration of a [`LayerNorm`].
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNormConfig {
    /// Features, normalised together.
    pub width: usize,
    /// Added to the variance.
    pub epsilon: f64,
}

impl LayerNormConfig {
    /// As PyTorch's: epsilon 1e-5.
    pub fn new(width: usize) -> Self {
        Self {
            width,
            epsilon: 1e-5,
        }
    }

    /// The layer: scale one, shift zero.
    ///
    /// # Panics
    ///
    /// If there are no features or epsilon is not positive.
    pub fn init(&self, device: &Device) -> LayerNorm {
        assert!(
            self.width > 0 && self.epsilon > 0.0,
            "not a layer normalisation: {self:?}"
        );
        LayerNorm {
            gamma: Initializer::Ones.init([self.width], device),
            beta: Initializer::Zeros.init([self.width], device),
            epsilon: self.epsilon,
        }
    }
}

/// [Layer normalisation](https://arxiv.org/abs/1607.06450):
/// `gamma (x - mean) / sqrt(variance + epsilon) + beta` over the last dimension, with the biased variance.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[width]`.
    pub gamma: Param<Tensor<1>>,
    /// `[width]`.
    pub beta: Param<Tensor<1>>,
    /// Added to the variance.
    pub epsilon: f64,
}

impl LayerNorm {
    /// `[.., width]` to the same shape. Computes in the precision of the parameters, in single at least.
    ///
    /// # Panics
    ///
    /// If the input has other features than the layer.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let (gamma, beta) = (self.gamma.val(), self.beta.val());
        let [width] = gamma.dims();
        assert!(
            input.dims()[D - 1] == width,
            "expected [.., {width}], got {:?}",
            input.dims()
        );
        let (dtype, precision) = (input.dtype(), single(gamma.dtype()));
        let [gamma, beta] = [gamma, beta].map(|parameter| cast(parameter, precision));
        let input = cast(input, precision);
        let output = match Kernels::of(&input) {
            Some(kernels) => kernels.layer_norm(input, gamma, beta, self.epsilon),
            None => layer_norm(input, gamma, Some(beta), self.epsilon),
        };
        cast(output, dtype)
    }

    /// Whether it normalises so many features with parameters that [are single](is_single).
    pub(super) fn is_single(&self, width: usize) -> bool {
        let parameters = [self.gamma.val(), self.beta.val()];
        (parameters.iter()).all(|parameter| is_single(parameter) && parameter.dims() == [width])
    }

    /// Gamma, beta and epsilon.
    pub(super) fn parameters(&self) -> ([Tensor<1>; 2], f64) {
        ([self.gamma.val(), self.beta.val()], self.epsilon)
    }
}
