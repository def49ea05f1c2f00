use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::layer::{BatchNorm, Conv2d, ConvChain, NormMode};
use crate::onnx::{Graph, Value};
use crate::summary::Count;

/// A shortcut that changes width or size: a 1x1 convolution and its norm.
#[derive(Module, Debug)]
pub struct Projection {
    conv: Conv2d,
    norm: BatchNorm,
}

impl Projection {
    pub(super) fn new(channels: [usize; 2], stride: usize, device: &Device) -> Self {
        Self {
            conv: super::convolution(channels, 1, stride, device),
            norm: super::batch_norm(channels[1], device),
        }
    }

    pub(super) fn forward(&self, maps: Tensor<4>, mode: NormMode) -> Tensor<4> {
        ConvChain::new(&self.conv)
            .norm(&self.norm)
            .forward(maps, mode)
    }

    pub(super) fn graph(&self, graph: &mut Graph, maps: Value) -> Value {
        let maps = graph.conv(&self.conv, maps);
        graph.norm(&self.norm, maps)
    }

    pub(super) fn count(&self, count: &mut Count) {
        count.conv(&self.conv);
    }
}
