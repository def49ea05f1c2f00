//! Face networks put together from burn's layers or from ours, to compare their speed. The networks themselves are in
//! `ffc-model`; these have the same layers and nothing around them.

use burn::nn::conv::Conv2dConfig;
use burn::nn::{BatchNormConfig, LinearConfig, PReluConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};
use ffc_model::layer::{self, NormMode};

/// A layer with its parameters.
pub type Layer = Box<dyn Fn(Tensor<4>) -> Tensor<4>>;

/// Whose layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layers {
    /// burn-nn's.
    Burn,
    /// ffc-model's.
    Ffc,
}

impl Layers {
    /// Name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Burn => "burn",
            Self::Ffc => "ffc",
        }
    }

    /// A convolution without bias that keeps the size at stride 1.
    pub fn conv2d(
        self,
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        groups: usize,
        device: &Device,
    ) -> Layer {
        self.conv2d_padded(channels, kernel, stride, kernel / 2, groups, device)
    }

    fn conv2d_padded(
        self,
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: usize,
        groups: usize,
        device: &Device,
    ) -> Layer {
        match self {
            Self::Burn => {
                let layer = Conv2dConfig::new(channels, [kernel; 2])
                    .with_stride([stride; 2])
                    .with_padding(PaddingConfig2d::Explicit(
                        padding, padding, padding, padding,
                    ))
                    .with_groups(groups)
                    .with_bias(false)
                    .init(device);
                Box::new(move |input| layer.forward(input))
            }
            Self::Ffc => {
                let layer = layer::Conv2dConfig {
                    stride,
                    padding,
                    groups,
                    ..layer::Conv2dConfig::new(channels, kernel)
                }
                .init(device);
                Box::new(move |input| layer.forward(input))
            }
        }
    }

    /// Batch normalisation: in training on an autodiff device, in evaluation on any other.
    pub fn batch_norm(self, channels: usize, device: &Device) -> Layer {
        match self {
            Self::Burn => {
                let layer = BatchNormConfig::new(channels).init(device);
                Box::new(move |input| layer.forward(input))
            }
            Self::Ffc => {
                let layer = layer::BatchNormConfig::new(channels).init(device);
                let training = device.is_autodiff();
                let mode = if training {
                    NormMode::Train
                } else {
                    NormMode::Evaluate
                };
                Box::new(move |input| layer.forward(input, mode))
            }
        }
    }

    /// PReLU with a slope for each channel.
    pub fn prelu(self, channels: usize, device: &Device) -> Layer {
        match self {
            Self::Burn => {
                let layer = PReluConfig::new()
                    .with_num_parameters(channels)
                    .init(device);
                Box::new(move |input| layer.forward(input))
            }
            Self::Ffc => {
                let layer = layer::PreluConfig::new(channels).init(device);
                Box::new(move |input| layer.forward(input))
            }
        }
    }

    /// A linear layer over all features of a picture.
    fn linear(self, features: [usize; 2], device: &Device) -> Layer {
        let flat = move |input: Tensor<4>| input.flatten::<2>(1, 3);
        let picture = |output: Tensor<2>| output.unsqueeze_dims(&[2, 3]);
        match self {
            Self::Burn => {
                let layer = LinearConfig::new(features[0], features[1]).init(device);
                Box::new(move |input| picture(layer.forward(flat(input))))
            }
            Self::Ffc => {
                let layer = layer::LinearConfig::new(features).init(device);
                Box::new(move |input| picture(layer.forward(flat(input))))
            }
        }
    }

    /// Convolution, batch normalisation and PReLU.
    fn rectified(
        self,
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        groups: usize,
        device: &Device,
    ) -> Layer {
        chain(vec![
            self.conv2d(channels, kernel, stride, groups, device),
            self.batch_norm(channels[1], device),
            self.prelu(channels[1], device),
        ])
    }

    /// MobileFaceNet's block: expansion, depthwise convolution, projection.
    fn bottleneck(
        self,
        channels: [usize; 2],
        expanded: usize,
        stride: usize,
        device: &Device,
    ) -> Layer {
        chain(vec![
            self.rectified([channels[0], expanded], 1, 1, 1, device),
            self.rectified([expanded; 2], 3, stride, expanded, device),
            self.conv2d([expanded, channels[1]], 1, 1, 1, device),
            self.batch_norm(channels[1], device),
        ])
    }

    /// IResNet's block.
    fn residual(self, channels: [usize; 2], stride: usize, device: &Device) -> Layer {
        let [inputs, outputs] = channels;
        let body = chain(vec![
            self.batch_norm(inputs, device),
            self.conv2d(channels, 3, 1, 1, device),
            self.batch_norm(outputs, device),
            self.prelu(outputs, device),
            self.conv2d([outputs; 2], 3, stride, 1, device),
            self.batch_norm(outputs, device),
        ]);
        if stride == 1 && inputs == outputs {
            return shortcut(body);
        }
        let side = chain(vec![
            self.conv2d(channels, 1, stride, 1, device),
            self.batch_norm(outputs, device),
        ]);
        Box::new(move |input| body(input.clone()) + side(input))
    }
}

/// One layer after the other.
fn chain(layers: Vec<Layer>) -> Layer {
    Box::new(move |input| layers.iter().fold(input, |input, layer| layer(input)))
}

fn shortcut(layer: Layer) -> Layer {
    Box::new(move |input| layer(input.clone()) + input)
}

/// The layers of MobileFaceNet for 112 x 112 pixels.
pub fn mobile_face_net(layers: Layers, device: &Device) -> Layer {
    let mut parts = vec![
        layers.rectified([3, 64], 3, 2, 1, device),
        layers.rectified([64; 2], 3, 1, 64, device),
    ];
    for (channels, expanded, repeats) in [
        ([64, 64], [128, 128], 4),
        ([64, 128], [256, 256], 6),
        ([128, 128], [512, 256], 2),
    ] {
        parts.push(layers.bottleneck(channels, expanded[0], 2, device));
        for _ in 0..repeats {
            let block = layers.bottleneck([channels[1]; 2], expanded[1], 1, device);
            parts.push(shortcut(block));
        }
    }
    parts.extend([
        layers.rectified([128, 512], 1, 1, 1, device),
        layers.conv2d_padded([512; 2], 7, 1, 0, 512, device),
        layers.batch_norm(512, device),
        layers.linear([512; 2], device),
        layers.batch_norm(512, device),
    ]);
    chain(parts)
}

/// The layers of IResNet-50 for 112 x 112 pixels.
pub fn iresnet50(layers: Layers, device: &Device) -> Layer {
    let mut parts = vec![layers.rectified([3, 64], 3, 1, 1, device)];
    let mut inputs = 64;
    for (outputs, blocks) in [(64, 3), (128, 4), (256, 14), (512, 3)] {
        parts.push(layers.residual([inputs, outputs], 2, device));
        for _ in 1..blocks {
            parts.push(layers.residual([outputs; 2], 1, device));
        }
        inputs = outputs;
    }
    parts.extend([
        layers.batch_norm(512, device),
        layers.linear([512 * 7 * 7, 512], device),
        layers.batch_norm(512, device),
    ]);
    chain(parts)
}
