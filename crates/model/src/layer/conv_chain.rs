use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::flex::Kernels;
use super::{BatchNorm, Conv2d, NormMode, Prelu, is_single};

/// A convolution and what stands around it in a network, in this order: norm, convolution, norm, sum with a shortcut, rectifier.
///
/// In evaluation without gradients, on the CPU, in `f32` and with the feature `flex`, all of it goes along with the convolution:
/// the first norm as the pictures are laid out, the second folded into the weight, the rest before a sum leaves the registers.
/// The result is that of one layer after the other up to rounding. Groups of channels, and depthwise convolutions with a norm
/// before them or a shortcut, go layer by layer.
pub(crate) struct ConvChain<'a> {
    norm_before: Option<&'a BatchNorm>,
    conv: &'a Conv2d,
    norm: Option<&'a BatchNorm>,
    shortcut: Option<Tensor<4>>,
    rectifier: Option<Rectifier<'a>>,
}

enum Rectifier<'a> {
    Relu,
    Prelu(&'a Prelu),
}

impl<'a> ConvChain<'a> {
    pub fn new(conv: &'a Conv2d) -> Self {
        Self {
            norm_before: None,
            conv,
            norm: None,
            shortcut: None,
            rectifier: None,
        }
    }

    pub fn norm_before(mut self, norm: &'a BatchNorm) -> Self {
        self.norm_before = Some(norm);
        self
    }

    pub fn norm(mut self, norm: &'a BatchNorm) -> Self {
        self.norm = Some(norm);
        self
    }

    /// Adds maps of the output's shape.
    pub fn plus(mut self, shortcut: Tensor<4>) -> Self {
        self.shortcut = Some(shortcut);
        self
    }

    pub fn relu(mut self) -> Self {
        self.rectifier = Some(Rectifier::Relu);
        self
    }

    pub fn prelu(mut self, prelu: &'a Prelu) -> Self {
        self.rectifier = Some(Rectifier::Prelu(prelu));
        self
    }

    /// `[batch, channels, height, width]` to the output's shape of the convolution.
    pub fn forward(self, maps: Tensor<4>, mode: NormMode) -> Tensor<4> {
        let options = self.conv.options();
        if mode == NormMode::Evaluate
            && let Some(kernels) = Kernels::of_conv2d(&maps, self.conv.weight.dims(), &options)
            && self.is_single(&maps)
            && !(options.groups > 1 && (self.norm_before.is_some() || self.shortcut.is_some()))
        {
            let weight = self.conv.weight.val();
            let before = self.norm_before.map(scale_and_shift);
            let after = self.scale_shift_slope();
            return kernels.conv_chain(maps, weight, &options, before, after, self.shortcut);
        }
        let maps = match self.norm_before {
            Some(norm) => norm.forward(maps, mode),
            None => maps,
        };
        let maps = self.conv.forward(maps);
        let maps = match self.norm {
            Some(norm) => norm.forward(maps, mode),
            None => maps,
        };
        let maps = match self.shortcut {
            Some(shortcut) => maps + shortcut,
            None => maps,
        };
        match self.rectifier {
            Some(Rectifier::Relu) => relu(maps),
            Some(Rectifier::Prelu(prelu)) => prelu.forward(maps),
            None => maps,
        }
    }

    /// Whether all is in single precision and nothing has a gradient.
    fn is_single(&self, maps: &Tensor<4>) -> bool {
        let mut norms = self.norm_before.into_iter().chain(self.norm);
        norms.all(BatchNorm::is_single)
            && self.shortcut.iter().all(is_single)
            && is_single(&self.conv.weight.val())
            && is_single(maps)
    }

    /// For each channel of the convolution's output: what it is multiplied by, what is added, and the slope where it is not positive then.
    fn scale_shift_slope(&self) -> [Vec<f32>; 3] {
        let [channels, ..] = self.conv.weight.dims();
        let identity = || [vec![1.0; channels], vec![0.0; channels]];
        let [scale, mut shift] = self.norm.map_or_else(identity, scale_and_shift);
        if let Some(bias) = &self.conv.bias {
            for (i, bias) in numbers(bias.val()).into_iter().enumerate() {
                shift[i] += scale[i] * bias;
            }
        }
        let slope = match self.rectifier {
            Some(Rectifier::Relu) => vec![0.0; channels],
            Some(Rectifier::Prelu(prelu)) => numbers(prelu.alpha.val()),
            None => vec![1.0; channels],
        };
        [scale, shift, slope]
    }
}

fn scale_and_shift(norm: &BatchNorm) -> [Vec<f32>; 2] {
    norm.scale_and_shift().map(numbers)
}

/// What a tensor on the CPU holds.
fn numbers(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}
