use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::input::{check_embedding, check_width};
use super::{Architecture, ConvBlock, InputShape, Names, flatten, halved, scaled};
use crate::Result;
use crate::layer::NormMode;
use crate::onnx::{Graph, Value};
use crate::summary::Count;

/// Expansion, channels, blocks and stride of each stage ([MobileFaceNets](https://arxiv.org/abs/1804.07573), table 1).
const STAGES: [[usize; 4]; 5] = [
    [2, 64, 5, 2],
    [4, 128, 1, 2],
    [2, 128, 6, 1],
    [4, 128, 1, 2],
    [2, 128, 2, 1],
];

/// Settings of a [`MobileFaceNet`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MobileFaceNetConfig {
    /// Multiplies the channels, which are rounded to multiples of 8. Default: 1, as published.
    pub width: f64,
    /// Dimensions of the embedding. Default: 512.
    pub embedding: usize,
    /// Channels of the pictures. Default: 3.
    pub channels: usize,
    /// Height of the pictures in pixels, a multiple of 16. Default: 112.
    pub height_px: usize,
    /// Width of the pictures in pixels, a multiple of 16. Default: 112.
    pub width_px: usize,
}

impl Default for MobileFaceNetConfig {
    fn default() -> Self {
        Self {
            width: 1.0,
            embedding: 512,
            channels: 3,
            height_px: 112,
            width_px: 112,
        }
    }
}

impl MobileFaceNetConfig {
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
        self.input().check(16, "a multiple of 16, at most 1,024")?;
        if self.height_px != self.width_px {
            return Err(crate::Error::Setting {
                setting: "width_px",
                value: self.width_px.to_string(),
                expected: "equal to height_px: the global convolution is square",
            });
        }
        Ok(())
    }

    pub(crate) fn init(&self, device: &Device) -> Result<MobileFaceNet> {
        self.check()?;

        let scaled = |channels| scaled(channels, self.width);
        let stem = scaled(64);
        let mut blocks = Vec::new();
        let mut input = stem;
        for [expansion, channels, count, stride] in STAGES {
            for block in 0..count {
                let stride = if block == 0 { stride } else { 1 };
                let output = scaled(channels);
                let channels = [input, input * expansion, output];
                blocks.push(InvertedResidual::new(channels, stride, device));
                input = output;
            }
        }
        let last = scaled(512);
        let global = halved(self.height_px, 4);
        let pointwise = |channels| super::convolution(channels, 1, 1, device);
        Ok(MobileFaceNet {
            conv1: ConvBlock::new(
                super::convolution([self.channels, stem], 3, 2, device),
                device,
            ),
            dw_conv1: ConvBlock::new(super::depthwise(stem, 3, 1, 1, device), device),
            blocks,
            conv2: ConvBlock::new(pointwise([input, last]), device),
            linear7: ConvBlock::linear(super::depthwise(last, global, 1, 0, device), device),
            linear1: ConvBlock::linear(pointwise([last, self.embedding]), device),
        })
    }
}

/// [MobileFaceNet](https://arxiv.org/abs/1804.07573), as FFC trains it: inverted residuals, then a global depthwise convolution in
/// place of pooling.
#[derive(Module, Debug)]
pub struct MobileFaceNet {
    conv1: ConvBlock,
    dw_conv1: ConvBlock,
    blocks: Vec<InvertedResidual>,
    conv2: ConvBlock,
    linear7: ConvBlock,
    linear1: ConvBlock,
}

impl Architecture for MobileFaceNet {
    fn names(&self) -> Names {
        &[
            ("expand.conv", "conv.0"),
            ("expand.bn", "conv.1"),
            ("expand.prelu", "conv.2"),
            ("depthwise.conv", "conv.3"),
            ("depthwise.bn", "conv.4"),
            ("depthwise.prelu", "conv.5"),
            ("project.conv", "conv.6"),
            ("project.bn", "conv.7"),
        ]
    }

    fn forward(&self, images: Tensor<4>, mode: NormMode) -> Tensor<2> {
        let maps = self.conv1.forward(images, mode);
        let maps = self.dw_conv1.forward(maps, mode);
        let maps = self
            .blocks
            .iter()
            .fold(maps, |maps, block| block.forward(maps, mode));
        let maps = self.conv2.forward(maps, mode);
        let maps = self.linear7.forward(maps, mode);
        flatten(self.linear1.forward(maps, mode))
    }

    fn graph(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = self.conv1.graph(graph, images);
        let maps = self.dw_conv1.graph(graph, maps);
        let maps = (self.blocks.iter()).fold(maps, |maps, block| block.graph(graph, maps));
        let maps = self.conv2.graph(graph, maps);
        let maps = self.linear7.graph(graph, maps);
        let maps = self.linear1.graph(graph, maps);
        graph.flatten(maps)
    }

    fn count(&self, count: &mut Count) {
        self.conv1.count(count);
        self.dw_conv1.count(count);
        for block in &self.blocks {
            block.count(count);
        }
        for block in [&self.conv2, &self.linear7, &self.linear1] {
            block.count(count);
        }
    }
}

/// Pointwise out, depthwise, pointwise back; with a shortcut where size and width stay.
#[derive(Module, Debug)]
pub struct InvertedResidual {
    expand: ConvBlock,
    depthwise: ConvBlock,
    project: ConvBlock,
    shortcut: bool,
}

impl InvertedResidual {
    /// `channels` of the input, within and of the output.
    pub(super) fn new(channels: [usize; 3], stride: usize, device: &Device) -> Self {
        let [input, inner, output] = channels;
        let pointwise = |channels| super::convolution(channels, 1, 1, device);
        Self {
            expand: ConvBlock::new(pointwise([input, inner]), device),
            depthwise: ConvBlock::new(super::depthwise(inner, 3, stride, 1, device), device),
            project: ConvBlock::linear(pointwise([inner, output]), device),
            shortcut: stride == 1 && input == output,
        }
    }

    pub(super) fn forward(&self, maps: Tensor<4>, mode: NormMode) -> Tensor<4> {
        let inner = self.expand.forward(maps.clone(), mode);
        let inner = self.depthwise.forward(inner, mode);
        let project = self.project.chain();
        let project = match self.shortcut {
            true => project.plus(maps),
            false => project,
        };
        project.forward(inner, mode)
    }

    pub(super) fn graph(&self, graph: &mut Graph, maps: Value) -> Value {
        let inner = self.expand.graph(graph, maps.clone());
        let inner = self.depthwise.graph(graph, inner);
        let outer = self.project.graph(graph, inner);
        match self.shortcut {
            true => graph.add(outer, maps),
            false => outer,
        }
    }

    pub(super) fn count(&self, count: &mut Count) {
        self.expand.count(count);
        self.depthwise.count(count);
        self.project.count(count);
    }
}
