use burn::module::Module;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::input::{between, check_embedding};
use super::{Architecture, ConvBlock, InputShape, Names, Projection, flatten, halved};
use crate::Result;
use crate::layer::{BatchNorm, Conv2d, ConvChain, Linear, NormMode, Prelu};
use crate::onnx::{Graph, Value};
use crate::summary::Count;

/// Settings of an [`IrBottleneck`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IrBottleneckConfig {
    /// Blocks of each stage. Default: 6, 21, 66 and 6, the network of the published face mask model.
    pub blocks: [usize; 4],
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

impl Default for IrBottleneckConfig {
    fn default() -> Self {
        Self {
            blocks: [6, 21, 66, 6],
            stem_channels: 64,
            embedding: 512,
            channels: 3,
            height_px: 112,
            width_px: 112,
        }
    }
}

impl IrBottleneckConfig {
    pub(crate) fn input(&self) -> InputShape {
        InputShape {
            channels: self.channels,
            height_px: self.height_px,
            width_px: self.width_px,
        }
    }

    /// Checks what needs no device.
    pub(crate) fn check(&self) -> Result<()> {
        for blocks in self.blocks {
            between("blocks", blocks, 1, 1000, "1 to 1,000 in each stage")?;
        }
        between("stem_channels", self.stem_channels, 1, 1024, "1 to 1,024")?;
        check_embedding(self.embedding)?;
        self.input().check(16, "a multiple of 16, at most 1,024")
    }

    pub(crate) fn init(&self, device: &Device) -> Result<IrBottleneck> {
        self.check()?;

        let stem = super::convolution([self.channels, self.stem_channels], 3, 1, device);
        let mut body = Vec::new();
        let mut input = self.stem_channels;
        for (stage, blocks) in self.blocks.into_iter().enumerate() {
            let output = self.stem_channels << stage;
            body.push(IrBlock::new([input, output], 2, device));
            body.extend((1..blocks).map(|_| IrBlock::new([output; 2], 1, device)));
            input = output;
        }
        let places = halved(self.height_px, 4) * halved(self.width_px, 4);
        Ok(IrBottleneck {
            input_layer: ConvBlock::new(stem, device),
            body,
            bn2: super::batch_norm(input, device),
            fc: super::linear(input * places, self.embedding, true, device),
            features: super::embedding_norm(self.embedding, device),
        })
    }
}

/// The deep network of ModelScope's face mask model: blocks like [`IResNet`](super::IResNet)'s without the norm between the
/// convolutions, and shortcuts that skip places where the width stays.
#[derive(Module, Debug)]
pub struct IrBottleneck {
    input_layer: ConvBlock,
    body: Vec<IrBlock>,
    bn2: BatchNorm,
    fc: Linear,
    features: BatchNorm,
}

impl Architecture for IrBottleneck {
    fn names(&self) -> Names {
        &[
            ("input_layer.conv", "input_layer.0"),
            ("input_layer.bn", "input_layer.1"),
            ("input_layer.prelu", "input_layer.2"),
            ("shortcut_layer.conv", "shortcut_layer.0"),
            ("shortcut_layer.norm", "shortcut_layer.1"),
            ("res_layer.bn1", "res_layer.0"),
            ("res_layer.conv1", "res_layer.1"),
            ("res_layer.prelu", "res_layer.2"),
            ("res_layer.conv2", "res_layer.3"),
            ("res_layer.bn2", "res_layer.4"),
        ]
    }

    fn forward(&self, images: Tensor<4>, mode: NormMode) -> Tensor<2> {
        let maps = self
            .body
            .iter()
            .fold(self.input_layer.forward(images, mode), |maps, block| {
                block.forward(maps, mode)
            });
        let maps = self.bn2.forward(maps, mode);
        self.features.forward(self.fc.forward(flatten(maps)), mode)
    }

    fn graph(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = self.input_layer.graph(graph, images);
        let maps = (self.body.iter()).fold(maps, |maps, block| block.graph(graph, maps));
        let maps = graph.norm(&self.bn2, maps);
        let row = graph.flatten(maps);
        let embedding = graph.linear(&self.fc, row);
        graph.norm(&self.features, embedding)
    }

    fn count(&self, count: &mut Count) {
        self.input_layer.count(count);
        for block in &self.body {
            block.count(count);
        }
        count.linear(&self.fc);
    }
}

/// norm - conv - PReLU - conv - norm, beside a shortcut.
#[derive(Module, Debug)]
pub struct IrBlock {
    shortcut_layer: Option<Projection>,
    res_layer: IrResidual,
}

/// The residual branch of an [`IrBlock`].
#[derive(Module, Debug)]
pub struct IrResidual {
    bn1: BatchNorm,
    conv1: Conv2d,
    prelu: Prelu,
    conv2: Conv2d,
    bn2: BatchNorm,
}

impl IrBlock {
    fn new(channels: [usize; 2], stride: usize, device: &Device) -> Self {
        let [input, output] = channels;
        Self {
            shortcut_layer: (input != output).then(|| Projection::new(channels, stride, device)),
            res_layer: IrResidual {
                bn1: super::batch_norm(input, device),
                conv1: super::convolution(channels, 3, 1, device),
                prelu: super::prelu(output, device),
                conv2: super::convolution([output; 2], 3, stride, device),
                bn2: super::batch_norm(output, device),
            },
        }
    }

    fn forward(&self, maps: Tensor<4>, mode: NormMode) -> Tensor<4> {
        let layers = &self.res_layer;
        let shortcut = match (&self.shortcut_layer, layers.conv2.stride) {
            (Some(projection), _) => projection.forward(maps.clone(), mode),
            (None, 1) => maps.clone(),
            // The reference pools windows of one place: it only skips.
            (None, stride) => {
                let skip = MaxPoolOptions::new([1; 2]).with_stride([stride; 2]);
                max_pool2d(maps.clone(), skip)
            }
        };
        let residual = ConvChain::new(&layers.conv1)
            .norm_before(&layers.bn1)
            .prelu(&layers.prelu)
            .forward(maps, mode);
        ConvChain::new(&layers.conv2)
            .norm(&layers.bn2)
            .plus(shortcut)
            .forward(residual, mode)
    }

    fn graph(&self, graph: &mut Graph, maps: Value) -> Value {
        let layers = &self.res_layer;
        let shortcut = match (&self.shortcut_layer, layers.conv2.stride) {
            (Some(projection), _) => projection.graph(graph, maps.clone()),
            (None, 1) => maps.clone(),
            (None, stride) => graph.max_pool(maps.clone(), 1, stride, 0),
        };
        let residual = graph.norm(&layers.bn1, maps);
        let residual = graph.conv(&layers.conv1, residual);
        let residual = graph.prelu(&layers.prelu, residual);
        let residual = graph.conv(&layers.conv2, residual);
        let residual = graph.norm(&layers.bn2, residual);
        graph.add(residual, shortcut)
    }

    fn count(&self, count: &mut Count) {
        count.shortcut(|count| {
            if let Some(projection) = &self.shortcut_layer {
                projection.count(count);
            }
        });
        count.conv(&self.res_layer.conv1);
        count.conv(&self.res_layer.conv2);
    }
}
