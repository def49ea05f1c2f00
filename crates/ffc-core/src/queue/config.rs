use burn::tensor::DType;
use serde::{Deserialize, Serialize};

use super::feature_queue::FeatureQueue;
use super::{QueueHead, random_start};
use crate::memory::{self, Held};
use crate::{BatchForm, Error, HeadBytes, HeadContext, Needs, Result, setting};

/// Settings of a [`QueueHead`], for the file that configures a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueHeadConfig {
    /// Entries Q of the queue, a multiple of the batch. Default: 8192, as published.
    pub queue: usize,
    /// The factor s on the cosines. Default: 50, as published.
    pub scale: f32,
    /// m, taken off the cosine with the key of the row's own identity. Default: 0.3, as published.
    pub margin: f32,
    /// What the queue holds before keys enter: `"masked"` or `"random"`. Default: masked.
    pub start: QueueStart,
    /// How many entries are scored at once. Default: 2048.
    pub chunk: usize,
}

/// What a queue holds before keys enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueStart {
    /// Nothing: entries that no key has filled yet take no part in the loss, which is 0 in the first step.
    Masked,
    /// Random unit vectors, which act as negatives of all rows until keys take their places: the published way.
    Random,
}

impl Default for QueueHeadConfig {
    fn default() -> Self {
        Self {
            queue: 8192,
            scale: 50.0,
            margin: 0.3,
            start: QueueStart::Masked,
            chunk: 2048,
        }
    }
}

impl QueueHeadConfig {
    /// Checks what needs no data and no device, for batches of B identities.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range, [`Error::QueueSize`] where the queue is no multiple of the batch.
    pub fn check(&self, batch: usize) -> Result<()> {
        setting::at_least_one("queue", self.queue)?;
        setting::at_least_one("batch", batch)?;
        setting::positive("scale", self.scale)?;
        setting::not_negative("margin", self.margin)?;
        setting::at_least_one("chunk", self.chunk)?;
        if !self.queue.is_multiple_of(batch) {
            return Err(Error::QueueSize {
                queue: self.queue,
                batch,
            });
        }
        Ok(())
    }

    /// What the training must bring, as [`Head::needs`](crate::Head::needs), for a set of `identities`.
    pub fn needs(&self, _identities: u64) -> Needs {
        Needs {
            gallery: true,
            ..Needs::only(BatchForm::Pairs)
        }
    }

    /// What a head keeps for `identities` with embeddings of `dim` numbers, in batches of size B.
    pub fn bytes(&self, _identities: u64, dim: usize, _batch: usize) -> HeadBytes {
        HeadBytes {
            rows: memory::bytes(1, self.queue as u64, dim, DType::F32),
            ..HeadBytes::default()
        }
    }

    /// A head whose queue no key has entered yet.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`Error::Memory`] where the queue does not fit.
    pub fn init(&self, context: &HeadContext) -> Result<QueueHead> {
        self.check(context.batch)?;
        let device = context.device.clone().inner();
        let held = Held {
            what: "entries of a queue",
            rows: self.queue as u64,
            bytes: (self.bytes(context.identities, context.dim, context.batch)).on_device(),
            remedy: "a smaller `queue`",
        };
        held.check(&device)?;
        let queue = match self.start {
            QueueStart::Masked => FeatureQueue::empty(self.queue, context.dim, &device),
            QueueStart::Random => {
                let rows = random_start::unit_rows(context.seed, self.queue, context.dim, &device);
                FeatureQueue::open(rows)
            }
        };
        Ok(QueueHead {
            queue,
            config: self.clone(),
            batch: context.batch,
        })
    }
}
