use burn::module::Module;
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::input::{check_embedding, check_width};
use super::{Architecture, ConvBlock, IResNetBlock, InputShape, Names, flatten, halved, scaled};
use crate::layer::{BatchNorm, Linear, NormMode};
use crate::onnx::{Graph, Value};
use crate::summary::Count;
use crate::{Result, initialise};

/// Channels, blocks and stride of each stage.
const STAGES: [[usize; 3]; 3] = [[32, 2, 1], [64, 2, 2], [128, 2, 2]];

/// Settings of a [`Compact`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompactConfig {
    /// Multiplies the channels, which are rounded to multiples of 8. Default: 1.
    pub width: f64,
    /// Dimensions of the embedding. Default: 512.
    pub embedding: usize,
    /// Channels of the pictures. Default: 3.
    pub channels: usize,
    /// Height of the pictures in pixels, a multiple of 4. Default: 32.
    pub height_px: usize,
    /// Width of the pictures in pixels, a multiple of 4. Default: 32.
    pub width_px: usize,
}

impl Default for CompactConfig {
    fn default() -> Self {
        Self {
            width: 1.0,
            embedding: 512,
            channels: 3,
            height_px: 32,
            width_px: 32,
        }
    }
}

impl CompactConfig {
    pub(crate) fn input(&self) -> InputShape {
        InputShape {
            channels: self.channels,
            height_px: self.height_px,
            width_px: self.width_px,
        }
    }

    /// Checks what needs no device.
    pub(crate) fn check(&self) -> Result<()> {
        check_width(self.width)?;
        check_embedding(self.embedding)?;
        self.input().check(4, "a multiple of 4, at most 1,024")
    }

    pub(crate) fn init(&self, device: &Device) -> Result<Compact> {
        self.check()?;

        let stem = scaled(STAGES[0][0], self.width);
        let mut blocks = Vec::new();
        let mut input = stem;
        for [channels, count, stride] in STAGES {
            let output = scaled(channels, self.width);
            blocks.push(IResNetBlock::new([input, output], stride, device));
            blocks.extend((1..count).map(|_| IResNetBlock::new([output; 2], 1, device)));
            input = output;
        }
        let places = halved(self.height_px, 3) * halved(self.width_px, 3);
        let network = Compact {
            stem: ConvBlock::new(
                super::convolution([self.channels, stem], 3, 2, device),
                device,
            ),
            blocks,
            norm: super::batch_norm(input, device),
            fc: super::linear(input * places, self.embedding, true, device),
            features: super::embedding_norm(self.embedding, device),
        };
        let he = Initializer::KaimingNormal {
            gain: 2f64.sqrt(),
            fan_out_only: true,
        };
        Ok(initialise::convolutions(network, &he))
    }
}

/// A small relative of [`IResNet`](super::IResNet) for pictures of 28 to 64 pixels: the stem halves them, six blocks follow.
/// It trains in minutes on two processor cores.
#[derive(Module, Debug)]
pub struct Compact {
    stem: ConvBlock,
    blocks: Vec<IResNetBlock>,
    norm: BatchNorm,
    fc: Linear,
    features: BatchNorm,
}

impl Architecture for Compact {
    fn names(&self) -> Names {
        IResNetBlock::NAMES
    }

    fn forward(&self, images: Tensor<4>, mode: NormMode) -> Tensor<2> {
        let maps = self
            .blocks
            .iter()
            .fold(self.stem.forward(images, mode), |maps, block| {
                block.forward(maps, mode)
            });
        let maps = self.norm.forward(maps, mode);
        self.features.forward(self.fc.forward(flatten(maps)), mode)
    }

    fn graph(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = self.stem.graph(graph, images);
        let maps = (self.blocks.iter()).fold(maps, |maps, block| block.graph(graph, maps));
        let maps = graph.norm(&self.norm, maps);
        let row = graph.flatten(maps);
        let embedding = graph.linear(&self.fc, row);
        graph.norm(&self.features, embedding)
    }

    fn count(&self, count: &mut Count) {
        self.stem.count(count);
        for block in &self.blocks {
            block.count(count);
        }
        count.linear(&self.fc);
    }
}
