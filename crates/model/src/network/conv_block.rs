use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::layer::{BatchNorm, Conv2d, ConvChain, NormMode, Prelu};
use crate::onnx::{Graph, Value};
use crate::summary::Count;

/// A convolution, its norm and, where the block is not linear, PReLU.
#[derive(Module, Debug)]
pub struct ConvBlock {
    conv: Conv2d,
    bn: BatchNorm,
    prelu: Option<Prelu>,
}

impl ConvBlock {
    pub(super) fn new(conv: Conv2d, device: &Device) -> Self {
        let channels = conv.weight.lazy_shape()[0];
        Self {
            prelu: Some(super::prelu(channels, device)),
            ..Self::linear(conv, device)
        }
    }

    pub(super) fn linear(conv: Conv2d, device: &Device) -> Self {
        let channels = conv.weight.lazy_shape()[0];
        Self {
            conv,
            bn: super::batch_norm(channels, device),
            prelu: None,
        }
    }

    pub(super) fn forward(&self, maps: Tensor<4>, mode: NormMode) -> Tensor<4> {
        self.chain().forward(maps, mode)
    }

    pub(super) fn chain(&self) -> ConvChain<'_> {
        let chain = ConvChain::new(&self.conv).norm(&self.bn);
        match &self.prelu {
            Some(prelu) => chain.prelu(prelu),
            None => chain,
        }
    }

    pub(super) fn graph(&self, graph: &mut Graph, maps: Value) -> Value {
        let maps = graph.conv(&self.conv, maps);
        let maps = graph.norm(&self.bn, maps);
        match &self.prelu {
            Some(prelu) => graph.prelu(prelu, maps),
            None => maps,
        }
    }

    pub(super) fn count(&self, count: &mut Count) {
        count.conv(&self.conv);
    }
}
