//! The three networks of MTCNN (arXiv:1604.02878) with the widths of facenet-pytorch.

use burn::tensor::activation::softmax;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};
use ffc_model::layer::{Conv2d, Conv2dConfig, Linear, LinearConfig, Prelu, PreluConfig};

use super::weights::Tensors;
use crate::Result;

/// Side of what P, R and O look at, in pixels.
pub(super) const P_PX: usize = 12;
pub(super) const R_PX: usize = 24;
pub(super) const O_PX: usize = 48;
/// Pixels between two cells of P.
pub(super) const P_STRIDE: usize = 2;

/// P, which proposes: a convolution over a whole picture, small or large.
#[derive(Debug)]
pub(super) struct Proposal {
    convolutions: [Block; 3],
    score: Conv2d,
    shifts: Conv2d,
}

/// R, which refines.
#[derive(Debug)]
pub(super) struct Refinement {
    convolutions: [Block; 3],
    dense: Dense,
    score: Linear,
    shifts: Linear,
}

/// O, which gives the output.
#[derive(Debug)]
pub(super) struct Output {
    convolutions: [Block; 4],
    dense: Dense,
    score: Linear,
    shifts: Linear,
    landmarks: Linear,
}

/// What a network says of each picture.
pub(super) struct Verdict {
    /// `[rows, 2]`: whether it is none or a face.
    pub(super) scores: Tensor<2>,
    /// `[rows, 4]`.
    pub(super) shifts: Tensor<2>,
    /// `[rows, 10]`, all x and then all y; R has none.
    pub(super) landmarks: Option<Tensor<2>>,
}

impl Proposal {
    pub(super) fn new(tensors: &mut Tensors, device: &Device) -> Result<Self> {
        Ok(Self {
            convolutions: [
                Block::new(tensors, 1, [3, 10], 3, Some((2, 2)), device)?,
                Block::new(tensors, 2, [10, 16], 3, None, device)?,
                Block::new(tensors, 3, [16, 32], 3, None, device)?,
            ],
            score: conv2d(tensors, "conv4_1", [32, 2], 1, device)?,
            shifts: conv2d(tensors, "conv4_2", [32, 4], 1, device)?,
        })
    }

    /// `[1, 3, height, width]` to scores `[1, 2, rows, columns]` and shifts `[1, 4, rows, columns]` of cells.
    pub(super) fn forward(&self, pictures: Tensor<4>) -> [Tensor<4>; 2] {
        let features = run(&self.convolutions, pictures);
        [
            softmax(self.score.forward(features.clone()), 1),
            self.shifts.forward(features),
        ]
    }
}

impl Refinement {
    pub(super) fn new(tensors: &mut Tensors, device: &Device) -> Result<Self> {
        Ok(Self {
            convolutions: [
                Block::new(tensors, 1, [3, 28], 3, Some((3, 2)), device)?,
                Block::new(tensors, 2, [28, 48], 3, Some((3, 2)), device)?,
                Block::new(tensors, 3, [48, 64], 2, None, device)?,
            ],
            dense: Dense::new(tensors, 4, [576, 128], device)?,
            score: linear(tensors, "dense5_1", [128, 2], device)?,
            shifts: linear(tensors, "dense5_2", [128, 4], device)?,
        })
    }

    /// Of pictures `[rows, 3, 24, 24]`.
    pub(super) fn forward(&self, pictures: Tensor<4>) -> Verdict {
        let features = self.dense.forward(run(&self.convolutions, pictures));
        Verdict {
            scores: softmax(self.score.forward(features.clone()), 1),
            shifts: self.shifts.forward(features),
            landmarks: None,
        }
    }
}

impl Output {
    pub(super) fn new(tensors: &mut Tensors, device: &Device) -> Result<Self> {
        Ok(Self {
            convolutions: [
                Block::new(tensors, 1, [3, 32], 3, Some((3, 2)), device)?,
                Block::new(tensors, 2, [32, 64], 3, Some((3, 2)), device)?,
                Block::new(tensors, 3, [64, 64], 3, Some((2, 2)), device)?,
                Block::new(tensors, 4, [64, 128], 2, None, device)?,
            ],
            dense: Dense::new(tensors, 5, [1152, 256], device)?,
            score: linear(tensors, "dense6_1", [256, 2], device)?,
            shifts: linear(tensors, "dense6_2", [256, 4], device)?,
            landmarks: linear(tensors, "dense6_3", [256, 10], device)?,
        })
    }

