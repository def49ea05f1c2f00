//! Dynamic Class Queue: a queue of recent gallery features stands for the classes.

mod config;
mod feature_queue;
mod head;
mod random_start;

pub use config::{QueueHeadConfig, QueueStart};

use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Tensor};

use crate::embeddings::{Matrix, UnitRows};
use crate::error::Embeddings;
use crate::head::with_gradient;
use crate::head::{EmbeddingBatch, HeadOutput, Quantity};
use crate::labels::{self, Labels};
use crate::softmax::softplus;
use crate::softmax::{HIDDEN, PartialSoftmax, chunks, scan};
use crate::{Error, Result};
use feature_queue::FeatureQueue;

/// Dynamic Class Queue (DCQ; Li et al., CVPR 2021, arXiv:2105.11113): softmax of a row's cosine with the gallery feature of another
/// picture of its identity, its key, against a first-in first-out queue of earlier keys.
///
/// With unit embedding u and key k, a row's loss is the cross-entropy of s (u . k - m) against all s (u . q), where q are the queue's
/// entries but those of the row's own identity. A step's loss is the mean over its rows. The keys enter the queue after that, so they are
/// no negatives of their own batch.
///
/// The queue takes no gradient, so that of the loss has a closed form, and the queue is gone through chunk by chunk: memory grows with
/// rows * chunk. A step does not wait for the device: which entries a row must not see follows from the identities, which the host knows.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use ffc_core::{EmbeddingBatch, Head, HeadContext, QueueHeadConfig, StepContext};
///
/// let device = Device::flex().autodiff();
/// let config = QueueHeadConfig { queue: 8, ..Default::default() };
/// let mut head = config.init(&HeadContext { identities: 100, dim: 2, batch: 2, seed: 0, device: &device, ranks: None })?;
///
/// let first = Tensor::<2>::from_data([[1.0, 0.2], [-0.3, 1.0]], &device).require_grad();
/// let second = Tensor::<2>::from_data([[1.0, 0.1], [-0.1, 1.0]], &device);
/// let batch = EmbeddingBatch { probe: first.clone(), gallery: Some(second), identities: vec![5, 6] };
/// let output = head.step(batch.into(), &StepContext { step: 0, learning_rate: 0.1 })?;
/// assert!(first.grad(&output.loss.backward()).is_some());
/// assert_eq!(head.identities(), [5, 6]);
/// # Ok::<(), ffc_core::Error>(())
/// ```
#[derive(Debug)]
pub struct QueueHead {
    queue: FeatureQueue,
    config: QueueHeadConfig,
    /// Identities of a batch.
    batch: usize,
}

impl QueueHead {
    /// A head for batches of B identities whose queue holds given features, which act as negatives of all rows until keys take their
    /// places, whatever `config.start` says.
    ///
    /// # Shapes
    ///
    /// - `features`: `[config.queue, dim]`, unit rows
    ///
    /// # Errors
    ///
    /// As [`QueueHeadConfig::check`], and [`Error::Setting`] where the queue has another size.
    pub fn with_features(
        config: &QueueHeadConfig,
        batch: usize,
        features: Tensor<2>,
    ) -> Result<Self> {
        config.check(batch)?;
        let fits = features.dims()[0] == config.queue;
        crate::setting::check(fits, "queue", config.queue, "the number of features")?;
        Ok(Self {
            queue: FeatureQueue::open(features.inner().cast(DType::F32)),
            config: config.clone(),
            batch,
        })
    }

    /// The queue's features, `[queue, dim]`. Those that no key has written mean nothing where the start is masked.
    pub fn features(&self) -> Tensor<2> {
        self.queue.features().clone()
    }

    /// The identities of the entries that keys have written, from entry 0 on.
    pub fn identities(&self) -> &[u64] {
        self.queue.identities()
    }

    /// The entry that the next batch's first key writes.
    pub fn pointer(&self) -> usize {
        self.queue.next()
    }

