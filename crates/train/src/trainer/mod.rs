//! Networks, head and optimizer of a training, and its step.

mod announced;
mod config;
mod draw;
mod groups;
mod images;
mod ranks;
mod replicas;
mod start;
mod step;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{DType, Device, Tensor};
use ffc_core::collective::{Alone, Collective};
use ffc_core::{
    BatchForm, DualEmbeddings, EmbeddingBatch, GallerySides, Head, HeadContext, HeadInput,
    HeadOutput, MovingAverage, Quantity, StepContext,
};
use ffc_data::ImageBatch;
use ffc_model::{Backbone, NormMode};
use tracing::trace_span;
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub use config::TrainerConfig;
pub use images::StepImages;
use ranks::Ranks;
pub use step::{StepNumbers, StepOutput};

use crate::config::{Config, Schedule};
use crate::gradient::{clip, global_norm, remove, sum_over_ranks};
use crate::running_statistics::RunningStatistics;
use crate::step_pictures::has_gallery;
use crate::{Error, Result};

/// Networks, head and optimizer of a training.
///
/// [`step`](Self::step) with FFC's head is FFC's step (F2C, CVPR 2022, arXiv:2105.10375, section 3): the moving average first, then both
/// networks on both sides of a dual batch, the head, one backward pass, one step of the optimizer. Heads without a gallery network
/// leave its part out.
pub struct Trainer {
    pub(crate) probe: Backbone,
    /// Where the head needs one and it is not the trained network itself.
    pub(crate) gallery: Option<Backbone>,
    pub(crate) head: Box<dyn Head>,
    pub(crate) optimizer: ModuleOptimizer,
    pub(crate) step: u64,
    config: TrainerConfig,
    /// With automatic differentiation.
    device: Device,
    ranks: Ranks,
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
    /// A training of `network`, which lies on the autodiff device `device`, with `head` on it. A gallery network, where the head needs one,
    /// starts equal to the network.
    ///
    /// # Errors
    ///
    /// Where the device cannot compute in the precision; [`Error::Head`] where the head announces names that it cannot have.
    pub fn new(
        network: Backbone,
        head: Box<dyn Head>,
        config: TrainerConfig,
        device: &Device,
    ) -> Result<Self> {
        let has_gallery = has_gallery(head.needs(), config.average.momentum());
        let gallery = has_gallery.then(|| MovingAverage::gallery(&network));
        let optimizer = config.optimizer.init(&network);
        Self::resume(config, device, network, gallery, head, optimizer, 0)
    }

    /// The training that a configuration describes, at its start: random or given weights, an empty head. `identities` are those
    /// of the training set.
    ///
    /// `device` is a plain one; `schedule` knows the training's length.
    ///
    /// # Errors
    ///
    /// Where a setting is outside its range or the weights cannot be read.
    pub fn from_config(
        config: &Config,
        identities: u64,
        schedule: Schedule,
        device: &Device,
    ) -> Result<Self> {
        Self::from_config_on_ranks(config, identities, schedule, device, Arc::new(Alone))
    }

    /// The same as [one of several ranks](Self::with_ranks), of which a head with the setting `sharded` has a part of the classes or of the pool.
    ///
    /// # Errors
    ///
    /// As [`from_config`](Self::from_config) and [`with_ranks`](Self::with_ranks).
    pub fn from_config_on_ranks(
        config: &Config,
        identities: u64,
        schedule: Schedule,
        device: &Device,
        ranks: Arc<dyn Collective>,
    ) -> Result<Self> {
        config.check()?;
        let device = differentiating(config, device);
        let mut network = draw::network(config, &device)?;
        if let Some(weights) = &config.training.weights {
            start::read_weights(&mut network, weights, config)?;
        }
        // Ranks of one process share a device's generator, which a step seeds anew.
        ranks.barrier()?;
        let head = init_head(config, identities, &device, ranks.clone())?;
        Self::new(network, head, config.trainer(schedule)?, &device)?.with_ranks(ranks)
    }

