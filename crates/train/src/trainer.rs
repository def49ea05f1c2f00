use std::fmt;

use burn::module::Module;
#[cfg(feature = "flex")]
use burn::module::{ModuleVisitor, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{DType, Device, Tensor};
use ffc_core::{DualEmbeddings, FfcHead, Half, Head, HeadStats, MovingAverage};
use ffc_data::{DualBatch, ImageBatch, Normalisation};
use ffc_model::{Backbone, NormMode};
use tracing::trace_span;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::{Config, Schedule};
use crate::gradient::{clip, global_norm};
use crate::{Error, Result};

/// Both networks, the head and the optimizer of a training.
///
/// [`step`](Self::step) is FFC's step (F2C, CVPR 2022, arXiv:2105.10375, section 3): the moving average first, then both
/// networks on both sides of a dual batch, the head, one backward pass, one step of the optimizer.
pub struct Trainer {
    pub(crate) probe: Backbone,
    pub(crate) gallery: Backbone,
    pub(crate) head: FfcHead,
    pub(crate) optimizer: ModuleOptimizer,
    pub(crate) step: u64,
    average: MovingAverage,
    schedule: Schedule,
    learning_rate: f64,
    clip_norm: Option<f64>,
    normalisation: Normalisation,
    precision: DType,
    seed: u64,
    /// With automatic differentiation.
    device: Device,
}

/// What a step did. Its numbers are on the device still: [`StepOutput::read`] waits for them.
#[derive(Debug)]
pub struct StepOutput {
    /// The step, counted from 1.
    pub step: u64,
    /// Learning rate.
    pub learning_rate: f64,
    /// What happened in the head.
    pub stats: HeadStats,
    loss: Tensor<1>,
    gradient_norm: Tensor<1>,
}

/// A step's numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepNumbers {
    /// The loss.
    pub loss: f32,
    /// Global norm of the gradient before clipping.
    pub gradient_norm: f32,
    /// Mean cosine between probe rows and their centres; none where all rows are fresh.
    pub target_cosine: Option<f32>,
}

impl StepOutput {
    /// Reads the numbers from the device.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] where loss or gradient is not a finite number; [`Error::Device`].
    pub fn read(&self) -> Result<StepNumbers> {
        let mut parts = vec![self.loss.clone(), self.gradient_norm.clone()];
        parts.extend(self.stats.mean_target_cosine.clone());
        let numbers = Tensor::cat(parts, 0)
            .try_into_data()
            .map_err(|error| Error::Device(error.to_string()))?
            .convert::<f32>();
        let numbers = numbers
            .as_slice::<f32>()
            .map_err(|error| Error::Device(format!("{error:?}")))?;
        for (what, value) in [
            ("the loss", numbers[0]),
            ("the norm of the gradient", numbers[1]),
        ] {
            if !value.is_finite() {
                return Err(Error::NotFinite {
                    what,
                    value,
                    step: self.step,
                });
            }
        }
        Ok(StepNumbers {
            loss: numbers[0],
            gradient_norm: numbers[1],
            target_cosine: numbers.get(2).copied(),
        })
    }
}

impl fmt::Debug for Trainer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Trainer")
            .field("step", &self.step)
            .field("probe", &self.probe.config())
            .finish_non_exhaustive()
    }
}

impl Trainer {
    /// A training at its start: random or given weights, an empty pool.
    ///
    /// `device` is a plain one; `schedule` knows the training's length.
    ///
    /// # Errors
    ///
    /// Where a setting is outside its range or the weights cannot be read.
    pub fn new(config: &Config, schedule: Schedule, device: &Device) -> Result<Self> {
        config.check()?;
        let device = differentiating(config, device);
        let mut probe = draw_network(config, &device)?;
        if let Some(weights) = &config.training.weights {
            probe.read_weights(weights, Some(&config.preprocessing()))?;
        }
        let gallery = MovingAverage::gallery(&probe);
        let pool = config
            .head
            .empty_pool(config.backbone.embedding(), &device)?;
        let head = config.head.init(pool)?;
        let optimizer = config.optimizer.init(&probe);
        Self::from_parts(
            config,
            schedule,
            &device,
            [probe, gallery],
            head,
            optimizer,
            0,
        )
    }

    pub(crate) fn from_parts(
        config: &Config,
        schedule: Schedule,
        device: &Device,
        [probe, gallery]: [Backbone; 2],
        head: FfcHead,
        optimizer: ModuleOptimizer,
        step: u64,
    ) -> Result<Self> {
        let precision = DType::from(config.training.precision);
        if !device.supports_dtype(precision) {
            let expected = "f32: the device has no bf16";
            return Err(Error::setting("training.precision", "bf16", expected));
        }
        Ok(Self {
            probe,
            gallery,
            head,
            optimizer,
            step,
            average: config.average()?,
            schedule,
            learning_rate: config.optimizer.learning_rate(),
            clip_norm: config.training.clip_norm,
            normalisation: config.normalisation(),
            precision,
            seed: config.training.seed,
            device: device.clone(),
        })
    }

