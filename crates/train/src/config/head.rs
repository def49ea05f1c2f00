use burn::tensor::Device;
use ffc_core::margin::{ArcFace, CosFace, NoMargin, SvMargin};
use ffc_core::{ClassPool, ClassPoolConfig, FfcConfig, FfcHead, Storage, UpdateRule};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The FFC head and its group memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadConfig {
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
    /// How an identity's centre follows its gallery embeddings: `"two_layer"` or `{ weighted = { alpha = 0.9 } }`.
    /// Default: two layers.
    pub update: UpdateRule,
    /// Number format of the centres: `"f32"` or `"bf16"`. Default: f32.
    pub storage: Storage,
    /// What makes the target harder. Default: CosFace with 0.4, as published.
    pub margin: MarginConfig,
}

impl Default for HeadConfig {
    fn default() -> Self {
        let (pool, head) = (ClassPoolConfig::default(), FfcConfig::default());
        Self {
            pool: pool.capacity,
            prefill: 0.0,
            scale: head.scale,
            hard_negatives: head.hard_negatives,
            chunk: head.chunk,
            update: pool.update,
            storage: pool.storage,
            margin: MarginConfig::Cosface { margin: 0.4 },
        }
    }
}

/// A margin of [`ffc_core::margin`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "kind")]
pub enum MarginConfig {
    /// None.
    None,
    /// [`CosFace`].
    Cosface {
        /// m.
        margin: f32,
    },
    /// [`ArcFace`].
    Arcface {
        /// m, an angle in radians.
        margin: f32,
    },
    /// [`SvMargin`].
    Sv {
        /// m.
        margin: f32,
    },
}

impl HeadConfig {
    pub(crate) fn pool(&self, dim: usize) -> ClassPoolConfig {
        ClassPoolConfig {
            capacity: self.pool,
            dim,
            update: self.update,
            storage: self.storage,
        }
    }

    /// A head on a pool, empty or loaded.
    pub(crate) fn init(&self, pool: ClassPool) -> Result<FfcHead> {
        let config = FfcConfig {
            scale: self.scale,
            hard_negatives: self.hard_negatives,
            chunk: self.chunk,
            // The trainer looks at loss and gradient, one step later and without waiting for the device.
            check_embeddings: false,
        };
        Ok(match self.margin {
            MarginConfig::None => FfcHead::new(pool, NoMargin, config)?,
            MarginConfig::Cosface { margin } => FfcHead::new(pool, CosFace::new(margin)?, config)?,
            MarginConfig::Arcface { margin } => FfcHead::new(pool, ArcFace::new(margin)?, config)?,
            MarginConfig::Sv { margin } => FfcHead::new(pool, SvMargin::new(margin)?, config)?,
        })
    }

    pub(crate) fn empty_pool(&self, dim: usize, device: &Device) -> Result<ClassPool> {
        Ok(ClassPool::new(self.pool(dim), device)?)
    }

    pub(crate) fn check(&self, batch: usize) -> Result<()> {
        let rows = batch + batch / 2;
        if self.pool < rows {
            return Err(Error::setting(
                "head.pool",
                self.pool,
                format!("at least the {rows} rows of a half batch"),
            ));
        }
        let above_zero = |value: f32| value.is_finite() && value > 0.0;
        if !above_zero(self.scale) {
            return Err(Error::setting(
                "head.scale",
                self.scale,
                "finite and above 0",
            ));
        }
        if self.chunk == 0 {
            return Err(Error::setting("head.chunk", 0, "at least 1"));
        }
        if self.hard_negatives == Some(0) {
            return Err(Error::setting("head.hard_negatives", 0, "at least 1"));
        }
        if let UpdateRule::Weighted { alpha } = self.update
            && !(0.0..=1.0).contains(&alpha)
        {
            return Err(Error::setting(
                "head.update.alpha",
                alpha,
                "between 0 and 1",
            ));
        }
        if let MarginConfig::Cosface { margin }
        | MarginConfig::Arcface { margin }
        | MarginConfig::Sv { margin } = self.margin
            && !(margin.is_finite() && margin >= 0.0)
        {
            return Err(Error::setting(
                "head.margin",
                margin,
                "finite and not negative",
            ));
        }
        if !(0.0..=1.0).contains(&self.prefill) {
            return Err(Error::setting(
                "head.prefill",
                self.prefill,
                "between 0 and 1",
            ));
        }
        Ok(())
    }
}