    /// A training under way: `step` steps were made.
    pub(crate) fn resume(
        config: TrainerConfig,
        device: &Device,
        probe: Backbone,
        gallery: Option<Backbone>,
        head: Box<dyn Head>,
        optimizer: ModuleOptimizer,
        step: u64,
    ) -> Result<Self> {
        announced::check(&*head)?;
        start::check_frozen(&probe, &config.frozen)?;
        for (setting, precision) in [
            ("training.precision", config.precision),
            ("gallery.precision", config.gallery_precision),
        ] {
            if !device.supports_dtype(precision) {
                let expected = "f32: the device has no bf16";
                return Err(Error::setting(setting, "bf16", expected));
            }
        }
        let mut trainer = Self {
            probe,
            gallery,
            head,
            optimizer,
            step,
            config,
            device: device.clone(),
            ranks: Ranks::default(),
        };
        trainer.group_rows();
        Ok(trainer)
    }

    /// Tells the head which rows are normalised together: those of a rank, or of a part of one.
    fn group_rows(&mut self) {
        let ranks = self.ranks.collective().ranks();
        let groups = match self.config.norm_groups {
            0 => ranks,
            groups => groups,
        };
        let of_part = |&part: &usize| (0..part).map(move |row| (row * groups / part) as u32);
        let of_row: Vec<u32> = self.config.parts.iter().flat_map(of_part).collect();
        self.head.group_rows(&of_row);
    }

    /// One of several ranks that train together, each with its share of every batch: n ranks are one process with the n-fold batch whose norms
    /// are taken over [n groups](TrainerConfig::norm_groups). All begin with the same networks and head.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where the groups are not divided evenly.
    pub fn with_ranks(mut self, collective: Arc<dyn Collective>) -> Result<Self> {
        let (groups, ranks) = (self.config.norm_groups, collective.ranks());
        if !groups.is_multiple_of(ranks) {
            let expected = format!(
                "a multiple of the {ranks} ranks, each of which has its part of them: a run goes on with as many ranks as divide it"
            );
            return Err(Error::setting("training.norm_groups", groups, expected));
        }
        if let Some(part) = self
            .config
            .parts
            .iter()
            .find(|part| !part.is_multiple_of(ranks))
        {
            let expected = "rows of each loader in a side of the batch that the ranks divide";
            return Err(Error::setting("loader.batch", part, expected));
        }
        self.ranks = Ranks::new(collective);
        self.group_rows();
        Ok(self)
    }

    /// Whether the network has norms that see the other rows of a batch.
    pub(crate) fn has_norms(&self) -> bool {
        let tensors = self.probe.tensors();
        tensors.iter().any(|tensor| tensor.is_running_statistic())
    }

    /// Rows that a side of this rank's share of the batch has of each loader.
    fn own_parts(&self) -> Vec<usize> {
        let ranks = self.ranks.collective().ranks();
        self.config.parts.iter().map(|part| part / ranks).collect()
    }

    /// Gives all ranks the mean of their networks' running statistics, each of which has followed its own pictures: before they are measured or
    /// saved.
    ///
    /// # Errors
    ///
    /// Where a device or a rank fails.
    pub fn average_running_statistics(&self) -> Result<()> {
        if !self.ranks.are_several() {
            return Ok(());
        }
        for network in std::iter::once(&self.probe).chain(&self.gallery) {
            let own = RunningStatistics::of(network);
            own.mean_of_ranks(self.ranks.collective())?
                .put_into(network);
        }
        Ok(())
    }

    /// Steps that were made.
    pub fn finished_steps(&self) -> u64 {
        self.step
    }

    /// The trained network.
    pub fn probe(&self) -> &Backbone {
        &self.probe
    }

    /// The network that follows it, where the head needs one. With momentum 0 it would be the trained network, so there is none, but for
    /// heads that show it other pictures.
    pub fn gallery(&self) -> Option<&Backbone> {
        self.gallery.as_ref()
    }

