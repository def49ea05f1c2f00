use serde::{Deserialize, Serialize};

use super::Means;
use crate::{Error, GallerySides, Result};

/// Settings of a [`FfcHead`](crate::FfcHead).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FfcConfig {
    /// The factor s on the cosines before the softmax. Default: 32.
    pub scale: f32,
    /// How many of its hardest centres a fresh row is pushed away from. Default: `None`, which is 2
    /// of 10,000 slots, but at least 3 and at most 10.
    pub hard_negatives: Option<usize>,
    /// How many centres are scored at once. The step's memory grows with rows * chunk; GPUs want
    /// larger chunks than CPUs. Default: 2048.
    pub chunk: usize,
    /// Which sides come with gallery embeddings. Without those of side y, which would enter the pool for the first pass alone, the rows of side
    /// x meet the pool as the step finds it, or as they leave it where it is empty, and those whose identity is not in it are fresh. Default:
    /// both, as published.
    pub gallery_sides: GallerySides,
    /// Over which rows means are taken. Default: all.
    pub means: Means,
    /// Whether to refuse embeddings that are not finite or have no length before they enter the pool.
    /// Reads their lengths back from the device once a step. Default: true.
    pub check_embeddings: bool,
}

impl Default for FfcConfig {
    fn default() -> Self {
        Self {
            scale: 32.0,
            hard_negatives: None,
            chunk: 2048,
            gallery_sides: GallerySides::Both,
            means: Means::All,
            check_embeddings: true,
        }
    }
}

impl FfcConfig {
    pub(super) fn check(&self) -> Result<()> {
        let setting = |setting, value: String, expected| Error::Setting {
            setting,
            value,
            expected,
        };
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return Err(setting(
                "scale",
                self.scale.to_string(),
                "finite and above 0",
            ));
        }
        if self.hard_negatives == Some(0) {
            return Err(setting("hard_negatives", "0".into(), "at least 1"));
        }
        if self.chunk == 0 {
            return Err(setting("chunk", "0".into(), "at least 1"));
        }
        Ok(())
    }

    /// k of the fresh rows' term, for a pool of `capacity` slots.
    pub(super) fn hard_negatives(&self, capacity: usize) -> usize {
        self.hard_negatives
            .unwrap_or_else(|| (capacity / 5_000).clamp(3, 10))
    }
}