    /// Of pictures `[rows, 3, 48, 48]`.
    pub(super) fn forward(&self, pictures: Tensor<4>) -> Verdict {
        let features = self.dense.forward(run(&self.convolutions, pictures));
        Verdict {
            scores: softmax(self.score.forward(features.clone()), 1),
            shifts: self.shifts.forward(features.clone()),
            landmarks: Some(self.landmarks.forward(features)),
        }
    }
}

/// A convolution without padding, PReLU, and for some the greatest of each window.
#[derive(Debug)]
struct Block {
    convolution: Conv2d,
    activation: Prelu,
    /// Side of the window, and its stride. Windows hang over the right and the lower edge.
    pool: Option<(usize, usize)>,
}

impl Block {
    fn new(
        tensors: &mut Tensors,
        number: usize,
        channels: [usize; 2],
        kernel: usize,
        pool: Option<(usize, usize)>,
        device: &Device,
    ) -> Result<Self> {
        let name = format!("conv{number}");
        Ok(Self {
            convolution: conv2d(tensors, &name, channels, kernel, device)?,
            activation: prelu(tensors, number, channels[1], device)?,
            pool,
        })
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let features = self.activation.forward(self.convolution.forward(input));
        match self.pool {
            Some((window, stride)) => {
                let options = MaxPoolOptions::new([window; 2]).with_stride([stride; 2]);
                max_pool2d(features, options.with_ceil_mode(true))
            }
            None => features,
        }
    }
}

fn run(blocks: &[Block], pictures: Tensor<4>) -> Tensor<4> {
    blocks
        .iter()
        .fold(pictures, |features, block| block.forward(features))
}

/// A linear layer over all features of a picture, and PReLU.
#[derive(Debug)]
struct Dense {
    linear: Linear,
    activation: Prelu,
}

impl Dense {
    fn new(
        tensors: &mut Tensors,
        number: usize,
        features: [usize; 2],
        device: &Device,
    ) -> Result<Self> {
        Ok(Self {
            linear: linear(tensors, &format!("dense{number}"), features, device)?,
            activation: prelu(tensors, number, features[1], device)?,
        })
    }

    /// Features in the order of the reference's ancestor: columns, rows, channels.
    fn forward(&self, features: Tensor<4>) -> Tensor<2> {
        let features = features.permute([0, 3, 2, 1]).flatten(1, 3);
        self.activation.forward(self.linear.forward(features))
    }
}

fn conv2d(
    tensors: &mut Tensors,
    name: &str,
    channels: [usize; 2],
    kernel: usize,
    device: &Device,
) -> Result<Conv2d> {
    let shape = [channels[1], channels[0], kernel, kernel];
    let mut layer = Conv2dConfig {
        bias: true,
        ..Conv2dConfig::new(channels, kernel)
    }
    .init(device);
    layer.weight = tensors.take(&format!("{name}.weight"), shape, device)?;
    layer.bias = Some(tensors.take(&format!("{name}.bias"), [channels[1]], device)?);
    Ok(layer)
}

fn linear(
    tensors: &mut Tensors,
    name: &str,
    features: [usize; 2],
    device: &Device,
) -> Result<Linear> {
    let mut layer = LinearConfig::new(features).init(device);
    layer.weight = tensors.take_transposed(&format!("{name}.weight"), features, device)?;
    layer.bias = Some(tensors.take(&format!("{name}.bias"), [features[1]], device)?);
    Ok(layer)
}

fn prelu(tensors: &mut Tensors, number: usize, channels: usize, device: &Device) -> Result<Prelu> {
    let mut layer = PreluConfig::new(channels).init(device);
    layer.alpha = tensors.take(&format!("prelu{number}.weight"), [channels], device)?;
    Ok(layer)
}
