//! In which order images and identities are drawn.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::index::Index;
use crate::permutation::Permutation;
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
        let power = config.power;
        if !(0.0..=1.0).contains(&power) {
            return Err(Error::Setting {
                setting: "power",
                value: power.to_string(),
                expected: "0 to 1",
            });
        }
        Ok(Self { index, seed, power })
    }

    /// The images at some positions.
    pub fn draws(&self, positions: Range<u64>) -> impl Iterator<Item = InstanceDraw> + '_ {
        let images = self.index.images();
        let mut epoch = Epoch::new(images, self.seed, Purpose::InstanceOrder);
        in_groups(positions, move |group, draws| {
            draws.extend(group.map(|at| {
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

/// An identity with two images drawn by [`IdentityOrder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityDraw {
    /// The epoch.
    pub epoch: u64,
    /// Position within the epoch.
    pub position: u64,
    /// The identity.
    pub identity: u64,
    /// Two images of it, different ones where it has two.
    pub images: [u64; 2],
}

/// The order of identities, two images each: F2C's id loader. Positions count on over epochs, as in
/// [`InstanceOrder`].
#[derive(Debug, Clone)]
pub struct IdentityOrder<'a> {
    index: &'a Index,
    seed: u64,
}

impl<'a> IdentityOrder<'a> {
    /// Every epoch holds every identity once.
    pub fn new(index: &'a Index, seed: u64) -> Self {
        Self { index, seed }
    }

    /// The identities at some positions.
    pub fn draws(&self, positions: Range<u64>) -> impl Iterator<Item = IdentityDraw> + '_ {
        let mut epoch = Epoch::new(self.index.identities(), self.seed, Purpose::IdentityOrder);
        in_groups(positions, move |group, draws| {
            draws.extend(group.map(|at| {
                let (epoch, position, identity) = epoch.at(at);
                IdentityDraw {
                    epoch,
                    position,
                    identity,
                    images: [0; 2],
                }
            }));
            self.index
                .fetch_identities(draws.iter().map(|draw| draw.identity));
            for draw in draws {
                draw.images = self.pair(draw);
            }
        })
    }

    fn pair(&self, draw: &IdentityDraw) -> [u64; 2] {
        let mut rng = Purpose::ImagePair
            .key(self.seed, draw.epoch)
            .rng(draw.position);
        let range = self.index.images_of(draw.identity);
        let count = range.end - range.start;
        let first = rng.below(count);
        let second = match count {
            1 => first,
            _ => (first + 1 + rng.below(count - 1)) % count,
        };
        [range.start + first, range.start + second]
    }
}

/// Draws that are made at once.
const GROUP: u64 = 64;

/// Draws group by group: `fill` draws some positions into an empty list. Numbers first, then look-ups in the index,
/// whose memory can so be asked for at once.
fn in_groups<T: Copy>(
    mut positions: Range<u64>,
    mut fill: impl FnMut(Range<u64>, &mut Vec<T>),
) -> impl Iterator<Item = T> {
    let (mut draws, mut next) = (Vec::with_capacity(GROUP as usize), 0);
    std::iter::from_fn(move || {
        if next == draws.len() {
            let end = positions.end.min(positions.start.saturating_add(GROUP));
            draws.clear();
            next = 0;
            fill(positions.start..end, &mut draws);
            positions.start = end;
        }
        next += 1;
        draws.get(next - 1).copied()
    })
}

/// Walks along positions and makes each epoch's order when it begins.
struct Epoch {
    len: u64,
    seed: u64,
    purpose: Purpose,
    current: u64,
    order: Permutation,
}

impl Epoch {
    fn new(len: u64, seed: u64, purpose: Purpose) -> Self {
        Self {
            len,
            seed,
            purpose,
            current: 0,
            order: Permutation::new(len, seed, purpose, 0),
        }
    }

    /// Epoch, position in it, and the number that stands there.
    fn at(&mut self, position: u64) -> (u64, u64, u64) {
        let start = self.current * self.len;
        if position < start || position - start >= self.len {
            self.current = position / self.len;
            self.order = Permutation::new(self.len, self.seed, self.purpose, self.current);
        }
        let position = position - self.current * self.len;
        (self.current, position, self.order.at(position))
    }
}
