use serde::{Deserialize, Serialize};

use super::means::Groups;
use super::{FfcConfig, FfcHead, Means};
use crate::margin::MarginConfig;
use crate::pool::PoolShard;
use crate::{
    BatchForm, ClassPool, ClassPoolConfig, Error, GallerySides, HeadBytes, HeadContext, Needs,
    Result, Storage, UpdateRule,
};

/// The FFC head and its group memory in one, for the file that configures a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FfcHeadConfig {
    /// Slots Q of the pool. At least 1.5 times the batch. Default: 30,000.
    pub pool: usize,
    /// Share of the identities whose gallery embeddings enter the pool before training, as many as fit. Default: 0.
    pub prefill: f64,
    /// The factor s on the cosines. Default: 32.
    pub scale: f32,
    /// How many of its hardest centres a fresh row is pushed away from. Default: 2 of 10,000 slots, 3 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_negatives: Option<usize>,
    /// How many centres are scored at once. Default: 2048.
    pub chunk: usize,
    /// Which sides of the step the gallery network embeds: `"both"`, or `"one"`, whose embeddings stay in the pool: half its work. The rows of
    /// that side then meet the pool as the step before left it. Default: both, as published.
    pub gallery_sides: GallerySides,
    /// Over which rows means are taken: `"all"`, or `"groups"`, where each rank's or group's rows (`training.norm_groups`) have means of their own, as the published
    /// code's processes have. Default: all.
    pub means: Means,
    /// How an identity's centre follows its gallery embeddings: `"two_layer"` or `{ weighted = { alpha = 0.9 } }`.
    /// Default: two layers.
    pub update: UpdateRule,
    /// Number format of the centres: `"f32"` or `"bf16"`. Default: f32.
    pub storage: Storage,
    /// Whether several ranks have a part of the pool each, instead of all. Default: false.
    pub sharded: bool,
    /// What makes the target harder. Default: CosFace with 0.4, as published.
    pub margin: MarginConfig,
}

impl Default for FfcHeadConfig {
    fn default() -> Self {
        let (pool, head) = (ClassPoolConfig::default(), FfcConfig::default());
        Self {
            pool: pool.capacity,
            prefill: 0.0,
            scale: head.scale,
            hard_negatives: head.hard_negatives,
            chunk: head.chunk,
            gallery_sides: head.gallery_sides,
            means: head.means,
            update: pool.update,
            storage: pool.storage,
            sharded: false,
            margin: MarginConfig::Cosface { margin: 0.4 },
        }
    }
}

impl FfcHeadConfig {
    /// Checks what needs no data and no device, for batches of size B.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where a setting is outside its range, [`Error::CapacityTooSmall`] where the pool is too small for the batch.
    pub fn check(&self, batch: usize) -> Result<()> {
        // Each side of a dual batch can bring as many identities.
        let rows = batch + batch / 2;
        if self.pool < rows {
            return Err(Error::CapacityTooSmall {
                capacity: self.pool,
                rows,
            });
        }
        if !(0.0..=1.0).contains(&self.prefill) {
            return Err(Error::Setting {
                setting: "prefill",
                value: self.prefill.to_string(),
                expected: "between 0 and 1",
            });
        }
        if let Some(count) = self.hard_negatives
            && count > self.pool
        {
            return Err(Error::Setting {
                setting: "hard_negatives",
                value: count.to_string(),
                expected: "at most the pool's slots",
            });
        }
        self.pool_config(1).check()?;
        self.ffc_config().check()?;
        self.margin.init()?;
        Ok(())
    }

    /// What the training must bring, as [`Head::needs`](crate::Head::needs), for a set of `identities`.
    pub fn needs(&self, identities: u64) -> Needs {
        let wanted = (self.prefill * identities as f64).round() as u64;
        needs(wanted.min(self.pool as u64), self.gallery_sides)
    }

    /// What a head keeps for `identities` with embeddings of `dim` numbers, in batches of size B.
    pub fn bytes(&self, _identities: u64, dim: usize, _batch: usize) -> HeadBytes {
        self.pool_config(dim).bytes(self.pool)
    }

    /// A head with an empty pool. It does not look at the embeddings' values before they enter the pool: a training notices what is
    /// not finite or has no length a step later, without waiting for the device.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), and [`Error::UnsupportedStorage`].
    pub fn init(&self, context: &HeadContext) -> Result<FfcHead> {
        self.check(context.batch)?;
        let shard = PoolShard::new(context, self.sharded, self.pool)?;
        let pool = ClassPool::in_parts(self.pool_config(context.dim), context.device, shard)?;
        Ok(FfcHead {
            pool,
            margin: self.margin.init()?,
            config: self.ffc_config(),
            prefill: self.needs(context.identities).prefill,
            groups: Groups::default(),
        })
    }

    fn pool_config(&self, dim: usize) -> ClassPoolConfig {
        ClassPoolConfig {
            capacity: self.pool,
            dim,
            update: self.update,
            storage: self.storage,
        }
    }

    fn ffc_config(&self) -> FfcConfig {
        FfcConfig {
            scale: self.scale,
            hard_negatives: self.hard_negatives,
            chunk: self.chunk,
            gallery_sides: self.gallery_sides,
            means: self.means,
            check_embeddings: false,
        }
    }
}

/// What FFC's head needs, with embeddings of `prefill` identities before the first step.
pub(super) fn needs(prefill: u64, gallery_sides: GallerySides) -> Needs {
    Needs {
        batch: BatchForm::Dual,
        gallery: true,
        gallery_sides,
        prefill,
    }
}
