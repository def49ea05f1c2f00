use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::{BatchNorm, Conv2d, NormMode, Prelu};

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
        #[cfg(feature = "flex")]
        if mode == NormMode::Evaluate
            && self.is_single(&maps)
            && let Some(window) = super::flex::Window::of(self.conv, &maps)
            && !(window.depthwise && (self.norm_before.is_some() || self.shortcut.is_some()))
        {
            let around = self.surroundings();
            let weight = self.conv.weight.val();
            return super::flex::convolution_within(maps, weight, window, around, self.shortcut);
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
    #[cfg(feature = "flex")]
    fn is_single(&self, maps: &Tensor<4>) -> bool {
        use super::flex::is_single;

        let mut norms = self.norm_before.into_iter().chain(self.norm);
        norms.all(|norm| is_single(&norm.beta.val()))
            && self.shortcut.iter().all(is_single)
            && is_single(&self.conv.weight.val())
            && is_single(maps)
    }

    #[cfg(feature = "flex")]
    fn surroundings(&self) -> super::flex::Surroundings {
        use super::flex::{Affine, Surroundings};

        let [channels, ..] = self.conv.weight.dims();
        let affine = |norm: &BatchNorm| {
            let [scale, shift] = norm.scale_and_shift().map(numbers);
            Affine { scale, shift }
        };
        let mut after = self.norm.map_or_else(
            || Affine {
                scale: vec![1.0; channels],
                shift: vec![0.0; channels],
            },
            affine,
        );
        if let Some(bias) = &self.conv.bias {
            for (i, bias) in numbers(bias.val()).into_iter().enumerate() {
                after.shift[i] += after.scale[i] * bias;
            }
        }
        Surroundings {
            before: self.norm_before.map(affine),
            after,
            slope: match self.rectifier {
                Some(Rectifier::Relu) => vec![0.0; channels],
                Some(Rectifier::Prelu(prelu)) => numbers(prelu.alpha.val()),
                None => vec![1.0; channels],
            },
        }
    }
}

/// What a tensor on the CPU holds.
#[cfg(feature = "flex")]
fn numbers(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}
