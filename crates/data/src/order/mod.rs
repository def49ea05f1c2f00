//! In which order images and identities are drawn.

mod group;
mod identity;
mod instance;
mod one_each;

use std::ops::Range;

pub(crate) use self::group::GroupOrder;
pub use self::identity::{IdentityDraw, IdentityOrder};
pub use self::instance::{InstanceDraw, InstanceOrder, InstanceOrderConfig};
pub use self::one_each::draw_one_each;
use crate::permutation::Permutation;
use crate::purpose::Purpose;

/// Draws that are made at once.
const CHUNK: u64 = 64;

/// Draws chunk by chunk: `fill` draws some positions into an empty list. Numbers first, then look-ups in the index,
/// whose memory can so be asked for at once.
fn in_chunks<T: Copy>(
    mut positions: Range<u64>,
    mut fill: impl FnMut(Range<u64>, &mut Vec<T>),
) -> impl Iterator<Item = T> {
    let (mut draws, mut next) = (Vec::with_capacity(CHUNK as usize), 0);
    std::iter::from_fn(move || {
        if next == draws.len() {
            let end = positions.end.min(positions.start.saturating_add(CHUNK));
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