    fn score(&mut self, batch: EmbeddingBatch) -> Result<HeadOutput> {
        let EmbeddingBatch {
            probe,
            gallery,
            identities,
        } = batch;
        let units = self.unit_rows(&probe, gallery, &identities)?;
        let rows = identities.len();
        let (firsts, keys) = (units.slice(0..rows), units.slice(rows..2 * rows).unit);

        let labels = Labels::new(&identities);
        let numbers = self.entry_numbers(&labels);
        let others = self.others(&firsts.unit, &labels, &numbers);
        let cosine = (firsts.unit.clone() * keys.clone()).sum_dim(1);
        let excess = others.log_sum_exp - (cosine.clone() - self.config.margin) * self.config.scale;
        let value = softplus(excess.clone()).mean();
        let pull = sigmoid(excess) * (self.config.scale / rows as f32);
        let gradient = firsts.backward((others.mean - keys.clone()) * pull);

        let masked_share = self.masked_share(&labels, &numbers);
        self.queue.enter(keys, &identities);
        let fill = self.queue.identities().len() as f64 / self.queue.len() as f64;
        Ok(HeadOutput {
            loss: with_gradient(value, [(probe, gradient)]),
            quantities: vec![
                Quantity::Device(cosine.mean()),
                masked_share,
                Quantity::Host(fill),
            ],
        })
    }

    /// Firsts and keys, below each other.
    fn unit_rows(
        &self,
        probe: &Tensor<2>,
        gallery: Option<Tensor<2>>,
        identities: &[u64],
    ) -> Result<UnitRows> {
        let dim = self.queue.dim();
        let probe = Matrix::new(Embeddings::Probe, probe.clone(), identities, dim)?;
        let what = Embeddings::Gallery;
        let gallery = gallery.ok_or(Error::NoGallery { what })?;
        let gallery = Matrix::new(what, gallery, identities, dim)?;
        if identities.len() != self.batch {
            return Err(Error::BatchRows {
                expected: self.batch,
                found: identities.len(),
            });
        }
        Ok(UnitRows::unchecked(vec![probe, gallery]))
    }

    /// The softmax of each row over the entries that it sees, of which `numbers` are the identities' numbers.
    fn others(&self, firsts: &Tensor<2>, labels: &Labels, numbers: &[i32]) -> PartialSoftmax {
        let device = firsts.device();
        let nothing = || PartialSoftmax {
            log_sum_exp: Tensor::full([firsts.dims()[0], 1], HIDDEN, &device),
            mean: firsts.zeros_like(),
        };
        if numbers.is_empty() {
            return nothing();
        }
        let entries = self.queue.features().clone().slice_dim(0, 0..numbers.len());
        let found = scan(
            &(firsts.clone() * self.config.scale),
            chunks(&entries, self.config.chunk),
            1,
            |_, chunk, product| {
                let columns = chunk.start..chunk.start + product.dims()[1];
                let own = labels::equal(labels.rows(), &numbers[columns], &device);
                product.mask_fill(own, HIDDEN).into()
            },
        );
        found.into_iter().next().unwrap_or_else(nothing)
    }

    /// For each entry that can be seen the number of its identity in the batch, or -1, which is hidden from nobody.
    fn entry_numbers(&self, labels: &Labels) -> Vec<i32> {
        let identities = self.queue.identities().iter();
        let mut numbers: Vec<i32> = identities
            .map(|&identity| labels.number(identity))
            .collect();
        // A random start is of no identity.
        numbers.resize(self.queue.visible(), -1);
        numbers
    }

    /// Share of the pairs of a row and an entry that are of one identity.
    fn masked_share(&self, labels: &Labels, numbers: &[i32]) -> Quantity {
        if numbers.is_empty() {
            return Quantity::Missing;
        }
        let counts = labels.counts();
        let masked: usize = (numbers.iter())
            .filter_map(|&number| usize::try_from(number).ok())
            .map(|number| counts[number])
            .sum();
        Quantity::Host(masked as f64 / (self.batch * numbers.len()) as f64)
    }
}
