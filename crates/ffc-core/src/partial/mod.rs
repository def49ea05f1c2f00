//! Partial FC: a trained weight row for every identity, of which a sample takes part in a step.

mod config;
mod head;
mod sample;
mod storage;
mod weight_file;

pub use config::{PartialHeadConfig, PartialUpdate};
pub use storage::WeightStorage;

use ffc_random::Key;

use crate::class_weights::{Batch, ELSEWHERE, Settings, Shard};
use crate::head::{HeadOutput, Quantity, StepContext};
use crate::margin::Margin;
use crate::{EmbeddingBatch, Error, Result};
use sample::sample;
use storage::Store;

/// -log 1e-30: what a row's loss counts at most in the published code.
const MOST_LOSS: f32 = 69.077_55;

/// Partial FC (An et al., CVPR 2022, arXiv:2203.15565): the [full classifier](crate::FullHead), of which a step takes all classes of the
/// batch and a random sample of the others, floor(r N) in all, or the batch's alone where these are more.
///
/// The sample is a function of seed, step and the batch's identities. With the sparse update a step's cost depends on r N alone.
/// A row's loss counts at most -log 1e-30, as published; the gradient ignores that.
///
/// # Synchronisation
///
/// Nothing is read back from the device, but with the weights in a file the classes of the step.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ffc_core::{EmbeddingBatch, Head, HeadContext, PartialHeadConfig, StepContext};
///
/// let device = Device::flex().autodiff();
/// let context = HeadContext { identities: 100, dim: 2, batch: 2, seed: 1, device: &device, ranks: None };
/// let mut head = PartialHeadConfig { sample_rate: 0.3, ..Default::default() }.init(&context)?;
///
/// let probe = Tensor::<2>::from_data([[1.0, 0.2], [-0.3, 1.0]], &device).require_grad();
/// let batch = EmbeddingBatch { probe: probe.clone(), gallery: None, identities: vec![5, 99] };
/// assert_eq!(head.sample(&batch.identities, 0).len(), 30);
/// let step = StepContext { step: 0, learning_rate: 0.1 };
/// let output = Head::step(&mut head, batch.into(), &step)?;
/// assert_eq!(probe.grad(&output.loss.backward()).unwrap().dims(), [2, 2]);
/// # Ok::<(), ffc_core::Error>(())
/// ```
#[derive(Debug)]
pub struct PartialHead {
    store: Store,
    shard: Shard,
    margin: Box<dyn Margin>,
    settings: Settings,
    update: PartialUpdate,
    dim: usize,
    /// floor(r N).
    count: u64,
    key: Key,
}

impl PartialHead {
    /// The classes that take part in a step of a batch with these identities, ascending.
    pub fn sample(&self, identities: &[u64], step: u64) -> Vec<u64> {
        sample(
            identities,
            self.shard.identities(),
            self.count,
            self.key,
            step,
        )
    }

    /// A step with given classes instead of drawn ones.
    ///
    /// # Errors
    ///
    /// Bad input, with the head unchanged: as [`Head::step`](crate::Head::step), and [`Error::Sample`] where `classes` do not ascend,
    /// lie outside N or lack an identity of the batch.
    pub fn step_with(
        &mut self,
        batch: EmbeddingBatch,
        classes: &[u64],
        context: &StepContext,
    ) -> Result<HeadOutput> {
        let batch = Batch::new(batch, self.dim, self.shard.identities())?;
        let labels = self.positions(&batch.labels, classes)?;
        self.score(batch, classes, &labels, context)
    }

    /// A step with drawn classes.
    fn step_drawn(&mut self, batch: EmbeddingBatch, context: &StepContext) -> Result<HeadOutput> {
        let batch = Batch::new(batch, self.dim, self.shard.identities())?;
        let classes = self.sample(&batch.labels, context.step);
        let labels = self.positions(&batch.labels, &classes)?;
        self.score(batch, &classes, &labels, context)
    }

    /// Where the labels stand among the classes.
    fn positions(&self, labels: &[u64], classes: &[u64]) -> Result<Vec<u32>> {
        let bad = |problem| Error::Sample {
            problem,
            identities: self.shard.identities(),
        };
        if !classes.is_sorted_by(|a, b| a < b) {
            return Err(bad("do not ascend".into()));
        }
        if let Some(last) = classes
            .last()
            .filter(|&&last| last >= self.shard.identities())
        {
            return Err(bad(format!("hold {last}")));
        }
        let position = |label: &u64| match classes.binary_search(label) {
            Ok(position) => Ok(position as u32),
            Err(_) => Err(bad(format!("lack {label}"))),
        };
        labels.iter().map(position).collect()
    }

    /// Those of some ascending classes that are in this rank's shard, as rows of it, and where each label stands among them.
    fn here(&self, classes: &[u64], labels: &[u32]) -> (Vec<u64>, Vec<u32>) {
        let of_shard = self.shard.classes();
        let begin = classes.partition_point(|&class| class < of_shard.start);
        let end = classes.partition_point(|&class| class < of_shard.end);
        let rows = classes[begin..end]
            .iter()
            .map(|class| class - of_shard.start);
        let place = |&label: &u32| match (begin..end).contains(&(label as usize)) {
            true => label - begin as u32,
            false => ELSEWHERE,
        };
        (rows.collect(), labels.iter().map(place).collect())
    }

    fn score(
        &mut self,
        batch: Batch,
        classes: &[u64],
        labels: &[u32],
        context: &StepContext,
    ) -> Result<HeadOutput> {
        if let Some(state) = self.margin.state_mut() {
            state.observe(&batch.probe.length);
        }
        let sgd = self.settings.sgd(context.learning_rate);
        let objective = self.settings.objective(&*self.margin, &self.shard);
        let others = match self.update {
            PartialUpdate::Sparse => None,
            PartialUpdate::Dense => Some(sgd),
        };
        let (rows, labels) = self.here(classes, labels);
        let outcome = (self.store).change(&rows, others, |rows| {
            objective.step(&batch.probe, &labels, rows, sgd)
        })??;
        let target_cosine = outcome.target_cosine.clone();
        let share = classes.len() as f64 / self.shard.identities() as f64;
        Ok(HeadOutput {
            loss: batch.loss(outcome, Some(MOST_LOSS)),
            quantities: vec![Quantity::Device(target_cosine), Quantity::Host(share)],
        })
    }
}
