use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How many images each identity has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "law")]
pub enum ImageCounts {
    /// The same number for all.
    Equal {
        /// Images of an identity.
        images: u64,
    },
    /// A long tail by Zipf's law: identity k, counted from 0, has max / (k + 1)^exponent images, `min` at least.
    Zipf {
        /// Images of the first identity.
        max: u64,
        /// Images that every identity has at least.
        min: u64,
        /// How steep the law is.
        exponent: f64,
    },
}

impl Default for ImageCounts {
    fn default() -> Self {
        Self::Zipf {
            max: 500,
            min: 2,
            exponent: 0.5,
        }
    }
}

impl ImageCounts {
    /// Images of an identity, counted from 0.
    pub fn of(&self, identity: u64) -> u64 {
        match *self {
            Self::Equal { images } => images,
            Self::Zipf { max, min, exponent } => {
                let count = max as f64 / (identity as f64 + 1.0).powf(exponent);
                (count as u64).max(min)
            }
        }
    }

    /// # Errors
    /// [`Error::Setting`] if a setting is outside its range.
    pub fn check(&self) -> Result<()> {
        let setting = |setting, value: String, expected| {
            Err(Error::Setting {
                setting,
                value,
                expected,
            })
        };
        // So that sums over all identities stay below 2^64.
        const MOST: u64 = 1 << 31;
        match *self {
            Self::Equal { images } if images == 0 || images > MOST => {
                setting("images", images.to_string(), "1 to 2^31")
            }
            Self::Zipf { min, max, .. } if min == 0 || min > max || max > MOST => setting(
                "min and max",
                format!("{min} and {max}"),
                "1 <= min <= max <= 2^31",
            ),
            Self::Zipf { exponent, .. } if !(0.0..=10.0).contains(&exponent) => {
                setting("exponent", exponent.to_string(), "0 to 10")
            }
            _ => Ok(()),
        }
    }
}