    /// The network that is measured and used: the gallery network where there is one.
    pub fn evaluated_network(&self) -> &Backbone {
        self.gallery.as_ref().unwrap_or(&self.probe)
    }

    /// The head.
    pub fn head(&self) -> &dyn Head {
        &*self.head
    }

    /// The head as what it is; none where it is another.
    pub fn head_as<H: Head>(&self) -> Option<&H> {
        (self.head() as &dyn Any).downcast_ref()
    }

    /// The same, to change it.
    pub fn head_as_mut<H: Head>(&mut self) -> Option<&mut H> {
        (&mut *self.head as &mut dyn Any).downcast_mut()
    }

    /// Gives the head the gallery network's embeddings of the first `rows` pictures, to do before training. (A batch norm needs two
    /// pictures at least, a head may want one.) Does nothing for heads that take no gallery embeddings.
    ///
    /// # Errors
    ///
    /// Where they do not fit the head.
    pub fn prefill(&mut self, images: &ImageBatch, rows: usize) -> Result<()> {
        if !self.head.needs().gallery {
            return Ok(());
        }
        let own = || self.probe.valid();
        let gallery = self.gallery.clone().unwrap_or_else(own);
        let plain = self.device.clone().without_autodiff();
        let pictures = self
            .upload(images, &plain)
            .cast(self.config.gallery_precision);
        let features = gallery.forward(pictures, NormMode::Batch)?;
        let rows = rows.min(images.identities().len());
        let features = features.slice_dim(0, 0..rows).cast(DType::F32);
        self.head.prefill(features, &images.identities()[..rows])?;
        Ok(())
    }

