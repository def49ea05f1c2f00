use std::ops::Range;

use super::{Epoch, in_chunks};
use crate::index::Index;
use crate::purpose::Purpose;

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
/// [`InstanceOrder`](super::InstanceOrder).
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
        in_chunks(positions, move |chunk, draws| {
            draws.extend(chunk.map(|at| {
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
