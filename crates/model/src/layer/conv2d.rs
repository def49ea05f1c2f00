use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, module::conv2d};

/// Settings of a [`Conv2d`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conv2dConfig {
    /// Channels of input and output.
    pub channels: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

/// A convolution over height and width.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[out, in / groups, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// Step in both directions.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Conv2dConfig {
    /// A layer with PyTorch's initial values: uniform within 1 / sqrt(fan in).
    pub fn init(&self, device: &Device) -> Conv2d {
        let [input, output] = self.channels;
        let fan_in = input / self.groups * self.kernel * self.kernel;
        let bound = 1.0 / (fan_in as f64).sqrt();
        let uniform = Initializer::Uniform {
            min: -bound,
            max: bound,
        };
        let shape = [output, input / self.groups, self.kernel, self.kernel];
        Conv2d {
            weight: uniform.init(shape, device),
            bias: self.bias.then(|| uniform.init([output], device)),
            stride: self.stride,
            padding: self.padding,
            groups: self.groups,
        }
    }
}

impl Conv2d {
    /// # Shapes
    ///
    /// `[rows, in, height, width]` to `[rows, out, height', width']`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let options = ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], self.groups);
        let bias = self.bias.as_ref().map(Param::val);
        conv2d(input, self.weight.val(), bias, options)
    }
}
