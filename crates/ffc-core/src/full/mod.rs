//! The full classifier: a trained weight row for every identity, all of which take part in every step.

mod config;
mod head;

pub use config::FullHeadConfig;

use burn::tensor::Tensor;

use crate::class_weights::{Batch, Rows, Settings, Shard};
use crate::head::{HeadOutput, Quantity, StepContext};
use crate::margin::Margin;
use crate::{EmbeddingBatch, Result};

/// The full classifier that FFC does without: N x D trained class weights, embeddings and weights normalised (NormFace, arXiv:1704.06369),
/// a margin on the target, cross-entropy over all N, and SGD with momentum on the weights.
///
/// A step is in closed form: the loss's backward pass reaches the embeddings alone, and the weights have made their own step by the time
/// the loss is handed out. Weights and momenta take 8 N D bytes on the device; beside them a step's memory grows with rows * chunk, plus
/// [`keep_bytes`](FullHeadConfig::keep_bytes) at most, and numbers for each class and for each row and chunk. Nothing is read back from the device.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ffc_core::{EmbeddingBatch, FullHeadConfig, Head, HeadContext, StepContext};
///
/// let device = Device::flex().autodiff();
/// let context = HeadContext { identities: 100, dim: 2, batch: 2, seed: 1, device: &device, ranks: None };
/// let mut head = FullHeadConfig::default().init(&context)?;
///
/// let probe = Tensor::<2>::from_data([[1.0, 0.2], [-0.3, 1.0]], &device).require_grad();
/// let batch = EmbeddingBatch { probe: probe.clone(), gallery: None, identities: vec![5, 99] };
/// let step = StepContext { step: 0, learning_rate: 0.1 };
/// let output = Head::step(&mut head, batch.into(), &step)?;
/// assert_eq!(probe.grad(&output.loss.backward()).unwrap().dims(), [2, 2]);
/// # Ok::<(), ffc_core::Error>(())
/// ```
#[derive(Debug)]
pub struct FullHead {
    rows: Rows,
    shard: Shard,
    margin: Box<dyn Margin>,
    settings: Settings,
}

impl FullHead {
    /// The class weights, `[N, dim]`; of a sharded head this rank's.
    pub fn weight(&self) -> Tensor<2> {
        self.rows.weight.clone()
    }

    /// Their momenta, `[N, dim]`.
    pub fn momentum(&self) -> Tensor<2> {
        self.rows.momentum.clone()
    }

    fn score(&mut self, batch: EmbeddingBatch, context: &StepContext) -> Result<HeadOutput> {
        let [_, dim] = self.rows.weight.dims();
        let batch = Batch::new(batch, dim, self.shard.identities())?;
        if let Some(state) = self.margin.state_mut() {
            state.observe(&batch.probe.length);
        }
        let labels = self.shard.rows(&batch.labels);
        let objective = self.settings.objective(&*self.margin, &self.shard);
        let sgd = self.settings.sgd(context.learning_rate);
        let outcome = objective.step(&batch.probe, &labels, Some(&mut self.rows), sgd)?;
        let target_cosine = outcome.target_cosine.clone();
        Ok(HeadOutput {
            loss: batch.loss(outcome, None),
            quantities: vec![Quantity::Device(target_cosine)],
        })
    }
}
