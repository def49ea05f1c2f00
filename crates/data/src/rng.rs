/// What random numbers are drawn for. Each purpose has numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Purpose {
    InstanceOrder = 1,
    WeightedOrder,
    IdentityOrder,
    ImagePair,
    Augmentation,
    SyntheticIdentity,
    SyntheticImage,
    GroupImages,
    OneEachIdentity,
    OneEachImage,
}

/// Random numbers that depend on (seed, purpose, epoch, position) and nothing else.
///
/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) in counter mode: number `n` is a hash of the key and `n`, so that
/// any position can be drawn at any time by any worker.
#[derive(Debug, Clone)]
pub(crate) struct CounterRng {
    state: u64,
}

/// The increment of SplitMix64: 2^64 divided by the golden ratio, odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: a bijection in which every input bit reaches every output bit.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A key of 64 bits for one purpose and epoch.
pub(crate) fn key(seed: u64, purpose: Purpose, epoch: u64) -> u64 {
    let seed = mix(seed.wrapping_add(STEP));
    let purpose = mix(seed ^ (purpose as u64).wrapping_mul(STEP));
    mix(purpose.wrapping_add(STEP) ^ epoch.wrapping_mul(STEP))
}

impl CounterRng {
    pub(crate) fn new(seed: u64, purpose: Purpose, epoch: u64, position: u64) -> Self {
        Self::from_key(key(seed, purpose, epoch), position)
    }

    /// For many positions of one [`key`].
    pub(crate) fn from_key(key: u64, position: u64) -> Self {
        Self {
            state: mix(key ^ mix(position.wrapping_add(STEP))),
        }
    }

    /// Uniform in `0..bound`, by a product instead of a division (Lemire, 2019). The bias is below bound / 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in [0, 1), in steps of 2^-53.
    pub(crate) fn unit_f64(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }
}
