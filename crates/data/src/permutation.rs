use ffc_random::mix;

use crate::purpose::Purpose;

/// A pseudo-random order of `0..len` that is computed, not stored.
///
/// An unbalanced Feistel network over the fewest bits that hold `len` numbers is a bijection of `0..2^bits`. Walking
/// along its cycle until a number below `len` appears makes it one of `0..len` (Black and Rogaway, CT-RSA 2002). As
/// 2^bits < 2 len, a walk takes two steps or fewer on average.
#[derive(Debug, Clone)]
pub(crate) struct Permutation {
    len: u64,
    low_bits: u32,
    low_mask: u64,
    high_mask: u64,
    keys: [u64; ROUNDS],
}

/// An even number, so that the halves end where they began.
const ROUNDS: usize = 6;

impl Permutation {
    /// The order of one epoch. `len` must not be 0.
    pub(crate) fn new(len: u64, seed: u64, purpose: Purpose, epoch: u64) -> Self {
        // Two bits at least: each half needs one.
        let bits = (64 - len.saturating_sub(1).leading_zeros()).max(2);
        let low_bits = bits / 2;
        let high_bits = bits - low_bits;
        let key = purpose.key(seed, epoch).bits();
        Self {
            len,
            low_bits,
            low_mask: (1 << low_bits) - 1,
            high_mask: (1 << high_bits) - 1,
            keys: std::array::from_fn(|round| mix(key ^ mix(round as u64 + 1))),
        }
    }

    /// The number at `position`, which must be below the length.
    pub(crate) fn at(&self, position: u64) -> u64 {
        debug_assert!(position < self.len);
        let mut number = position;
        loop {
            number = self.encrypt(number);
            if number < self.len {
                return number;
            }
        }
    }

    fn encrypt(&self, number: u64) -> u64 {
        let mut low = number & self.low_mask;
        let mut high = number >> self.low_bits;
        // Each half takes a hash of the other in turn: each round can be undone, whatever the hash.
        for pair in self.keys.chunks_exact(2) {
            high = (high ^ scramble(low, pair[0])) & self.high_mask;
            low = (low ^ scramble(high, pair[1])) & self.low_mask;
        }
        (high << self.low_bits) | low
    }
}

/// Half of SplitMix64's finaliser: with six rounds enough, and half the time.
fn scramble(half: u64, key: u64) -> u64 {
    let product = (half ^ key).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (product ^ (product >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_up_to_1100_is_permuted() {
        for len in 1..1100 {
            let order = Permutation::new(len, 5, Purpose::InstanceOrder, len % 3);
            let mut seen = vec![false; len as usize];
            for position in 0..len {
                let number = order.at(position) as usize;
                assert!(
                    !std::mem::replace(&mut seen[number], true),
                    "{len}: {number} twice"
                );
            }
        }
    }

    #[test]
    fn seeds_epochs_and_purposes_give_other_orders() {
        let take = |seed, purpose, epoch| {
            let order = Permutation::new(1 << 40, seed, purpose, epoch);
            (0..4)
                .map(|position| order.at(position))
                .collect::<Vec<_>>()
        };
        let orders = [
            take(1, Purpose::InstanceOrder, 0),
            take(2, Purpose::InstanceOrder, 0),
            take(1, Purpose::IdentityOrder, 0),
            take(1, Purpose::InstanceOrder, 1),
        ];
        for (i, a) in orders.iter().enumerate() {
            for b in &orders[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    /// Chi-square of where each position of eight lands, over many seeds: every one of 64 cells 1/8 of the time; and
    /// of the difference between neighbours, which a weak network betrays.
    #[test]
    fn positions_and_neighbours_spread_evenly() {
        const LEN: usize = 8;
        const SEEDS: u64 = 40_000;
        let mut places = [[0f64; LEN]; LEN];
        let mut steps = [[0f64; LEN]; LEN];
        for seed in 0..SEEDS {
            let order = Permutation::new(LEN as u64, seed, Purpose::InstanceOrder, 0);
            for position in 0..LEN {
                let here = order.at(position as u64) as usize;
                let next = order.at(((position + 1) % LEN) as u64) as usize;
                places[position][here] += 1.0;
                steps[position][(next + LEN - here) % LEN] += 1.0;
            }
        }
        let expected = SEEDS as f64 / LEN as f64;
        let square = |cells: &[f64], expected: f64| -> f64 {
            cells
                .iter()
                .map(|seen| (seen - expected).powi(2) / expected)
                .sum()
        };
        for position in 0..LEN {
            // 7 degrees of freedom: 29.9 is exceeded once in 10,000.
            assert!(
                square(&places[position], expected) < 29.9,
                "{:?}",
                places[position]
            );
            // A difference of 0 cannot occur; the other 7 are equally likely.
            assert_eq!(steps[position][0], 0.0);
            let expected = SEEDS as f64 / (LEN - 1) as f64;
            assert!(
                square(&steps[position][1..], expected) < 27.9,
                "{:?}",
                steps[position]
            );
        }
    }
}
