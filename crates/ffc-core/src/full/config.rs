use burn::tensor::DType;
use serde::{Deserialize, Serialize};

use super::FullHead;
use crate::class_weights::{HELD, Rows, Settings, Shard, check_identities};
use crate::margin::{Margin, MarginConfig};
use crate::memory::{self, Held};
use crate::{BatchForm, HeadBytes, HeadContext, Needs, Result};

/// The full classifier, for the file that configures a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FullHeadConfig {
    /// The factor s on the cosines. Default: 64.
    pub scale: f32,
    /// What makes the target harder. Default: CosFace with 0.4, as FFC's, so that the two compare; its slope is 1 in every reading,
    /// while ArcFace's differs between published codes.
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
    /// Whether several ranks have a part of the classes each, instead of all. Default: false.
    pub sharded: bool,
}

impl Default for FullHeadConfig {
    fn default() -> Self {
        Self {
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

impl FullHeadConfig {
    /// Checks what needs no data and no device. Any batch size will do.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where a setting is outside its range.
    pub fn check(&self, _batch: usize) -> Result<()> {
        self.settings().check()?;
        self.margin.init()?;
        Ok(())
    }

    /// What the training must bring, as [`Head::needs`](crate::Head::needs), for a set of `identities`.
    pub fn needs(&self, _identities: u64) -> Needs {
        Needs::only(BatchForm::Instances)
    }

    /// What a head keeps for `identities` with embeddings of `dim` numbers.
    pub fn bytes(&self, identities: u64, dim: usize, _batch: usize) -> HeadBytes {
        HeadBytes::trained(memory::bytes(1, identities, dim, DType::F32))
    }

    /// A head with initial weights: normal with mean 0 and standard deviation 0.01, the same on every device.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`Error::NoIdentities`](crate::Error::NoIdentities);
    /// [`Error::Memory`](crate::Error::Memory) where the weights do not fit.
    pub fn init(&self, context: &HeadContext) -> Result<FullHead> {
        self.init_with(context, self.margin.init()?)
    }

    /// The same with a margin of your own in the place of [`margin`](Self::margin).
    ///
    /// # Errors
    ///
    /// As [`init`](Self::init).
    pub fn init_with(&self, context: &HeadContext, margin: Box<dyn Margin>) -> Result<FullHead> {
        self.settings().check()?;
        let device = context.device.clone().inner();
        check_identities(context)?;
        let shard = Shard::new(context, self.sharded)?;
        let held = Held {
            what: HELD,
            rows: shard.len(),
            bytes: (self.bytes(shard.len(), context.dim, context.batch)).on_device(),
            remedy: "a head `partial` with its weights in a file, or `ffc`",
        };
        held.check(&device)?;
        Ok(FullHead {
            rows: Rows::initial(context, &shard, DType::F32, &device),
            shard,
            margin,
            settings: self.settings(),
        })
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