    /// Makes one step. Waits for nothing on the device, unless the head does: one with its weights in a file, or in parts.
    ///
    /// Its parts are `tracing` spans of level trace: `upload`, `average`, `networks`, `head`, `backward`, `optimizer`. On a device
    /// that runs its work in the background they tell how long the work took to hand over.
    ///
    /// # Errors
    ///
    /// Where the batch does not fit the network or the head.
    pub fn step<'a>(&mut self, images: impl Into<StepImages<'a>>) -> Result<StepOutput> {
        let images = images.into();
        // What a network draws, such as stochastic depth, depends on seed, step and rank alone, so that a resumed run draws the same.
        let rank = self.ranks.collective().rank() as u64;
        let place = [self.step, rank].map(u64::to_le_bytes).concat();
        // The first rank draws what a single process does.
        let place = &place[..if rank == 0 { 8 } else { 16 }];
        self.device.seed(xxh3_64_with_seed(place, self.config.seed));
        if let Some(gallery) = &mut self.gallery {
            let average = self.config.average;
            trace_span!("average").in_scope(|| average.update(gallery, &self.probe))?;
        }
        let needs = self.head.needs();
        check_pairs(needs.batch, images)?;
        let has_both = needs.gallery_sides == GallerySides::Both;
        let mut lengths = Vec::new();
        let input: HeadInput = match images {
            StepImages::Dual { x, y } => DualEmbeddings {
                x: self.embed(x, needs.gallery, &mut lengths)?,
                y: self.embed(y, needs.gallery && has_both, &mut lengths)?,
            }
            .into(),
            StepImages::Pairs { first, second } => {
                self.embed_pairs(first, second, &mut lengths)?.into()
            }
            StepImages::Single(images) => self.embed(images, needs.gallery, &mut lengths)?.into(),
        };
        let (input, way_back) = match self.ranks.are_several() {
            false => (input, None),
            true => {
                let gather = || self.ranks.gather(input, &self.own_parts(), &self.device);
                let (input, way_back) = trace_span!("gather").in_scope(gather)?;
                (input, Some(way_back))
            }
        };
        let images = match &input {
            HeadInput::Dual(DualEmbeddings { x, y }) => x.identities.len() + y.identities.len(),
            HeadInput::Single(batch) => batch.identities.len(),
        };
        let context = StepContext {
            step: self.step,
            learning_rate: self.config.optimizer.learning_rate()
                * self.config.schedule.factor(self.step),
        };
        let HeadOutput { loss, quantities } =
            trace_span!("head").in_scope(|| self.head.step(input, &context))?;
        let (announced, found) = (self.head.quantities().len(), quantities.len());
        if announced != found {
            return Err(Error::Head {
                problem: format!("announces {announced} quantities and reports {found}"),
            });
        }
        one_number("loss", &loss)?;
        for (name, quantity) in self.head.quantities().iter().zip(&quantities) {
            if let Quantity::Device(value) = quantity {
                one_number(name, value)?;
            }
        }

        let value = loss.clone().inner();
        let mut gradients = trace_span!("backward").in_scope(|| loss.backward());
        // Of several ranks each goes back through its own rows, and their networks' gradients are summed: the loss is over all rows.
        let mut of_network = match way_back {
            None => GradientsParams::from_module(&mut gradients, &self.probe),
            Some(way_back) => {
                let backward = || way_back.through(&gradients).backward();
                let mut gradients = trace_span!("backward").in_scope(backward);
                let mut of_network = GradientsParams::from_module(&mut gradients, &self.probe);
                let _span = trace_span!("reduce").entered();
                sum_over_ranks(&self.probe, &mut of_network, self.ranks.collective())?;
                of_network
            }
        };
        let span = trace_span!("optimizer").entered();
        if !self.config.frozen.is_empty() {
            let frozen = self.probe.parameters_in(&self.config.frozen);
            remove(&self.probe, &mut of_network, &frozen);
        }
        let gradient_norm = global_norm(&self.probe, &of_network);
        if let Some(limit) = self.config.clip_norm {
            clip(&self.probe, &mut of_network, gradient_norm.clone(), limit);
        }
        // The optimizer takes the network and gives it back; a plain clone shares its tensors and is gone at once.
        let probe = self.probe.clone();
        self.probe = self
            .optimizer
            .step(context.learning_rate, probe, of_network);
        self.head.learn(&mut gradients, &context)?;
        drop(span);
        self.step += 1;
        Ok(StepOutput {
            step: self.step,
            learning_rate: context.learning_rate,
            images,
            loss: value,
            gradient_norm,
            shortest: Tensor::cat(lengths, 0).min(),
            quantities,
        })
    }

    /// Pictures through the trained network, and with `by_gallery` through the gallery network, where its embeddings are not the trained one's.
    /// Adds the squared lengths of the embeddings to `lengths`.
    fn embed(
        &self,
        images: &ImageBatch,
        by_gallery: bool,
        lengths: &mut Vec<Tensor<1>>,
    ) -> Result<EmbeddingBatch> {
        let pictures = trace_span!("upload").in_scope(|| self.upload(images, &self.device));
        let gallery = match by_gallery && !self.config.reuses(self.step) {
            true => self.by_gallery(pictures.clone().inner(), lengths)?,
            false => None,
        };
        let probe = self.by_probe(pictures, lengths)?;
        let own = || by_gallery.then(|| probe.clone().inner());
        Ok(EmbeddingBatch {
            gallery: gallery.or_else(own),
            probe,
            identities: images.identities().to_vec(),
        })
    }

    /// The first pictures of pairs through the trained network, the second ones through the gallery network.
    fn embed_pairs(
        &self,
        first: &ImageBatch,
        second: &ImageBatch,
        lengths: &mut Vec<Tensor<1>>,
    ) -> Result<EmbeddingBatch> {
        if first.identities() != second.identities() {
            let problem = "needs pairs, but the two sides show other identities";
            return Err(Error::Head {
                problem: problem.into(),
            });
        }
        let plain = self.device.clone().without_autodiff();
        let (pictures, others) = trace_span!("upload").in_scope(|| {
            (
                self.upload(first, &self.device),
                self.upload(second, &plain),
            )
        });
        Ok(EmbeddingBatch {
            probe: self.by_probe(pictures, lengths)?,
            gallery: self.by_gallery(others, lengths)?,
            identities: first.identities().to_vec(),
        })
    }

    fn by_probe(&self, pictures: Tensor<4>, lengths: &mut Vec<Tensor<1>>) -> Result<Tensor<2>> {
        let _span = trace_span!("networks").entered();
        let pictures = pictures.cast(self.config.precision);
        let embeddings = self.forward(&self.probe, pictures, NormMode::Train)?;
        let embeddings = embeddings.cast(DType::F32);
        lengths.push(squared_lengths(embeddings.clone().inner()));
        Ok(embeddings)
    }

    /// None where there is no gallery network.
    fn by_gallery(
        &self,
        pictures: Tensor<4>,
        lengths: &mut Vec<Tensor<1>>,
    ) -> Result<Option<Tensor<2>>> {
        let Some(gallery) = &self.gallery else {
            return Ok(None);
        };
        let _span = trace_span!("networks").entered();
        let pictures = pictures.cast(self.config.gallery_precision);
        let embeddings = self.forward(gallery, pictures, NormMode::Batch)?;
        let embeddings = embeddings.cast(DType::F32);
        lengths.push(squared_lengths(embeddings.clone()));
        Ok(Some(embeddings))
    }

    /// Pictures through a network, group by group.
    fn forward(
        &self,
        network: &Backbone,
        pictures: Tensor<4>,
        mode: NormMode,
    ) -> Result<Tensor<2>> {
        let ranks = self.ranks.collective().ranks();
        match self.config.norm_groups / ranks {
            0 | 1 => Ok(network.forward(pictures, mode)?),
            count => groups::forward(network, pictures, mode, &self.own_parts(), count),
        }
    }

    fn upload(&self, images: &ImageBatch, device: &Device) -> Tensor<4> {
        images.to_device(device, &self.config.normalisation)
    }
}

