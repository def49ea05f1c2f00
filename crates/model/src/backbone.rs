use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::layer::NormMode;
use crate::network::{
    Architecture, Compact, CompactConfig, IResNet, IResNetConfig, InputShape, IrBottleneck,
    IrBottleneckConfig, Mbf, MbfConfig, MobileFaceNet, MobileFaceNetConfig, Names, ResNet,
    ResNetConfig, Vit, VitConfig,
};
use crate::onnx::{Graph, Value};
use crate::summary::{Count, Summary};
use crate::{Error, Result};

/// Which network, and its settings. In a file the key `network` names it.
///
/// ```
/// use ffc_model::BackboneConfig;
///
/// let config: BackboneConfig =
///     serde_json::from_str(r#"{ "network": "mobile_face_net", "embedding": 256 }"#)?;
/// assert_eq!(config.input().height_px, 112);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "network", rename_all = "snake_case")]
pub enum BackboneConfig {
    /// The residual network of ArcFace in five depths.
    Iresnet(IResNetConfig),
    /// IR and IR-SE of ModelScope's face mask model, InsightFace_Pytorch, AdaFace and CVLface.
    IrBottleneck(IrBottleneckConfig),
    /// Small and fast.
    MobileFaceNet(MobileFaceNetConfig),
    /// The same as insightface has it.
    Mbf(MbfConfig),
    /// ResNet-50 for pictures of 224 pixels.
    Resnet50(ResNetConfig),
    /// The vision transformer of insightface.
    Vit(VitConfig),
    /// For pictures of 28 to 64 pixels.
    Compact(CompactConfig),
}

impl BackboneConfig {
    /// The pictures that the network takes.
    pub fn input(&self) -> InputShape {
        match self {
            Self::Iresnet(config) => config.input(),
            Self::IrBottleneck(config) => config.input(),
            Self::MobileFaceNet(config) => config.input(),
            Self::Mbf(config) => config.input(),
            Self::Resnet50(config) => config.input(),
            Self::Vit(config) => config.input(),
            Self::Compact(config) => config.input(),
        }
    }

    /// Dimensions of the embedding.
    pub fn embedding(&self) -> usize {
        match self {
            Self::Iresnet(config) => config.embedding,
            Self::IrBottleneck(config) => config.embedding,
            Self::MobileFaceNet(config) => config.embedding,
            Self::Mbf(config) => config.embedding,
            Self::Resnet50(config) => config.embedding,
            Self::Vit(config) => config.embedding,
            Self::Compact(config) => config.embedding,
        }
    }

    /// Checks what needs no device.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Iresnet(config) => config.check(),
            Self::IrBottleneck(config) => config.check(),
            Self::MobileFaceNet(config) => config.check(),
            Self::Mbf(config) => config.check(),
            Self::Resnet50(config) => config.check(),
            Self::Vit(config) => config.check(),
            Self::Compact(config) => config.check(),
        }
    }

    /// A network with random weights, drawn as the reference draws them. `Device::seed` makes them repeatable.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range.
    pub fn init(&self, device: &Device) -> Result<Backbone> {
        let network = match self {
            Self::Iresnet(config) => Network::IResNet(config.init(device)?),
            Self::IrBottleneck(config) => Network::IrBottleneck(config.init(device)?),
            Self::MobileFaceNet(config) => Network::MobileFaceNet(config.init(device)?),
            Self::Mbf(config) => Network::Mbf(config.init(device)?),
            Self::Resnet50(config) => Network::ResNet(config.init(device)?),
            Self::Vit(config) => Network::Vit(config.init(device)?),
            Self::Compact(config) => Network::Compact(config.init(device)?),
        };
        Ok(Backbone {
            network,
            config: self.clone(),
        })
    }
}

/// A network that makes embeddings of pictures.
///
/// Built by [`BackboneConfig::init`]. A module of burn: `valid()` gives a copy that takes no gradient and shares nothing with it,
/// running statistics included; a plain `clone()` shares these.
#[derive(Module, Debug)]
pub struct Backbone {
    network: Network,
    #[module(skip)]
    config: BackboneConfig,
}

#[derive(Module, Debug)]
// One value a network: the size of the variants does not matter.
#[allow(clippy::large_enum_variant)]
enum Network {
    IResNet(IResNet),
    IrBottleneck(IrBottleneck),
    MobileFaceNet(MobileFaceNet),
    Mbf(Mbf),
    ResNet(ResNet),
    Vit(Vit),
    Compact(Compact),
}

impl Network {
    fn architecture(&self) -> &dyn Architecture {
        match self {
            Self::IResNet(network) => network,
            Self::IrBottleneck(network) => network,
            Self::MobileFaceNet(network) => network,
            Self::Mbf(network) => network,
            Self::ResNet(network) => network,
            Self::Vit(network) => network,
            Self::Compact(network) => network,
        }
    }
}

impl Backbone {
    /// The settings that it was built with.
    pub fn config(&self) -> &BackboneConfig {
        &self.config
    }

    /// Raw embeddings; normalising them is the caller's.
    ///
    /// # Shapes
    ///
    /// `[rows, channels, height, width]` to `[rows, embedding]`.
    ///
    /// # Errors
    ///
    /// [`Error::InputShape`] for pictures of another size or with other channels, [`Error::BatchTooSmall`] for fewer than two where
    /// `mode` takes the statistics of the batch.
    pub fn forward(&self, images: Tensor<4>, mode: NormMode) -> Result<Tensor<2>> {
        let input = self.config.input();
        let expected = [input.channels, input.height_px, input.width_px];
        let found = images.dims();
        if found[0] == 0 || found[1..] != expected {
            return Err(Error::InputShape { expected, found });
        }
        if mode != NormMode::Evaluate && found[0] < 2 {
            return Err(Error::BatchTooSmall { rows: found[0] });
        }
        Ok(self.embed(images, mode))
    }

    /// [`Self::forward`] for pictures whose shape was checked.
    pub(crate) fn embed(&self, images: Tensor<4>, mode: NormMode) -> Tensor<2> {
        self.network.architecture().forward(images, mode)
    }

    /// Size and cost for the pictures that it was built for.
    pub fn summary(&self) -> Summary {
        let input = self.config.input();
        let mut count = Count::new(input.height_px, input.width_px);
        self.network.architecture().count(&mut count);
        let tensors = self.tensors();
        Summary {
            parameters: tensors
                .iter()
                .filter(|tensor| !tensor.is_running_statistic())
                .map(|tensor| tensor.elements() as u64)
                .sum(),
            tensors: tensors.len() as u64,
            multiply_adds: count.multiply_adds(),
        }
    }

    /// Adds the network to an ONNX graph, from pictures to raw embeddings.
    pub(crate) fn write_graph(&self, graph: &mut Graph, images: Value) -> Value {
        self.network.architecture().graph(graph, images)
    }

    /// Where paths differ from the reference's names.
    pub(crate) fn names(&self) -> Names {
        self.network.architecture().names()
    }
}
