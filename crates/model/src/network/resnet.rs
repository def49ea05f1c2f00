use burn::module::Module;
use burn::nn::Initializer;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::input::{between, check_embedding};
use super::{Architecture, InputShape, Names, Projection, flatten, halved};
use crate::layer::{BatchNorm, Conv2d, ConvChain, Linear, NormMode};
use crate::onnx::{Graph, Value};
use crate::summary::Count;
use crate::{Result, initialise};

/// Blocks of each stage.
const BLOCKS: [usize; 4] = [3, 4, 6, 3];

/// A block's output has this many times its inner channels.
const EXPANSION: usize = 4;

/// Settings of a [`ResNet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResNetConfig {
    /// Channels of the stem, doubled by each later stage. Default: 64, as published.
    pub stem_channels: usize,
    /// Dimensions of the embedding. Default: 512.
    pub embedding: usize,
    /// Channels of the pictures. Default: 3.
    pub channels: usize,
    /// Height of the pictures in pixels, a multiple of 16. Default: 224.
    pub height_px: usize,
    /// Width of the pictures in pixels, a multiple of 16. Default: 224.
    pub width_px: usize,
}

impl Default for ResNetConfig {
    fn default() -> Self {
        Self {
            stem_channels: 64,
            embedding: 512,
            channels: 3,
            height_px: 224,
            width_px: 224,
        }
    }
}

impl ResNetConfig {
    pub(crate) fn input(&self) -> InputShape {
        InputShape {
            channels: self.channels,
            height_px: self.height_px,
            width_px: self.width_px,
        }
    }

    /// Checks what needs no device.
    pub(crate) fn check(&self) -> Result<()> {
        between("stem_channels", self.stem_channels, 1, 1024, "1 to 1,024")?;
        check_embedding(self.embedding)?;
        self.input().check(16, "a multiple of 16, at most 1,024")
    }

    pub(crate) fn init(&self, device: &Device) -> Result<ResNet> {
        self.check()?;

        let stage = |stage: usize| {
            let inner = self.stem_channels << stage;
            let input = if stage == 0 {
                inner
            } else {
                inner / 2 * EXPANSION
            };
            let stride = if stage == 0 { 1 } else { 2 };
            (0..BLOCKS[stage])
                .map(|block| match block {
                    0 => Bottleneck::new(input, inner, stride, device),
                    _ => Bottleneck::new(inner * EXPANSION, inner, 1, device),
                })
                .collect()
        };
        let last = (self.stem_channels << 3) * EXPANSION;
        let places = halved(self.height_px, 5) * halved(self.width_px, 5);
        let network = ResNet {
            conv1: super::convolution([self.channels, self.stem_channels], 7, 2, device),
            bn1: super::batch_norm(self.stem_channels, device),
            layer1: stage(0),
            layer2: stage(1),
            layer3: stage(2),
            layer4: stage(3),
            fc: super::linear(last * places, self.embedding, true, device),
            features: super::batch_norm(self.embedding, device),
        };
        let he = Initializer::KaimingNormal {
            gain: 2f64.sqrt(),
            fan_out_only: true,
        };
        Ok(initialise::convolutions(network, &he))
    }
}

/// [ResNet-50](https://arxiv.org/abs/1512.03385) with its stride in the 3x3 convolutions, and all 7x7 places fed to the last layer, as
/// FFC trains it on pictures of 224 pixels.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Bottleneck>,
    layer2: Vec<Bottleneck>,
    layer3: Vec<Bottleneck>,
    layer4: Vec<Bottleneck>,
    fc: Linear,
    features: BatchNorm,
}

impl ResNet {
    fn stages(&self) -> [&Vec<Bottleneck>; 4] {
        [&self.layer1, &self.layer2, &self.layer3, &self.layer4]
    }
}

impl Architecture for ResNet {
    fn names(&self) -> Names {
        &[
            ("downsample.conv", "downsample.0"),
            ("downsample.norm", "downsample.1"),
        ]
    }