/// Checks that pairs are given to a head that needs them and to no other: it would see embeddings as always, but of other pictures.
fn check_pairs(form: BatchForm, images: StepImages) -> Result<()> {
    let (expected, found) = match (form, images) {
        (BatchForm::Pairs, StepImages::Pairs { .. }) => return Ok(()),
        (BatchForm::Pairs, _) => ("pairs", "another batch"),
        (_, StepImages::Pairs { .. }) => ("another batch", "pairs"),
        _ => return Ok(()),
    };
    Err(ffc_core::Error::BatchForm { expected, found }.into())
}

/// `[rows]`, of embeddings `[rows, dim]`.
fn squared_lengths(embeddings: Tensor<2>) -> Tensor<1> {
    embeddings.square().sum_dim(1).squeeze_dim(1)
}

/// Checks that what a head reports is a single number.
fn one_number(what: &str, value: &Tensor<1>) -> Result<()> {
    match value.dims() {
        [1] => Ok(()),
        [count] => Err(Error::Head {
            problem: format!("reports {count} numbers as {what}, but must report one"),
        }),
    }
}

/// The head of a configuration, at its start, for a training set of `identities`.
pub(crate) fn init_head(
    config: &Config,
    identities: u64,
    device: &Device,
    ranks: Arc<dyn Collective>,
) -> Result<Box<dyn Head>> {
    let head = config.head.of_rank(ranks.rank(), ranks.ranks());
    head.init(&HeadContext {
        identities,
        dim: config.backbone.embedding(),
        batch: config.loader.batch,
        seed: config.training.seed,
        device,
        ranks: Some(ranks),
    })
}

/// The device with automatic differentiation.
pub(crate) fn differentiating(config: &Config, device: &Device) -> Device {
    let device = device.clone().autodiff();
    match config.training.gradient_checkpointing {
        true => device.gradient_checkpointing(),
        false => device,
    }
}
