use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Epoch, in_chunks};
use crate::index::Index;
use crate::purpose::Purpose;
use crate::{Error, Result};

/// How the instance loader draws images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstanceOrderConfig {
    /// Identities are drawn in proportion to (number of their images)^power. 1, the default: every image once an epoch,
    /// as the data is. Below 1, the long tail is drawn more often, with replacement; 0: every identity equally often.
    pub power: f64,
}

impl InstanceOrderConfig {
    pub(crate) fn check(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.power) {
            return Ok(());
        }
        Err(Error::Setting {
            setting: "order.power",
            value: self.power.to_string(),
            expected: "0 to 1",
        })
    }
}

impl Default for InstanceOrderConfig {
    fn default() -> Self {
        Self { power: 1.0 }
    }
}

/// An image drawn by [`InstanceOrder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceDraw {
    /// The epoch.
    pub epoch: u64,
    /// Position within the epoch.
    pub position: u64,
    /// The image.
    pub image: u64,
    /// Its identity.
    pub identity: u64,
}

/// The order of images: F2C's instance loader.
///
/// Positions count on over epochs without end: epoch `e` takes the positions from `e * images` on. An epoch that ends
/// within a batch is followed by the next in the same batch, so that nothing is ever left out.
#[derive(Debug, Clone)]
pub struct InstanceOrder<'a> {
    index: &'a Index,
    seed: u64,
    power: f64,
}

impl<'a> InstanceOrder<'a> {
    /// # Errors
    /// If the power is not in 0..=1.
    pub fn new(index: &'a Index, seed: u64, config: InstanceOrderConfig) -> Result<Self> {
        config.check()?;
        Ok(Self {
            index,
            seed,
            power: config.power,
        })
    }

    /// The images at some positions.
    pub fn draws(&self, positions: Range<u64>) -> impl Iterator<Item = InstanceDraw> + '_ {
        let images = self.index.images();
        let mut epoch = Epoch::new(images, self.seed, Purpose::InstanceOrder);
        in_chunks(positions, move |chunk, draws| {
            draws.extend(chunk.map(|at| {
                let (epoch, position, permuted) = epoch.at(at);
                let image = if self.power < 1.0 {
                    self.weighted(epoch, position)
                } else {
                    permuted
                };
                InstanceDraw {
                    epoch,
                    position,
                    image,
                    identity: 0,
                }
            }));
            self.index.fetch_images(draws.iter().map(|draw| draw.image));
            for draw in draws {
                draw.identity = self.index.identity_of(draw.image);
            }
        })
    }

    /// Draws an image whose identity has a probability in proportion to count^power, without a table of identities.
    ///
    /// Rejection from one of two even draws. Over the images, an identity comes in proportion to its count and is kept
    /// with the probability (count / least count)^(power - 1); over the identities, it is kept with
    /// (count / greatest count)^power. The one that keeps more is taken: at power 0 the second keeps all.
    fn weighted(&self, epoch: u64, position: u64) -> u64 {
        let index = self.index;
        let mut rng = Purpose::WeightedOrder.key(self.seed, epoch).rng(position);
        let (min, max) = (index.min_images() as f64, index.max_images() as f64);
        let mean = index.images() as f64 / index.identities() as f64;
        let over_images = min.powf(1.0 - self.power) * max.powf(self.power) > mean;
        loop {
            let (drawn, identity) = if over_images {
                let image = rng.below(index.images());
                (Some(image), index.identity_of(image))
            } else {
                (None, rng.below(index.identities()))
            };
            let range = index.images_of(identity);
            let count = (range.end - range.start) as f64;
            let keep = match over_images {
                true => (count / min).powf(self.power - 1.0),
                false => (count / max).powf(self.power),
            };
            if rng.unit_f64() < keep {
                return drawn.unwrap_or_else(|| range.start + rng.below(range.end - range.start));
            }
        }
    }
}
