use burn::module::{Module, Param, RunningState};
use burn::nn::Initializer;
use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{Device, Tensor};

use super::NormMode;

/// Settings of a [`BatchNorm`].
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNormConfig {
    /// Channels of the input.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f64,
}

/// [Batch normalisation](https://arxiv.org/abs/1502.03167) over dimension 1.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// `[channels]`; 1 where absent.
    pub gamma: Option<Param<Tensor<1>>>,
    /// `[channels]`.
    pub beta: Param<Tensor<1>>,
    /// `[channels]`.
    pub running_mean: RunningState<Tensor<1>>,
    /// `[channels]`, unbiased as in PyTorch.
    pub running_var: RunningState<Tensor<1>>,
    /// Share of a batch in the running statistics.
    pub momentum: f64,
    /// Added to the variance.
    pub epsilon: f64,
}

impl BatchNormConfig {
    /// A layer that scales by 1 and adds 0.
    pub fn init(&self, device: &Device) -> BatchNorm {
        let shape = [self.channels];
        BatchNorm {
            gamma: Some(Initializer::Ones.init(shape, device)),
            beta: Initializer::Zeros.init(shape, device),
            running_mean: RunningState::new(Tensor::zeros(shape, device)),
            running_var: RunningState::new(Tensor::ones(shape, device)),
            momentum: 0.1,
            epsilon: self.epsilon,
        }
    }
}

impl BatchNorm {
    /// # Shapes
    ///
    /// `[rows, channels, ..]`, unchanged.
    pub fn forward<const D: usize>(&self, input: Tensor<D>, mode: NormMode) -> Tensor<D> {
        let beta = self.beta.val();
        let gamma = match &self.gamma {
            Some(gamma) => gamma.val(),
            None => beta.ones_like(),
        };
        if mode == NormMode::Evaluate {
            let mean = self.running_mean.value_sync();
            let variance = self.running_var.value_sync();
            return batch_norm(input, gamma, beta, mean, variance, self.epsilon);
        }
        let values = input.shape().num_elements() / input.dims()[1];
        let batch = batch_norm_train(input, gamma, beta, self.epsilon);
        if mode == NormMode::Train {
            // PyTorch's running variance is unbiased; the batch is normalised by the biased one.
            let unbiased = values as f64 / (values as f64 - 1.0);
            let follow = |state: &RunningState<Tensor<1>>, batch: Tensor<1>| {
                let running = state.value_sync() * (1.0 - self.momentum);
                state.update((running + batch.detach() * self.momentum).detach());
            };
            follow(&self.running_mean, batch.mean);
            follow(&self.running_var, batch.variance * unbiased);
        }
        batch.output
    }
}