    fn forward(&self, images: Tensor<4>, mode: NormMode) -> Tensor<2> {
        let stem = ConvChain::new(&self.conv1).norm(&self.bn1).relu();
        let maps = stem.forward(images, mode);
        let maps = max_pool2d(
            maps,
            MaxPoolOptions::new([3; 2])
                .with_stride([2; 2])
                .with_padding([1; 2]),
        );
        let maps = self
            .stages()
            .into_iter()
            .flatten()
            .fold(maps, |maps, block| block.forward(maps, mode));
        self.features.forward(self.fc.forward(flatten(maps)), mode)
    }

    fn graph(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = graph.conv(&self.conv1, images);
        let maps = graph.norm(&self.bn1, maps);
        let maps = graph.relu(maps);
        let maps = graph.max_pool(maps, 3, 2, 1);
        let maps = (self.stages().into_iter().flatten())
            .fold(maps, |maps, block| block.graph(graph, maps));
        let row = graph.flatten(maps);
        let embedding = graph.linear(&self.fc, row);
        graph.norm(&self.features, embedding)
    }

    fn count(&self, count: &mut Count) {
        count.conv(&self.conv1);
        count.halve();
        for block in self.stages().into_iter().flatten() {
            block.count(count);
        }
        count.linear(&self.fc);
    }
}

/// 1x1, 3x3 and 1x1 convolution beside a shortcut.
#[derive(Module, Debug)]
pub struct Bottleneck {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Conv2d,
    bn3: BatchNorm,
    downsample: Option<Projection>,
}

impl Bottleneck {
    fn new(input: usize, inner: usize, stride: usize, device: &Device) -> Self {
        let output = inner * EXPANSION;
        let changes = stride != 1 || input != output;
        Self {
            conv1: super::convolution([input, inner], 1, 1, device),
            bn1: super::batch_norm(inner, device),
            conv2: super::convolution([inner; 2], 3, stride, device),
            bn2: super::batch_norm(inner, device),
            conv3: super::convolution([inner, output], 1, 1, device),
            bn3: super::batch_norm(output, device),
            downsample: changes.then(|| Projection::new([input, output], stride, device)),
        }
    }

    fn forward(&self, maps: Tensor<4>, mode: NormMode) -> Tensor<4> {
        let shortcut = match &self.downsample {
            Some(projection) => projection.forward(maps.clone(), mode),
            None => maps.clone(),
        };
        let inner = ConvChain::new(&self.conv1).norm(&self.bn1).relu();
        let inner = inner.forward(maps, mode);
        let middle = ConvChain::new(&self.conv2).norm(&self.bn2).relu();
        let middle = middle.forward(inner, mode);
        let outer = ConvChain::new(&self.conv3).norm(&self.bn3).plus(shortcut);
        outer.relu().forward(middle, mode)
    }

    fn graph(&self, graph: &mut Graph, maps: Value) -> Value {
        let shortcut = match &self.downsample {
            Some(projection) => projection.graph(graph, maps.clone()),
            None => maps.clone(),
        };
        let inner = graph.conv(&self.conv1, maps);
        let inner = graph.norm(&self.bn1, inner);
        let inner = graph.relu(inner);
        let middle = graph.conv(&self.conv2, inner);
        let middle = graph.norm(&self.bn2, middle);
        let middle = graph.relu(middle);
        let outer = graph.conv(&self.conv3, middle);
        let outer = graph.norm(&self.bn3, outer);
        let sum = graph.add(outer, shortcut);
        graph.relu(sum)
    }

    fn count(&self, count: &mut Count) {
        count.shortcut(|count| {
            if let Some(projection) = &self.downsample {
                projection.count(count);
            }
        });
        for conv in [&self.conv1, &self.conv2, &self.conv3] {
            count.conv(conv);
        }
    }
}
