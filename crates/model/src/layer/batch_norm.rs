use burn::module::{Module, Param, RunningState};
use burn::nn::Initializer;
use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{Device, Tensor};

use super::flex::Kernels;
use super::{NormMode, cast};

/// Configuration of a [`BatchNorm`].
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNormConfig {
    /// Channels, each with statistics of its own.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f64,
    /// Weight of the newest batch in the running statistics.
    pub momentum: f64,
    /// Whether the normalised values are scaled: `gamma`, learned.
    pub scale: bool,
}

impl BatchNormConfig {
    /// As PyTorch's: epsilon 1e-5, momentum 0.1, scaled.
    pub fn new(channels: usize) -> Self {
        Self {
            channels,
            epsilon: 1e-5,
            momentum: 0.1,
            scale: true,
        }
    }

    /// The layer: scale one, shift zero, running mean zero, running variance one.
    ///
    /// # Panics
    ///
    /// If there are no channels, epsilon is not positive or momentum is not within [0, 1].
    pub fn init(&self, device: &Device) -> BatchNorm {
        assert!(
            self.channels > 0 && self.epsilon > 0.0 && (0.0..=1.0).contains(&self.momentum),
            "not a batch normalisation: {self:?}"
        );
        let shape = [self.channels];
        BatchNorm {
            gamma: self.scale.then(|| Initializer::Ones.init(shape, device)),
            beta: Initializer::Zeros.init(shape, device),
            running_mean: RunningState::new(Tensor::zeros(shape, device)),
            running_var: RunningState::new(Tensor::ones(shape, device)),
            momentum: self.momentum,
            epsilon: self.epsilon,
        }
    }
}

/// [Batch normalisation](https://arxiv.org/abs/1502.03167):
/// `gamma (x - mean) / sqrt(variance + epsilon) + beta` for each channel.
///
/// Normalises with the biased variance of the batch and keeps the unbiased one, as PyTorch does.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// `[channels]`, or none: one.
    pub gamma: Option<Param<Tensor<1>>>,
    /// `[channels]`.
    pub beta: Param<Tensor<1>>,
    /// `[channels]`. Clones of the layer share it: make a second network by `init` and a record.
    pub running_mean: RunningState<Tensor<1>>,
    /// `[channels]`, of unbiased variances. Shared as the mean is.
    pub running_var: RunningState<Tensor<1>>,
    /// Weight of the newest batch in the running statistics.
    pub momentum: f64,
    /// Added to the variance.
    pub epsilon: f64,
}

impl BatchNorm {
    /// `[batch, channels, ..]` to the same shape.
    ///
    /// # Panics
    ///
    /// If the input has other channels than the layer, or, where statistics come from the batch, has only one value a
    /// channel.
    pub fn forward<const D: usize>(&self, input: Tensor<D>, mode: NormMode) -> Tensor<D> {
        let dtype = input.dtype();
        cast(
            self.normalise(cast(input, self.beta.val().dtype()), mode),
            dtype,
        )
    }

    fn normalise<const D: usize>(&self, input: Tensor<D>, mode: NormMode) -> Tensor<D> {
        let beta = self.beta.val();
        let [channels] = beta.dims();
        assert!(
            D >= 2 && input.dims()[1] == channels,
            "expected [batch, {channels}, ..], got {:?}",
            input.dims()
        );
        let gamma = match &self.gamma {
            Some(gamma) => gamma.val(),
            None => beta.ones_like().detach(),
        };
        if mode == NormMode::Evaluate {
            return self.with_running_statistics(input, gamma, beta);
        }
        let count = input.shape().num_elements() / channels;
        assert!(
            count > 1,
            "statistics of a batch need more than one value a channel, got {:?}",
            input.dims()
        );
        let (output, mean, variance) = with_batch_statistics(input, gamma, beta, self.epsilon);
        if mode == NormMode::Train {
            let unbiased = variance * (count as f64 / (count - 1) as f64);
            self.follow(&self.running_mean, mean);
            self.follow(&self.running_var, unbiased);
        }
        output
    }

    fn with_running_statistics<const D: usize>(
        &self,
        input: Tensor<D>,
        gamma: Tensor<1>,
        beta: Tensor<1>,
    ) -> Tensor<D> {
        let device = input.device();
        if let Some(kernels) = Kernels::of(&input)
            && !device.is_autodiff()
        {
            let [scale, shift] = self.scale_and_shift();
            return kernels.scale_and_shift(input, scale, shift);
        }
        let mean = self.running_mean.value_sync().to_device(&device);
        let variance = self.running_var.value_sync().to_device(&device);
        batch_norm(input, gamma, beta, mean, variance, self.epsilon)
    }

    /// What the norm is in evaluation: `scale x + shift` for each channel.
    pub(super) fn scale_and_shift(&self) -> [Tensor<1>; 2] {
        let beta = self.beta.val();
        let device = beta.device();
        let mean = self.running_mean.value_sync().to_device(&device);
        let deviation = self.running_var.value_sync().to_device(&device) + self.epsilon;
        let deviation = deviation.sqrt();
        let scale = match &self.gamma {
            Some(gamma) => gamma.val() / deviation,
            None => deviation.recip(),
        };
        let shift = beta - mean * scale.clone();
        [scale, shift]
    }

    fn follow(&self, running: &RunningState<Tensor<1>>, newest: Tensor<1>) {
        let old = running.value_sync().to_device(&newest.device());
        let new = old * (1.0 - self.momentum) + newest.detach() * self.momentum;
        running.update(new.detach());
    }
}

/// Output, mean and biased variance.
fn with_batch_statistics<const D: usize>(
    input: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> (Tensor<D>, Tensor<1>, Tensor<1>) {
    if let Some(kernels) = Kernels::of(&input) {
        return kernels.batch_norm(input, gamma, beta, epsilon);
    }
    let result = batch_norm_train(input, gamma, beta, epsilon);
    (result.output, result.mean, result.variance)
}
