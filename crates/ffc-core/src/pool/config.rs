use burn::tensor::DType;
use serde::{Deserialize, Serialize};

use crate::memory;
use crate::{Error, HeadBytes, Result};

/// Settings of a [`ClassPool`](crate::ClassPool).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassPoolConfig {
    /// Number of slots Q. Default: 30,000.
    pub capacity: usize,
    /// Dimension D of an embedding. Default: 512.
    pub dim: usize,
    /// How an identity's centre follows its gallery features. Default: two layers.
    pub update: UpdateRule,
    /// Number format of the stored centres. Default: f32.
    pub storage: Storage,
}

impl Default for ClassPoolConfig {
    fn default() -> Self {
        Self {
            capacity: 30_000,
            dim: 512,
            update: UpdateRule::TwoLayer,
            storage: Storage::F32,
        }
    }
}

impl ClassPoolConfig {
    /// What the centres of `slots` of a pool take. (The slot map takes some 50 bytes a slot of the host's memory beside.)
    pub(crate) fn bytes(&self, slots: usize) -> HeadBytes {
        let (layers, rows) = (self.update.layers(), slots as u64);
        HeadBytes {
            rows: memory::bytes(layers, rows, self.dim, self.storage.dtype()),
            ..HeadBytes::default()
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.dim == 0 {
            return Err(Error::Setting {
                setting: "dim",
                value: "0".into(),
                expected: "at least 1",
            });
        }
        match self.update {
            UpdateRule::Weighted { alpha } if !(0.0..=1.0).contains(&alpha) => {
                Err(Error::Setting {
                    setting: "update.alpha",
                    value: alpha.to_string(),
                    expected: "between 0 and 1",
                })
            }
            _ => Ok(()),
        }
    }
}

/// How an identity's centre follows the gallery features that enter the pool.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UpdateRule {
    /// The rule of the published code. A slot holds two features: a fresh identity writes layer 0,
    /// one that is there writes the two layers in turn. The loss has two terms: one against layer
    /// 0, one against layer 1 on the slots of identities that were there and layer 0 elsewhere.
    TwoLayer,
    /// The rule of the published text. A slot holds one centre: a fresh identity replaces it, one
    /// that is there moves it to normalize(alpha centre + (1 - alpha) feature). The loss has one
    /// term, so it is about half as large as that of two layers.
    Weighted {
        /// How much of the old centre stays, from 0 to 1.
        alpha: f32,
    },
}

impl UpdateRule {
    /// Number of layers of a slot.
    pub fn layers(self) -> usize {
        match self {
            Self::TwoLayer => 2,
            Self::Weighted { .. } => 1,
        }
    }
}

/// Number format of the stored centres. The loss is always computed in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// 32 bits.
    F32,
    /// 16 bits with the exponent of f32: half the memory. Centres are never optimised, so only their
    /// rounding to 8 bits of mantissa is felt.
    Bf16,
}

impl Storage {
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}
