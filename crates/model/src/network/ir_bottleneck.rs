use burn::module::Module;
use burn::nn::Initializer;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::input::{between, check_embedding};
use super::{
    Architecture, ConvBlock, InputShape, Names, Projection, SqueezeExcitation, flatten, halved,
};
use crate::layer::{BatchNorm, BatchNormConfig, Conv2d, ConvChain, Linear, NormMode, Prelu};
use crate::onnx::{Graph, Value};
use crate::summary::Count;
use crate::{Result, initialise};

/// Whose network of this kind it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IrVariant {
    /// ModelScope's face mask model: no norm between the convolutions of a block; its last layers are `bn2`, `fc` and `features`.
    FaceMask,
    /// InsightFace_Pytorch's and face.evoLVe's: the same, its last layers in `output_layer`.
    InsightFacePytorch,
    /// AdaFace's and CVLface's: a norm between the convolutions; the embedding's norm has nothing to learn.
    AdaFace,
}

/// Of blocks without a norm between the convolutions; the last layers come last.
const PLAIN: Names = &[
    ("input_layer.conv", "input_layer.0"),
    ("input_layer.bn", "input_layer.1"),
    ("input_layer.prelu", "input_layer.2"),
    ("shortcut_layer.conv", "shortcut_layer.0"),
    ("shortcut_layer.norm", "shortcut_layer.1"),
    ("res_layer.bn1", "res_layer.0"),
    ("res_layer.conv1", "res_layer.1"),
    ("res_layer.prelu", "res_layer.2"),
    ("res_layer.conv2", "res_layer.3"),
    ("res_layer.bn3", "res_layer.4"),
    ("res_layer.squeeze", "res_layer.5"),
    ("bn2", "output_layer.0"),
    ("fc", "output_layer.3"),
    ("features", "output_layer.4"),
];

impl IrVariant {
    fn names(self) -> Names {
        match self {
            // Its last layers have names of their own.
            Self::FaceMask => &PLAIN[..PLAIN.len() - 3],
            Self::InsightFacePytorch => PLAIN,
            Self::AdaFace => &[
                ("input_layer.conv", "input_layer.0"),
                ("input_layer.bn", "input_layer.1"),
                ("input_layer.prelu", "input_layer.2"),
                ("shortcut_layer.conv", "shortcut_layer.0"),
                ("shortcut_layer.norm", "shortcut_layer.1"),
                ("res_layer.bn1", "res_layer.0"),
                ("res_layer.conv1", "res_layer.1"),
                ("res_layer.bn2", "res_layer.2"),
                ("res_layer.prelu", "res_layer.3"),
                ("res_layer.conv2", "res_layer.4"),
                ("res_layer.bn3", "res_layer.5"),
                ("res_layer.squeeze", "res_layer.se_block"),
                ("bn2", "output_layer.0"),
                ("fc", "output_layer.3"),
                ("features", "output_layer.4"),
            ],
        }
    }
}

/// Settings of an [`IrBottleneck`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IrBottleneckConfig {
    /// Whose network it is. Default: the face mask model's.
    pub variant: IrVariant,
    /// Whether [squeeze and excitation](https://arxiv.org/abs/1709.01507) weighs the channels of each block, as in IR-SE. Default: false.
    pub squeeze: bool,
    /// Blocks of each stage: 3, 4, 14 and 3 for IR-50, 3, 13, 30 and 3 for IR-101, 2, 2, 2 and 2 for IR-18. Default: 6, 21, 66 and 6, the network
    /// of the published face mask model.
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
            variant: IrVariant::FaceMask,
            squeeze: false,
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
        if self.squeeze {
            let expected = "16 to 1,024 with squeeze, which divides the channels by 16";
            between("stem_channels", self.stem_channels, 16, 1024, expected)?;
        }
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
            let block = |channels, stride| IrBlock::new(self, channels, stride, device);
            body.push(block([input, output], 2));
            body.extend((1..blocks).map(|_| block([output; 2], 1)));
            input = output;
        }
        let places = halved(self.height_px, 4) * halved(self.width_px, 4);
        let network = IrBottleneck {
            input_layer: ConvBlock::new(stem, device),
            body,
            bn2: super::batch_norm(input, device),
            fc: super::linear(input * places, self.embedding, true, device),
            features: match self.variant {
                IrVariant::AdaFace => plain_norm(self.embedding, device),
                IrVariant::FaceMask | IrVariant::InsightFacePytorch => {
                    super::embedding_norm(self.embedding, device)
                }
            },
            variant: self.variant,
        };
        if self.variant != IrVariant::AdaFace {
            return Ok(network);
        }
        let normal = Initializer::KaimingNormal {
            gain: 2f64.sqrt(),
            fan_out_only: true,
        };
        let network = initialise::convolutions(network, &normal);
        Ok(initialise::linears(network, &normal))
    }
}

