use burn::module::Module;
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::input::{between, check_embedding, check_width};
use super::{
    Architecture, ConvBlock, InputShape, InvertedResidual, Names, flatten, halved, scaled,
};
use crate::layer::{BatchNorm, Conv2dConfig, Linear, NormMode};
use crate::onnx::{Graph, Value};
use crate::summary::Count;
use crate::{Error, Result, initialise};

/// Settings of an [`Mbf`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MbfConfig {
    /// Blocks of each stage; a first stage of one is a convolution of pairs of channels. Default: 1, 4, 6 and 2, `mbf`; 2, 8, 12 and 4 for
    /// `mbf_large`.
    pub blocks: [usize; 4],
    /// Multiplies the channels between blocks. Default: 2, `mbf`; 4 for `mbf_large`.
    pub scale: usize,
    /// Multiplies all channels, which are rounded to multiples of 8. Default: 1, as published.
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

impl Default for MbfConfig {
    fn default() -> Self {
        Self {
            blocks: [1, 4, 6, 2],
            scale: 2,
            width: 1.0,
            embedding: 512,
            channels: 3,
            height_px: 112,
            width_px: 112,
        }
    }
}

impl MbfConfig {
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
        between("scale", self.scale, 1, 16, "1 to 16")?;
        check_width(self.width)?;
        check_embedding(self.embedding)?;
        self.input().check(16, "a multiple of 16, at most 1,024")?;
        if self.height_px != self.width_px {
            return Err(Error::Setting {
                setting: "width_px",
                value: self.width_px.to_string(),
                expected: "equal to height_px: the global convolution is square",
            });
        }
        Ok(())
    }

    pub(crate) fn init(&self, device: &Device) -> Result<Mbf> {
        self.check()?;

        let inner = |channels| scaled(channels, self.width);
        let outer = |channels| inner(channels) * self.scale;
        let stage = |channels, between, blocks| {
            let channels = [outer(channels), inner(between), outer(channels)];
            (0..blocks)
                .map(|_| InvertedResidual::new(channels, 1, device))
                .collect::<Vec<_>>()
        };
        let halving = |input, between, output| {
            InvertedResidual::new([outer(input), inner(between), outer(output)], 2, device)
        };
        let stem = outer(64);
        let pairs = Conv2dConfig {
            channels: [stem; 2],
            kernel: 3,
            stride: 1,
            padding: 1,
            groups: inner(64),
            bias: false,
        };
        let is_convolution = self.blocks[0] == 1;
        let [first, second, third, fourth] = self.blocks;
        let last = inner(512);
        let global = halved(self.height_px, 4);
        let convolution =
            |channels, kernel, stride| super::convolution(channels, kernel, stride, device);
        let network = Mbf {
            stem: ConvBlock::new(convolution([self.channels, stem], 3, 2), device),
            pairs: is_convolution.then(|| ConvBlock::new(pairs.init(device), device)),
            stage1: stage(64, 128, if is_convolution { 0 } else { first }),
            halving2: halving(64, 128, 64),
            stage3: stage(64, 128, second),
            halving4: halving(64, 256, 128),
            stage5: stage(128, 256, third),
            halving6: halving(128, 512, 128),
            stage7: stage(128, 256, fourth),
            conv_sep: ConvBlock::new(convolution([outer(128), last], 1, 1), device),
            global: ConvBlock::linear(super::depthwise(last, global, 1, 0, device), device),
            fc: super::linear(last, self.embedding, false, device),
            features: super::batch_norm(self.embedding, device),
        };
        let normal = Initializer::KaimingNormal {
            gain: 2f64.sqrt(),
            fan_out_only: true,
        };
        let network = initialise::convolutions(network, &normal);
        Ok(initialise::linears(network, &normal))
    }
}

/// insightface's `mbf` and `mbf_large`: [MobileFaceNet](https://arxiv.org/abs/1804.07573) with more channels between its blocks, and a norm behind
/// the embedding.
#[derive(Module, Debug)]
pub struct Mbf {
    stem: ConvBlock,
    pairs: Option<ConvBlock>,
    stage1: Vec<InvertedResidual>,
    halving2: InvertedResidual,
    stage3: Vec<InvertedResidual>,
    halving4: InvertedResidual,
    stage5: Vec<InvertedResidual>,
    halving6: InvertedResidual,
    stage7: Vec<InvertedResidual>,
    conv_sep: ConvBlock,
    global: ConvBlock,
    fc: Linear,
    features: BatchNorm,
}

impl Mbf {
    fn blocks(&self) -> impl Iterator<Item = &InvertedResidual> {
        let halving = [&self.halving2, &self.halving4, &self.halving6].map(std::slice::from_ref);
        let stages = [&self.stage3, &self.stage5, &self.stage7];
        let rest = halving.into_iter().zip(stages);
        let rest = rest.flat_map(|(halving, stage)| halving.iter().chain(stage));
        self.stage1.iter().chain(rest)
    }
}

impl Architecture for Mbf {
    fn names(&self) -> Names {
        &[
            ("features", "features.layers.3"),
            ("global", "features.layers.0"),
            ("fc", "features.layers.2"),
            ("stem", "layers.0"),
            ("pairs", "layers.1"),
            ("stage1", "layers.1.layers"),
            ("halving2", "layers.2"),
            ("stage3", "layers.3.layers"),
            ("halving4", "layers.4"),
            ("stage5", "layers.5.layers"),
            ("halving6", "layers.6"),
            ("stage7", "layers.7.layers"),
            ("expand", "layers.0"),
            ("depthwise", "layers.1"),
            ("project", "layers.2"),
            ("conv", "layers.0"),
            ("bn", "layers.1"),
            ("prelu", "layers.2"),
        ]
    }

    fn forward(&self, images: Tensor<4>, mode: NormMode) -> Tensor<2> {
        let maps = self.stem.forward(images, mode);
        let maps = match &self.pairs {
            Some(pairs) => pairs.forward(maps, mode),
            None => maps,
        };
        let maps = (self.blocks()).fold(maps, |maps, block| block.forward(maps, mode));
        let maps = self.conv_sep.forward(maps, mode);
        let row = flatten(self.global.forward(maps, mode));
        self.features.forward(self.fc.forward(row), mode)
    }

    fn graph(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = self.stem.graph(graph, images);
        let maps = match &self.pairs {
            Some(pairs) => pairs.graph(graph, maps),
            None => maps,
        };
        let maps = (self.blocks()).fold(maps, |maps, block| block.graph(graph, maps));
        let maps = self.conv_sep.graph(graph, maps);
        let maps = self.global.graph(graph, maps);
        let row = graph.flatten(maps);
        let embedding = graph.linear(&self.fc, row);
        graph.norm(&self.features, embedding)
    }

    fn count(&self, count: &mut Count) {
        self.stem.count(count);
        if let Some(pairs) = &self.pairs {
            pairs.count(count);
        }
        for block in self.blocks() {
            block.count(count);
        }
        self.conv_sep.count(count);
        self.global.count(count);
        count.linear(&self.fc);
    }
}
