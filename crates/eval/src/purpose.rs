use ffc_random::{CounterRng, Key};

/// What random numbers are drawn for. Each purpose has numbers of its own.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(crate) enum Purpose {
    SamePairs = 1,
    DifferentPairs,
    Episode,
    Mates,
    Distractors,
    Bootstrap,
}

impl Purpose {
    pub(crate) fn rng(self, seed: u64, position: u64) -> CounterRng {
        Key::new(seed, self as u64).rng(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the purposes are part of every stream.
    #[test]
    fn streams_stay() {
        let first = Purpose::SamePairs.rng(0, 0).next_u64();
        assert_eq!(first, 0xfb36_7c99_c39f_3814);
        let first = Purpose::Episode.rng(7, 1_000_000).next_u64();
        assert_eq!(first, 0x1a04_16d3_9cab_6936);
        let first = Purpose::Bootstrap.rng(u64::MAX, u64::MAX).next_u64();
        assert_eq!(first, 0xcfff_52b1_035e_5574);
    }
}
