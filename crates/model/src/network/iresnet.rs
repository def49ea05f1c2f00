use burn::module::Module;
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::input::{between, check_embedding};
use super::{Architecture, InputShape, Names, Projection, flatten, halved};
use crate::layer::{BatchNorm, Conv2d, ConvChain, Linear, NormMode, Prelu};
use crate::onnx::{Graph, Value};
use crate::summary::Count;
use crate::{Error, Result, initialise};

/// Settings of an [`IResNet`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IResNetConfig {
    /// 18, 34, 50, 100 or 200. Default: 50.
    pub depth: usize,
    /// Channels of the stem and the first stage, doubled by each later one. Default: 64, as published.
    pub stem_channels: usize,
    /// Dimensions of the embedding. Default: 512.
    pub embedding: usize,
    /// Channels of the pictures. Default: 3.
    pub channels: usize,
    /// Height of the pictures in pixels, a multiple of 16. Default: 112.
    pub height_px: usize,
    /// Width of the pictures in pixels, a multiple of 16. Default: 112.
    pub width_px: usize,
}

impl Default for IResNetConfig {
    fn default() -> Self {
        Self {
            depth: 50,
            stem_channels: 64,
            embedding: 512,
            channels: 3,
            height_px: 112,
            width_px: 112,
        }
    }
}

impl IResNetConfig {
    /// Blocks of each stage.
    fn blocks(&self) -> Result<[usize; 4]> {
        match self.depth {
            18 => Ok([2, 2, 2, 2]),
            34 => Ok([3, 4, 6, 3]),
            50 => Ok([3, 4, 14, 3]),
            100 => Ok([3, 13, 30, 3]),
            200 => Ok([6, 26, 60, 6]),
            depth => Err(Error::Setting {
                setting: "depth",
                value: depth.to_string(),
                expected: "18, 34, 50, 100 or 200",
            }),
        }
    }

    pub(crate) fn input(&self) -> InputShape {
        InputShape {
            channels: self.channels,
            height_px: self.height_px,
            width_px: self.width_px,
        }
    }

    /// Checks what needs no device.
    pub(crate) fn check(&self) -> Result<()> {
        self.blocks()?;
        between("stem_channels", self.stem_channels, 1, 1024, "1 to 1,024")?;
        check_embedding(self.embedding)?;
        self.input().check(16, "a multiple of 16, at most 1,024")
    }

    pub(crate) fn init(&self, device: &Device) -> Result<IResNet> {
        self.check()?;
        let blocks = self.blocks()?;

        let stage = |stage: usize| {
            let output = self.stem_channels << stage;
            let input = if stage == 0 { output } else { output / 2 };
            (0..blocks[stage])
                .map(|block| match block {
                    0 => IResNetBlock::new([input, output], 2, device),
                    _ => IResNetBlock::new([output; 2], 1, device),
                })
                .collect()
        };
        let last = self.stem_channels << 3;
        let places = halved(self.height_px, 4) * halved(self.width_px, 4);
        let network = IResNet {
            conv1: super::convolution([self.channels, self.stem_channels], 3, 1, device),
            bn1: super::batch_norm(self.stem_channels, device),
            prelu: super::prelu(self.stem_channels, device),
            layer1: stage(0),
            layer2: stage(1),
            layer3: stage(2),
            layer4: stage(3),
            bn2: super::batch_norm(last, device),
            fc: super::linear(last * places, self.embedding, true, device),
            features: super::embedding_norm(self.embedding, device),
        };
        let normal = Initializer::Normal {
            mean: 0.0,
            std: 0.1,
        };
        Ok(initialise::convolutions(network, &normal))
    }
}

/// The residual network of [ArcFace](https://arxiv.org/abs/1801.07698), as insightface and FFC train it: no bottleneck, norm before
/// the first convolution of a block, PReLU, all 7x7 places fed to the last layer.
#[derive(Module, Debug)]
pub struct IResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    prelu: Prelu,
    layer1: Vec<IResNetBlock>,
    layer2: Vec<IResNetBlock>,
    layer3: Vec<IResNetBlock>,
    layer4: Vec<IResNetBlock>,
    bn2: BatchNorm,
    fc: Linear,
    features: BatchNorm,
}

