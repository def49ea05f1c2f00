use burn::module::{Module, Param, RunningState};
use burn::nn::Initializer;
use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{DType, Device, Tensor};

use super::flex::Kernels;
use super::{NormMode, cast, is_single};

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
    /// Whether something is added to them: `beta`, learned.
    pub shift: bool,
}

impl BatchNormConfig {
    /// As PyTorch's: epsilon 1e-5, momentum 0.1, scaled and shifted.
    pub fn new(channels: usize) -> Self {
        Self {
            channels,
            epsilon: 1e-5,
            momentum: 0.1,
            scale: true,
            shift: true,
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
            beta: self.shift.then(|| Initializer::Zeros.init(shape, device)),
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
    /// `[channels]`, or none: zero.
    pub beta: Option<Param<Tensor<1>>>,
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
        cast(self.normalise(cast(input, self.dtype()), mode), dtype)
    }

    fn normalise<const D: usize>(&self, input: Tensor<D>, mode: NormMode) -> Tensor<D> {
        let channels = self.channels();
        assert!(
            D >= 2 && input.dims()[1] == channels,
            "expected [batch, {channels}, ..], got {:?}",
            input.dims()
        );
        let (device, dtype) = (input.device(), input.dtype());
        let gamma = match &self.gamma {
            Some(gamma) => gamma.val(),
            None => Tensor::ones([channels], (&device, dtype)),
        };
        let beta = match &self.beta {
            Some(beta) => beta.val(),
            None => Tensor::zeros([channels], (&device, dtype)),
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
        let mean = self.running_mean.value_sync();
        let parameters = self.gamma.iter().chain(&self.beta);
        let device = parameters.map(|parameter| parameter.val().device()).next();
        let device = device.unwrap_or_else(|| mean.device());
        let mean = mean.to_device(&device);
        let deviation = self.running_var.value_sync().to_device(&device) + self.epsilon;
        let deviation = deviation.sqrt();
        let scale = match &self.gamma {
            Some(gamma) => gamma.val() / deviation,
            None => deviation.recip(),
        };
        let shift = match &self.beta {
            Some(beta) => beta.val() - mean * scale.clone(),
            None => -(mean * scale.clone()),
        };
        [scale, shift]
    }

    /// Channels, each with statistics of its own.
    fn channels(&self) -> usize {
        let [channels] = self.running_mean.value_sync().dims();
        channels
    }

    /// Whether all is in single precision and nothing has a gradient.
    pub(super) fn is_single(&self) -> bool {
        let mut parameters = self.gamma.iter().chain(&self.beta);
        self.dtype() == DType::F32 && parameters.all(|parameter| is_single(&parameter.val()))
    }

    /// The type of its numbers.
    fn dtype(&self) -> DType {
        let mut parameters = self.gamma.iter().chain(&self.beta);
        match parameters.next() {
            Some(parameter) => parameter.val().dtype(),
            None => self.running_mean.value_sync().dtype(),
        }
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
