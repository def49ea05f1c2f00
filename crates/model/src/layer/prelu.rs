use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::activation::prelu;
use burn::tensor::{Device, Tensor};

use super::cast;
use super::flex::Kernels;

/// Configuration of a [`Prelu`].
#[derive(Debug, Clone, PartialEq)]
pub struct PreluConfig {
    /// Channels, each with a slope of its own.
    pub channels: usize,
    /// The slope that all channels start from.
    pub alpha: f64,
}

impl PreluConfig {
    /// Slopes that start from 0.25, as PyTorch's do.
    pub fn new(channels: usize) -> Self {
        Self {
            channels,
            alpha: 0.25,
        }
    }

    /// The layer.
    ///
    /// # Panics
    ///
    /// If there are no channels.
    pub fn init(&self, device: &Device) -> Prelu {
        assert!(self.channels > 0, "a PReLU must have channels");
        let initializer = Initializer::Constant { value: self.alpha };
        Prelu {
            alpha: initializer.init([self.channels], device),
        }
    }
}

/// `x` where it is positive, `alpha x` elsewhere: [PReLU](https://arxiv.org/abs/1502.01852) with a slope a channel.
#[derive(Module, Debug)]
pub struct Prelu {
    /// `[channels]`.
    pub alpha: Param<Tensor<1>>,
}

impl Prelu {
    /// `[batch, channels, ..]` to the same shape.
    ///
    /// # Panics
    ///
    /// If the input has other channels than the layer.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let alpha = cast(self.alpha.val(), input.dtype());
        assert!(
            D >= 2 && input.dims()[1] == alpha.dims()[0],
            "expected [batch, {}, ..], got {:?}",
            alpha.dims()[0],
            input.dims()
        );
        if let Some(kernels) = Kernels::of(&input) {
            return kernels.prelu(input, alpha);
        }
        prelu(input, alpha)
    }
}
