//! The networks, one a file, and what they share.

mod compact;
mod conv_block;
mod input;
mod ir_bottleneck;
mod iresnet;
mod mbf;
mod mobile_face_net;
mod projection;
mod resnet;
mod squeeze_excitation;
mod vit;

pub use compact::{Compact, CompactConfig};
pub use conv_block::ConvBlock;
pub use input::InputShape;
pub use ir_bottleneck::{IrBlock, IrBottleneck, IrBottleneckConfig, IrResidual, IrVariant};
pub use iresnet::{IResNet, IResNetBlock, IResNetConfig};
pub use mbf::{Mbf, MbfConfig};
pub use mobile_face_net::{InvertedResidual, MobileFaceNet, MobileFaceNetConfig};
pub use projection::Projection;
pub use resnet::{Bottleneck, ResNet, ResNetConfig};
pub use squeeze_excitation::SqueezeExcitation;
pub use vit::{PatchEmbed, Vit, VitBlock, VitConfig, VitFeature};

use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

use crate::layer::{
    BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, Linear, LinearConfig, NormMode, Prelu,
    PreluConfig,
};
use crate::onnx::{Graph, Value};
use crate::summary::Count;

/// Sequences of path segments, and what stands for them in the reference.
pub(crate) type Names = &'static [(&'static str, &'static str)];

/// What every network does beside being a module.
pub(crate) trait Architecture {
    /// Where its paths differ from the reference's names.
    fn names(&self) -> Names;

    /// `[rows, channels, height, width]` to raw embeddings `[rows, embedding]`. The shape was checked.
    fn forward(&self, images: Tensor<4>, mode: NormMode) -> Tensor<2>;

    /// `forward` in evaluation mode as an ONNX graph.
    fn graph(&self, graph: &mut Graph, images: Value) -> Value;

    /// Adds up the multiply-adds of one picture.
    fn count(&self, count: &mut Count);
}

/// A convolution without bias that keeps the size but for its stride.
fn convolution(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Conv2d {
    Conv2dConfig {
        channels,
        kernel,
        stride,
        padding: kernel / 2,
        groups: 1,
        bias: false,
    }
    .init(device)
}

/// A convolution of each channel by itself.
fn depthwise(
    channels: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    device: &Device,
) -> Conv2d {
    Conv2dConfig {
        channels: [channels; 2],
        kernel,
        stride,
        padding,
        groups: channels,
        bias: false,
    }
    .init(device)
}

fn batch_norm(channels: usize, device: &Device) -> BatchNorm {
    BatchNormConfig::new(channels).init(device)
}

/// The norm of the embedding: the references fix its scale to 1.
fn embedding_norm(channels: usize, device: &Device) -> BatchNorm {
    let mut norm = batch_norm(channels, device);
    norm.gamma = Some(
        Initializer::Ones
            .init([channels], device)
            .set_require_grad(false),
    );
    norm
}

fn prelu(channels: usize, device: &Device) -> Prelu {
    PreluConfig::new(channels).init(device)
}

fn linear(inputs: usize, outputs: usize, bias: bool, device: &Device) -> Linear {
    LinearConfig {
        features: [inputs, outputs],
        bias,
    }
    .init(device)
}

/// Height or width after halving `times` times by convolutions of stride 2 that round up.
fn halved(size: usize, times: u32) -> usize {
    size.div_ceil(1 << times)
}

/// `channels` times a width multiplier, in whole multiples of 8 and at least 8.
fn scaled(channels: usize, width: f64) -> usize {
    let eighths = (channels as f64 * width / 8.0).round();
    (eighths as usize).max(1) * 8
}

/// `[rows, channels, height, width]` to `[rows, channels * height * width]`.
fn flatten(maps: Tensor<4>) -> Tensor<2> {
    maps.flatten(1, 3)
}
