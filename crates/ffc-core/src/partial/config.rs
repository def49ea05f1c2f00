use burn::tensor::DType;
use serde::{Deserialize, Serialize};

use super::PartialHead;
use super::storage::{Store, WeightStorage};
use crate::class_weights::{Settings, Shard, check_identities};
use crate::margin::{Margin, MarginConfig};
use crate::memory;
use crate::purpose::Purpose;
use crate::{BatchForm, HeadBytes, HeadContext, Needs, Result, setting};

/// Partial FC, for the file that configures a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartialHeadConfig {
    /// Share r of the classes that take part in a step, above 0 and at most 1. Default: 0.1, as in the paper's PFC-0.1.
    pub sample_rate: f64,
    /// Which rows a step changes: `"sparse"` or `"dense"`. Default: sparse, whose cost does not grow with N.
    pub update: PartialUpdate,
    /// Where weights and momenta are: `"f32"`, `"bf16"` or `{ file = "path" }`. Default: f32.
    pub storage: WeightStorage,
    /// The factor s on the cosines. Default: 64.
    pub scale: f32,
    /// What makes the target harder. Default: CosFace with 0.4, as FFC's, so that the two compare. The ArcFace 0.5 of the
    /// published code is `{ kind = "arcface", margin = 0.5, form = "straight_through" }`.
    pub margin: MarginConfig,
    /// Momentum of the class weights' SGD. Default: 0.9.
    pub momentum: f64,
    /// Weight decay of the class weights. Default: 0.0005.
    pub weight_decay: f64,
    /// Factor on the run's learning rate: above 1 where the networks train by AdamW, whose rates are small. Default: 1.
    pub learning_rate_factor: f64,
    /// How many classes are scored at once. Default: 2048.
    pub chunk: usize,
    /// Bytes of the softmax that a step keeps between its two passes over the classes; what does not fit is computed twice, a fourth
    /// product beside three. Default: 67,108,864, enough for 131,072 classes with 128 rows.
    pub keep_bytes: usize,
    /// Whether several ranks have a part of the classes each, instead of all; the classes of a step are drawn over all of them. Default: false.
    pub sharded: bool,
}

/// Which rows a step of [`PartialHead`] changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartialUpdate {
    /// Those that take part; all others keep weights and momenta. Version 1 of the published code.
    Sparse,
    /// All: weight decay and left-over momentum move the rows that do not take part. Version 2 of the published code.
    Dense,
}

impl Default for PartialHeadConfig {
    fn default() -> Self {
        Self {
            sample_rate: 0.1,
            update: PartialUpdate::Sparse,
            storage: WeightStorage::F32,
            scale: 64.0,
            margin: MarginConfig::Cosface { margin: 0.4 },
            momentum: 0.9,
            weight_decay: 5e-4,
            learning_rate_factor: 1.0,
            chunk: 2048,
            keep_bytes: 64 << 20,
            sharded: false,
        }
    }
}

impl PartialHeadConfig {
    /// Checks what needs no data and no device. Any batch size will do.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where a setting is outside its range, or a file is asked for with the dense update.
    pub fn check(&self, _batch: usize) -> Result<()> {
        self.check_settings()?;
        self.margin.init()?;
        Ok(())
    }

    fn check_settings(&self) -> Result<()> {
        setting::check(
            self.sample_rate > 0.0 && self.sample_rate <= 1.0,
            "sample_rate",
            self.sample_rate,
            "above 0 and at most 1",
        )?;
        let in_file = matches!(self.storage, WeightStorage::File(_));
        setting::check(
            !(in_file && self.update == PartialUpdate::Dense),
            "update",
            "dense",
            "sparse where the weights are in a file: a dense one would rewrite the whole file in every step",
        )?;
        self.settings().check()
    }

    /// What the training must bring, as [`Head::needs`](crate::Head::needs), for a set of `identities`.
    pub fn needs(&self, _identities: u64) -> Needs {
        Needs::only(BatchForm::Instances)
    }

    /// What a head keeps for `identities` with embeddings of `dim` numbers.
    pub fn bytes(&self, identities: u64, dim: usize, batch: usize) -> HeadBytes {
        let all = memory::bytes(1, identities, dim, self.storage.dtype());
        let of_step = memory::bytes(2, self.sampled(identities, batch), dim, DType::F32);
        match self.storage {
            // Gathered on the host and again on the device.
            WeightStorage::File(_) => HeadBytes {
                of_step: of_step.saturating_mul(2),
                in_file: all.saturating_mul(2),
                ..HeadBytes::default()
            },
            WeightStorage::F32 | WeightStorage::Bf16 => HeadBytes {
                of_step,
                ..HeadBytes::trained(all)
            },
        }
    }

    /// A head with initial weights: normal with mean 0 and standard deviation 0.01, the same on every device and in a file.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`Error::NoIdentities`](crate::Error::NoIdentities); [`Error::Memory`](crate::Error::Memory) where the weights do not fit;
    /// [`Error::UnsupportedStorage`](crate::Error::UnsupportedStorage); [`Error::WeightFile`](crate::Error::WeightFile).
    pub fn init(&self, context: &HeadContext) -> Result<PartialHead> {
        self.init_with(context, self.margin.init()?)
    }

    /// The same with a margin of your own in the place of [`margin`](Self::margin).
    ///
    /// # Errors
    ///
    /// As [`init`](Self::init).
    pub fn init_with(&self, context: &HeadContext, margin: Box<dyn Margin>) -> Result<PartialHead> {
        self.check_settings()?;
        check_identities(context)?;
        let shard = Shard::new(context, self.sharded)?;
        // Of a shard: of as many classes all of a step may lie there.
        let sampled = self
            .sampled(context.identities, context.batch)
            .min(shard.len());
        let bytes = self.bytes(shard.len(), context.dim, context.batch);
        Ok(PartialHead {
            store: Store::new(&self.storage, context, &shard, sampled, bytes)?,
            shard,
            margin,
            settings: self.settings(),
            update: self.update,
            dim: context.dim,
            count: self.count(context.identities),
            key: Purpose::ClassSample.key(context.seed),
        })
    }

    /// floor(r N).
    fn count(&self, identities: u64) -> u64 {
        (self.sample_rate * identities as f64) as u64
    }

    /// The most classes that take part in a step.
    fn sampled(&self, identities: u64, batch: usize) -> u64 {
        self.count(identities).max(batch as u64).min(identities)
    }

    fn settings(&self) -> Settings {
        Settings {
            scale: self.scale,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            learning_rate_factor: self.learning_rate_factor,
            chunk: self.chunk,
            keep_bytes: self.keep_bytes,
        }
    }
}