impl IResNet {
    fn stages(&self) -> [&Vec<IResNetBlock>; 4] {
        [&self.layer1, &self.layer2, &self.layer3, &self.layer4]
    }
}

impl Architecture for IResNet {
    fn names(&self) -> Names {
        IResNetBlock::NAMES
    }

    fn forward(&self, images: Tensor<4>, mode: NormMode) -> Tensor<2> {
        let maps = ConvChain::new(&self.conv1)
            .norm(&self.bn1)
            .prelu(&self.prelu)
            .forward(images, mode);
        let maps = self
            .stages()
            .into_iter()
            .flatten()
            .fold(maps, |maps, block| block.forward(maps, mode));
        let maps = self.bn2.forward(maps, mode);
        self.features.forward(self.fc.forward(flatten(maps)), mode)
    }

    fn graph(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = graph.conv(&self.conv1, images);
        let maps = graph.norm(&self.bn1, maps);
        let maps = graph.prelu(&self.prelu, maps);
        let maps = (self.stages().into_iter().flatten())
            .fold(maps, |maps, block| block.graph(graph, maps));
        let maps = graph.norm(&self.bn2, maps);
        let row = graph.flatten(maps);
        let embedding = graph.linear(&self.fc, row);
        graph.norm(&self.features, embedding)
    }

    fn count(&self, count: &mut Count) {
        count.conv(&self.conv1);
        for block in self.stages().into_iter().flatten() {
            block.count(count);
        }
        count.linear(&self.fc);
    }
}

/// norm - conv - norm - PReLU - conv - norm, beside a shortcut.
#[derive(Module, Debug)]
pub struct IResNetBlock {
    bn1: BatchNorm,
    conv1: Conv2d,
    bn2: BatchNorm,
    prelu: Prelu,
    conv2: Conv2d,
    bn3: BatchNorm,
    downsample: Option<Projection>,
}

impl IResNetBlock {
    pub(super) const NAMES: Names = &[
        ("downsample.conv", "downsample.0"),
        ("downsample.norm", "downsample.1"),
    ];

    pub(super) fn new(channels: [usize; 2], stride: usize, device: &Device) -> Self {
        let [input, output] = channels;
        let changes = stride != 1 || input != output;
        Self {
            bn1: super::batch_norm(input, device),
            conv1: super::convolution(channels, 3, 1, device),
            bn2: super::batch_norm(output, device),
            prelu: super::prelu(output, device),
            conv2: super::convolution([output; 2], 3, stride, device),
            bn3: super::batch_norm(output, device),
            downsample: changes.then(|| Projection::new(channels, stride, device)),
        }
    }

    pub(super) fn forward(&self, maps: Tensor<4>, mode: NormMode) -> Tensor<4> {
        let shortcut = match &self.downsample {
            Some(projection) => projection.forward(maps.clone(), mode),
            None => maps.clone(),
        };
        let residual = ConvChain::new(&self.conv1)
            .norm_before(&self.bn1)
            .norm(&self.bn2)
            .prelu(&self.prelu)
            .forward(maps, mode);
        ConvChain::new(&self.conv2)
            .norm(&self.bn3)
            .plus(shortcut)
            .forward(residual, mode)
    }

    pub(super) fn graph(&self, graph: &mut Graph, maps: Value) -> Value {
        let shortcut = match &self.downsample {
            Some(projection) => projection.graph(graph, maps.clone()),
            None => maps.clone(),
        };
        let residual = graph.norm(&self.bn1, maps);
        let residual = graph.conv(&self.conv1, residual);
        let residual = graph.norm(&self.bn2, residual);
        let residual = graph.prelu(&self.prelu, residual);
        let residual = graph.conv(&self.conv2, residual);
        let residual = graph.norm(&self.bn3, residual);
        graph.add(residual, shortcut)
    }

    pub(super) fn count(&self, count: &mut Count) {
        count.shortcut(|count| {
            if let Some(projection) = &self.downsample {
                projection.count(count);
            }
        });
        count.conv(&self.conv1);
        count.conv(&self.conv2);
    }
}
