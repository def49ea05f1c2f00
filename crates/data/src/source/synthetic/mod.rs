mod counts;
mod face;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::counts::ImageCounts;
use super::{Content, ImageRef, Source, scan_counts};
use crate::fingerprint::{Fingerprint, FingerprintWriter};
use crate::index::{Index, IndexBuilder};
use crate::{Error, Result};

/// Settings of [`Synthetic`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyntheticConfig {
    /// Number of identities. Default: 10,000.
    pub identities: u64,
    /// Number of the first one. Sets whose numbers do not overlap share no identity. Default: 0.
    pub first_identity: u64,
    /// Images by identity. Default: a long tail.
    pub images: ImageCounts,
    /// Width and height in pixels, 16 to 1,024. Default: 112.
    pub size_px: usize,
    /// Another seed, other faces. Default: 0.
    pub seed: u64,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self {
            identities: 10_000,
            first_identity: 0,
            images: ImageCounts::default(),
            size_px: 112,
            seed: 0,
        }
    }
}

/// Face-like drawings by a formula from (seed, identity, image number): any number of identities, no storage.
///
/// Identity sits in shapes, proportions, colours and marks; pose, light, expression, occlusion, background and noise
/// differ from image to image: a nearest neighbour on pixels does poorly.
#[derive(Debug)]
pub struct Synthetic {
    config: SyntheticConfig,
}

impl Synthetic {
    /// # Errors
    /// If a setting is outside its range.
    pub fn new(config: SyntheticConfig) -> Result<Self> {
        let setting = |setting, value: u64, expected| Error::Setting {
            setting,
            value: value.to_string(),
            expected,
        };
        if config.identities == 0 || config.identities > u64::from(u32::MAX) {
            return Err(setting(
                "identities",
                config.identities,
                "1 to 4,294,967,295",
            ));
        }
        if config
            .first_identity
            .checked_add(config.identities)
            .is_none()
        {
            return Err(setting(
                "first_identity",
                config.first_identity,
                "such that all numbers are below 2^64",
            ));
        }
        if !(16..=1024).contains(&config.size_px) {
            return Err(setting("size_px", config.size_px as u64, "16 to 1,024"));
        }
        config.images.check()?;
        Ok(Self { config })
    }

    /// The settings.
    pub fn config(&self) -> &SyntheticConfig {
        &self.config
    }

    /// Images of each identity.
    pub fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.config.identities).map(|identity| self.config.images.of(identity))
    }
}

impl Source for Synthetic {
    fn path(&self) -> &Path {
        Path::new("synthetic identities")
    }

    fn expects(&self) -> &'static str {
        "expected at least one identity"
    }

    fn fingerprint(&self) -> Result<Fingerprint> {
        let mut writer = FingerprintWriter::new("synthetic set");
        writer.setting(format!("{:?}", self.config).as_bytes());
        Ok(writer.finish())
    }

    fn scan(&self, builder: &mut IndexBuilder<'_>) -> Result<()> {
        scan_counts(self.counts(), builder)
    }

    fn read(&self, image: &ImageRef<'_>, buffer: &mut Vec<u8>) -> Result<Content> {
        let size = self.config.size_px;
        buffer.resize(size * size * 3, 0);
        let identity = self.config.first_identity + image.identity();
        face::draw(self.config.seed, identity, image.number(), size, buffer);
        Ok(Content::Rgb {
            width: size,
            height: size,
        })
    }

    fn identity_name(&self, _index: &Index, identity: u64) -> Result<String> {
        let number = self.config.first_identity + identity;
        Ok(match self.config.seed {
            0 => number.to_string(),
            // Another seed, other faces.
            seed => format!("{number} of seed {seed}"),
        })
    }

    fn origin(&self, image: &ImageRef<'_>) -> String {
        format!(
            "synthetic identity {}, image {}",
            self.config.first_identity + image.identity(),
            image.number()
        )
    }
}
