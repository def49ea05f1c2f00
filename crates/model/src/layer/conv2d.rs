use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

use super::cast;
use super::flex::Kernels;

/// Configuration of a [`Conv2d`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conv2dConfig {
    /// Channels of the input and of the output.
    pub channels: [usize; 2],
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step between two positions of the kernel.
    pub stride: usize,
    /// Rows and columns of zeros around the input.
    pub padding: usize,
    /// Groups of channels that do not mix; as many as channels: a depthwise convolution.
    pub groups: usize,
    /// Whether a bias is added to each output channel.
    pub bias: bool,
}

impl Conv2dConfig {
    /// A convolution of stride 1 without padding, groups or bias.
    pub fn new(channels: [usize; 2], kernel: usize) -> Self {
        Self {
            channels,
            kernel,
            stride: 1,
            padding: 0,
            groups: 1,
            bias: false,
        }
    }

    /// The layer, its parameters drawn as PyTorch draws them: uniform within 1 / sqrt(fan in).
    ///
    /// # Panics
    ///
    /// If a size is zero or `groups` divides a number of channels with a remainder.
    pub fn init(&self, device: &Device) -> Conv2d {
        let [inputs, outputs] = self.channels;
        let (kernel, groups) = (self.kernel, self.groups);
        assert!(
            inputs > 0 && outputs > 0 && kernel > 0 && self.stride > 0 && groups > 0,
            "channels, kernel, stride and groups of a convolution must be positive: {self:?}"
        );
        assert!(
            inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups),
            "groups must divide the channels of a convolution: {self:?}"
        );
        let fan_in = inputs / groups * kernel * kernel;
        let initializer = Initializer::KaimingUniform {
            gain: 1.0 / 3f64.sqrt(),
            fan_out_only: false,
        };
        let draw_bias = || initializer.init_with([outputs], Some(fan_in), None, device);
        Conv2d {
            weight: initializer.init_with(
                [outputs, inputs / groups, kernel, kernel],
                Some(fan_in),
                None,
                device,
            ),
            bias: self.bias.then(draw_bias),
            stride: self.stride,
            padding: self.padding,
            groups,
        }
    }
}

/// Convolution of pictures, as PyTorch's `Conv2d` with a square kernel.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[channels_out, channels_in / groups, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[channels_out]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// Step between two positions of the kernel.
    pub stride: usize,
    /// Rows and columns of zeros around the input.
    pub padding: usize,
    /// Groups of channels that do not mix.
    pub groups: usize,
}

impl Conv2d {
    /// `[batch, channels_in, height, width]` to `[batch, channels_out, height_out, width_out]`, where
    /// `height_out = (height + 2 padding - kernel) / stride + 1`, rounded down, and likewise the width.
    ///
    /// # Panics
    ///
    /// If the input has other channels than the layer or is smaller than the kernel.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let weight = cast(self.weight.val(), input.dtype());
        let bias = (self.bias.as_ref()).map(|bias| cast(bias.val(), input.dtype()));
        let options = self.options();
        if let Some(kernels) = Kernels::of_conv2d(&input, weight.dims(), &options) {
            let output = kernels.conv2d(input, weight, &options);
            return match bias {
                Some(bias) => output + bias.reshape([1, -1, 1, 1]),
                None => output,
            };
        }
        conv2d(input, weight, bias, options)
    }

    /// What it does apart from weight and bias.
    pub(super) fn options(&self) -> ConvOptions<2> {
        let [stride, padding] = [self.stride, self.padding].map(|size| [size; 2]);
        ConvOptions::new(stride, padding, [1, 1], self.groups)
    }
}
