use burn::module::Module;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor};

use crate::layer::Conv2d;
use crate::onnx::{Graph, Value};
use crate::summary::Count;

/// What the channels are divided by on the way.
const REDUCTION: usize = 16;

/// [Squeeze and excitation](https://arxiv.org/abs/1709.01507): each channel times a share that the means of all channels give.
#[derive(Module, Debug)]
pub struct SqueezeExcitation {
    fc1: Conv2d,
    fc2: Conv2d,
}

impl SqueezeExcitation {
    /// For 16 channels and more.
    pub(super) fn new(channels: usize, device: &Device) -> Self {
        let inner = channels / REDUCTION;
        Self {
            fc1: super::convolution([channels, inner], 1, 1, device),
            fc2: super::convolution([inner, channels], 1, 1, device),
        }
    }

    pub(super) fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let means = maps.clone().mean_dim(2).mean_dim(3);
        let inner = relu(self.fc1.forward(means));
        maps * sigmoid(self.fc2.forward(inner))
    }

    pub(super) fn graph(&self, graph: &mut Graph, maps: Value) -> Value {
        let means = graph.global_mean(maps.clone());
        let inner = graph.conv(&self.fc1, means);
        let inner = graph.relu(inner);
        let outer = graph.conv(&self.fc2, inner);
        let shares = graph.sigmoid(outer);
        graph.multiply(maps, shares)
    }

    pub(super) fn count(&self, count: &mut Count) {
        for conv in [&self.fc1, &self.fc2] {
            count.add(conv.weight.lazy_shape().num_elements());
        }
    }
}
