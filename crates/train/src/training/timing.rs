use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::{DType, Device, Distribution, Tensor};
use ffc_core::collective::Alone;
use ffc_core::{
    DualEmbeddings, EmbeddingBatch, Head, HeadInput, QueueStart, StepContext, WeightStorage,
};
use serde::{Deserialize, Serialize};

use super::batches::Batches;
use super::data::TrainingData;
use super::evaluations::Evaluations;
use crate::config::{Config, HeadConfig, Length};
use crate::peak_memory::peak_memory_bytes;
use crate::progress::Progress;
use crate::step_pictures::{StepPictures, has_gallery};
use crate::trainer::{StepImages, Trainer};
use crate::{Error, Result};

/// Time after which no further step is begun.
const MOST_TIME: Duration = Duration::from_secs(30);
/// Steps before those that count.
const WARM_UP: usize = 2;

/// What the steps of a training take, measured on some of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Identities of the training set.
    pub identities: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Pictures of a step.
    pub pictures: StepPictures,
    /// Seconds of a step with everything that it waits for: the median.
    pub step_s: f64,
    /// Seconds of the head alone, forward and backward, on drawn embeddings of the same identities: the median.
    pub head_s: f64,
    /// Seconds of all evaluations once; 0 where they were not asked for.
    pub evaluation_s: f64,
    /// The most memory that the process held, before the head was looked at alone.
    pub peak_memory_bytes: Option<u64>,
}

impl Timing {
    /// Makes `steps` steps of a training, fewer where they take more than half a minute, and the evaluations once if `evaluate` says so.
    /// Nothing stays: weights in a file are made in another one beside it. FFC's pool and a queue are full from the start, as they are in nearly all
    /// of a training.
    ///
    /// # Errors
    ///
    /// As a training: [`Training::open`](crate::Training::open), [`Training::run`](crate::Training::run).
    pub fn measure(
        config: &Config,
        data: TrainingData,
        device: &Device,
        steps: usize,
        evaluate: bool,
    ) -> Result<Self> {
        let TrainingData {
            dataset,
            evaluators,
            lengths,
            schedule,
            ..
        } = data;
        let identities = dataset.index().identities();
        let (config, _file) = as_it_will_be(config);
        let config = &config;
        let mut trainer = Trainer::from_config(config, identities, schedule, device)?;
        fill(config, identities, &mut *trainer.head, device)?;
        let form = trainer.head().needs().batch;
        let mut batches = Batches::new(form, dataset, config.loader(), 0)?;

        let step_s = median(steps, || {
            let batch = batches.next()?;
            trainer.step(batch.images())?.read().map(drop)
        })?;
        let evaluation_s = match evaluate {
            true => {
                let evaluations =
                    Evaluations::new(evaluators, device, Progress::quiet(), Arc::new(Alone))?;
                let start = Instant::now();
                evaluations.run(&trainer, 0, false)?;
                start.elapsed().as_secs_f64()
            }
            false => 0.0,
        };
        let peak_memory_bytes = peak_memory_bytes();

        let device = device.clone().autodiff();
        let dim = config.backbone.embedding();
        let batch = batches.next()?;
        let head_s = median(steps, || {
            let input = drawn(batch.images(), dim, &device);
            head_alone(&mut *trainer.head, input)
        })?;

        Ok(Self {
            identities,
            steps_per_epoch: lengths.epoch,
            pictures: config.pictures(),
            step_s,
            head_s,
            evaluation_s,
            peak_memory_bytes,
        })
    }

    /// Seconds that a training will take: its steps and its evaluations.
    pub fn expected_s(&self, config: &Config) -> f64 {
        let steps = |length: Length| length.steps(self.steps_per_epoch).max(1);
        let total = steps(config.training.length);
        // Before the first step, at each interval, after the last, and then of the other network too.
        let other = u64::from(has_gallery(config.head.needs(0), config.gallery.momentum));
        let evaluations = 1 + total.div_ceil(steps(config.training.evaluate)) + other;
        total as f64 * self.step_s + evaluations as f64 * self.evaluation_s
    }
}

/// A file of weights that is gone when this is.
struct ThrowAway(PathBuf);

impl Drop for ThrowAway {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The configuration with a queue that is full from the start, and with weights in a file of their own.
fn as_it_will_be(config: &Config) -> (Config, Option<ThrowAway>) {
    let mut config = config.clone();
    let mut file = None;
    match &mut config.head {
        HeadConfig::Queue(queue) => queue.start = QueueStart::Random,
        HeadConfig::Partial(partial) => {
            if let WeightStorage::File(path) = &mut partial.storage {
                path.as_mut_os_string()
                    .push(format!(".timing-{}", std::process::id()));
                file = Some(ThrowAway(path.clone()));
            }
        }
        _ => {}
    }
    (config, file)
}

/// Fills FFC's pool with drawn embeddings, as far as there are identities.
fn fill(config: &Config, identities: u64, head: &mut dyn Head, device: &Device) -> Result<()> {
    let HeadConfig::Ffc(ffc) = &config.head else {
        return Ok(());
    };
    const AT_ONCE: u64 = 4096;
    let slots = identities.min(ffc.pool as u64);
    let dim = config.backbone.embedding();
    for first in (0..slots).step_by(AT_ONCE as usize) {
        let some: Vec<u64> = (first..slots.min(first + AT_ONCE)).collect();
        let normal = Distribution::Normal(0.0, 1.0);
        let features = Tensor::random([some.len(), dim], normal, device);
        head.prefill(features, &some)?;
    }
    Ok(())
}

/// The median time of some calls, after those that warm up.
fn median(calls: usize, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    let first = Instant::now();
    for number in 0..WARM_UP + calls.max(1) {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed().as_secs_f64());
        // The first ones find caches empty.
        if number < WARM_UP && first.elapsed() < MOST_TIME {
            times.clear();
        }
        if !times.is_empty() && first.elapsed() > MOST_TIME {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Embeddings for the identities of a batch.
fn drawn(images: StepImages, dim: usize, device: &Device) -> HeadInput {
    let of = |identities: &[u64]| {
        let shape = [identities.len(), dim];
        let normal = Distribution::Normal(0.0, 1.0);
        let plain = device.clone().inner();
        EmbeddingBatch {
            probe: Tensor::random(shape, normal, device).require_grad(),
            gallery: Some(Tensor::random(shape, normal, &plain)),
            identities: identities.to_vec(),
        }
    };
    match images {
        StepImages::Dual { x, y } => DualEmbeddings {
            x: of(x.identities()),
            y: of(y.identities()),
        }
        .into(),
        StepImages::Pairs { first, .. } => of(first.identities()).into(),
        StepImages::Single(images) => of(images.identities()).into(),
    }
}

/// A step of the head, with its backward pass, waited for.
fn head_alone(head: &mut dyn Head, input: HeadInput) -> Result<()> {
    let probe = match &input {
        HeadInput::Dual(DualEmbeddings { x, .. }) => x.probe.clone(),
        HeadInput::Single(batch) => batch.probe.clone(),
    };
    // So small a rate that the head stays what it is.
    let context = StepContext {
        step: 0,
        learning_rate: 1e-9,
    };
    let loss = head.step(input, &context)?.loss;
    let mut gradients = loss.backward();
    let gradient = probe.grad_remove(&mut gradients);
    head.learn(&mut gradients, &context)?;
    let waited_for = match gradient {
        Some(gradient) => gradient.sum(),
        None => loss.inner(),
    };
    let number = waited_for.cast(DType::F32).try_into_vec_as::<f32>();
    number
        .map(drop)
        .map_err(|error| Error::Device(error.to_string()))
}