/// A norm that only normalises.
fn plain_norm(channels: usize, device: &Device) -> BatchNorm {
    let config = BatchNormConfig {
        scale: false,
        shift: false,
        ..BatchNormConfig::new(channels)
    };
    config.init(device)
}

/// The networks IR and IR-SE of ModelScope's face mask model, InsightFace_Pytorch, face.evoLVe, [AdaFace](https://arxiv.org/abs/2204.00964) and
/// CVLface: blocks like [`IResNet`](super::IResNet)'s, with shortcuts that skip places where the width stays.
#[derive(Module, Debug)]
pub struct IrBottleneck {
    input_layer: ConvBlock,
    body: Vec<IrBlock>,
    bn2: BatchNorm,
    fc: Linear,
    features: BatchNorm,
    #[module(skip)]
    variant: IrVariant,
}

impl Architecture for IrBottleneck {
    fn names(&self) -> Names {
        self.variant.names()
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

/// norm - conv - (norm) - PReLU - conv - norm - (squeeze), beside a shortcut.
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
    bn2: Option<BatchNorm>,
    prelu: Prelu,
    conv2: Conv2d,
    bn3: BatchNorm,
    squeeze: Option<SqueezeExcitation>,
}

impl IrBlock {
    fn new(
        config: &IrBottleneckConfig,
        channels: [usize; 2],
        stride: usize,
        device: &Device,
    ) -> Self {
        let [input, output] = channels;
        let has_norm_between = config.variant == IrVariant::AdaFace;
        Self {
            shortcut_layer: (input != output).then(|| Projection::new(channels, stride, device)),
            res_layer: IrResidual {
                bn1: super::batch_norm(input, device),
                conv1: super::convolution(channels, 3, 1, device),
                bn2: has_norm_between.then(|| super::batch_norm(output, device)),
                prelu: super::prelu(output, device),
                conv2: super::convolution([output; 2], 3, stride, device),
                bn3: super::batch_norm(output, device),
                squeeze: config
                    .squeeze
                    .then(|| SqueezeExcitation::new(output, device)),
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
        let inner = ConvChain::new(&layers.conv1).norm_before(&layers.bn1);
        let inner = match &layers.bn2 {
            Some(norm) => inner.norm(norm),
            None => inner,
        };
        let inner = inner.prelu(&layers.prelu).forward(maps, mode);
        let outer = ConvChain::new(&layers.conv2).norm(&layers.bn3);
        match &layers.squeeze {
            Some(squeeze) => squeeze.forward(outer.forward(inner, mode)) + shortcut,
            None => outer.plus(shortcut).forward(inner, mode),
        }
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
        let residual = match &layers.bn2 {
            Some(norm) => graph.norm(norm, residual),
            None => residual,
        };
        let residual = graph.prelu(&layers.prelu, residual);
        let residual = graph.conv(&layers.conv2, residual);
        let residual = graph.norm(&layers.bn3, residual);
        let residual = match &layers.squeeze {
            Some(squeeze) => squeeze.graph(graph, residual),
            None => residual,
        };
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
        if let Some(squeeze) = &self.res_layer.squeeze {
            squeeze.count(count);
        }
    }
}
