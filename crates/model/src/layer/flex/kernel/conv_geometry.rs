use burn::tensor::Tensor;

use crate::layer::Conv2d;
use crate::layer::flex::op::takes;

/// What a convolution does apart from its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    /// Each channel by itself; otherwise all channels together.
    pub depthwise: bool,
}

impl Window {
    /// None where the kernels here do not fit: another backend or number type, groups of several channels, more
    /// padding than kernel, shapes that burn will refuse.
    pub fn of(layer: &Conv2d, input: &Tensor<4>) -> Option<Self> {
        let [outputs, group, kernel, kernel_width] = layer.weight.dims();
        let [_, inputs, height, width] = input.dims();
        let depthwise = layer.groups > 1;
        let fits = takes(input)
            && kernel == kernel_width
            && layer.padding < kernel
            && inputs == group * layer.groups
            && (!depthwise || (group == 1 && outputs == inputs))
            && height.min(width) + 2 * layer.padding >= kernel;
        fits.then_some(Self {
            kernel,
            stride: layer.stride,
            padding: layer.padding,
            depthwise,
        })
    }
}
