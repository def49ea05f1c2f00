use crate::{CounterRng, STEP};

/// What a family of streams hangs on, such as (seed, purpose) or (seed, purpose, epoch).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The key of one purpose. Each purpose has numbers of its own.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let seed = mix(seed.wrapping_add(STEP));
        Self(mix(seed ^ purpose.wrapping_mul(STEP)))
    }

    /// A further key under this one, such as that of an epoch.
    pub fn at(self, number: u64) -> Self {
        Self(mix(self.0.wrapping_add(STEP) ^ number.wrapping_mul(STEP)))
    }

    /// The stream of a position.
    pub fn rng(self, position: u64) -> CounterRng {
        CounterRng::from_state(mix(self.0 ^ mix(position.wrapping_add(STEP))))
    }

    /// The key's bits, for hashes of the user's own.
    pub fn bits(self) -> u64 {
        self.0
    }
}

/// The finaliser of SplitMix64: a bijection in which every input bit reaches every output bit.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