    /// Steps that were made.
    pub fn finished_steps(&self) -> u64 {
        self.step
    }

    /// The trained network.
    pub fn probe(&self) -> &Backbone {
        &self.probe
    }

    /// The network that follows it.
    pub fn gallery(&self) -> &Backbone {
        &self.gallery
    }

    /// The head with its pool.
    pub fn head(&self) -> &FfcHead {
        &self.head
    }

    /// The head with its pool, to prefill it with centres that are known.
    pub fn head_mut(&mut self) -> &mut FfcHead {
        &mut self.head
    }

    /// Puts the gallery network's embeddings of pictures into the pool, to do before training.
    ///
    /// # Errors
    ///
    /// Where they do not fit the pool.
    pub fn prefill(&mut self, images: &ImageBatch) -> Result<()> {
        let plain = self.device.clone().without_autodiff();
        let pictures = self.upload(images, &plain);
        let features = self.gallery.forward(pictures, NormMode::Batch)?;
        self.head
            .pool_mut()
            .prefill(features.cast(DType::F32), images.identities())?;
        Ok(())
    }

    /// Makes one step. Waits for nothing on the device.
    ///
    /// Its parts are `tracing` spans of level trace: `upload`, `average`, `networks`, `head`, `backward`, `optimizer`. On a device
    /// that runs its work in the background they tell how long the work took to hand over.
    ///
    /// # Errors
    ///
    /// Where the batch does not fit the network or the pool.
    pub fn step(&mut self, batch: &DualBatch) -> Result<StepOutput> {
        // What a network draws, such as stochastic depth, depends on seed and step alone, so that a resumed run draws the same.
        let seed = xxh3_64_with_seed(&self.step.to_le_bytes(), self.seed);
        self.device.seed(seed);
        trace_span!("average").in_scope(|| self.average.update(&mut self.gallery, &self.probe))?;
        let x = self.embed(&batch.x)?;
        let y = self.embed(&batch.y)?;
        let embeddings = DualEmbeddings { x, y };
        let output = trace_span!("head").in_scope(|| self.head.step(embeddings))?;

        let loss = output.loss.clone().inner();
        let gradients = trace_span!("backward").in_scope(|| output.loss.backward());
        let span = trace_span!("optimizer").entered();
        let mut gradients = GradientsParams::from_grads(gradients, &self.probe);
        let gradient_norm = global_norm(&self.probe, &gradients);
        if let Some(limit) = self.clip_norm {
            clip(&self.probe, &mut gradients, gradient_norm.clone(), limit);
        }
        let learning_rate = self.learning_rate * self.schedule.factor(self.step);
        // The optimizer takes the network and gives it back; a plain clone shares its tensors and is gone at once.
        let probe = self.probe.clone();
        self.probe = self.optimizer.step(learning_rate, probe, gradients);
        drop(span);
        self.step += 1;
        Ok(StepOutput {
            step: self.step,
            learning_rate,
            stats: output.stats,
            loss,
            gradient_norm,
        })
    }

    /// One side through both networks.
    fn embed(&self, images: &ImageBatch) -> Result<Half> {
        let pictures = trace_span!("upload").in_scope(|| self.upload(images, &self.device));
        let _span = trace_span!("networks").entered();
        let gallery = self
            .gallery
            .forward(pictures.clone().inner(), NormMode::Batch)?;
        Ok(Half {
            probe: self
                .probe
                .forward(pictures, NormMode::Train)?
                .cast(DType::F32),
            gallery: gallery.cast(DType::F32),
            identities: images.identities().to_vec(),
        })
    }

    /// The pictures in the precision that the networks shall compute in.
    fn upload(&self, images: &ImageBatch, device: &Device) -> Tensor<4> {
        images
            .to_device(device, &self.normalisation)
            .cast(self.precision)
    }
}

/// Has every parameter drawn that nobody asked for yet.
#[cfg(feature = "flex")]
struct Ask;

#[cfg(feature = "flex")]
impl ModuleVisitor for Ask {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let _ = param.val();
    }
}

/// A network with random weights. With the feature `flex` they are drawn on the processor, so that a seed gives the same ones on
/// every device.
fn draw_network(config: &Config, device: &Device) -> Result<Backbone> {
    #[cfg(feature = "flex")]
    if *device != Device::flex() {
        let host = Device::flex().autodiff();
        host.seed(config.training.seed);
        let network = config.backbone.init(&host)?;
        // A parameter is drawn when it is first asked for, and then where it lies.
        network.visit(&mut Ask);
        return Ok(network.fork(device));
    }
    device.seed(config.training.seed);
    Ok(config.backbone.init(device)?)
}

/// The device with automatic differentiation.
pub(crate) fn differentiating(config: &Config, device: &Device) -> Device {
    let device = device.clone().autodiff();
    match config.training.gradient_checkpointing {
        true => device.gradient_checkpointing(),
        false => device,
    }
}
