use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

/// Settings of a [`Linear`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearConfig {
    /// Columns of the input.
    pub inputs: usize,
    /// Columns of the output.
    pub outputs: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

/// A product with a matrix.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`; PyTorch's files hold the transpose.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl LinearConfig {
    /// A layer with PyTorch's initial values: uniform within 1 / sqrt(inputs).
    pub fn init(&self, device: &Device) -> Linear {
        let bound = 1.0 / (self.inputs as f64).sqrt();
        let uniform = Initializer::Uniform {
            min: -bound,
            max: bound,
        };
        Linear {
            weight: uniform.init([self.inputs, self.outputs], device),
            bias: self.bias.then(|| uniform.init([self.outputs], device)),
        }
    }
}

impl Linear {
    /// # Shapes
    ///
    /// `[.., in]` to `[.., out]`.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let bias = self.bias.as_ref().map(Param::val);
        burn::tensor::module::linear(input, self.weight.val(), bias)
    }
}
