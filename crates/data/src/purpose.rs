use ffc_random::Key;

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
    OneEach,
    ThinnedRank,
    ThinnedImages,
    HeldOut,
}

impl Purpose {
    /// The key of one epoch.
    pub(crate) fn key(self, seed: u64, epoch: u64) -> Key {
        Key::new(seed, self as u64).at(epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the purposes are part of every stream.
    #[test]
    fn streams_stay() {
        let first = Purpose::InstanceOrder.key(0, 0).rng(0).next_u64();
        assert_eq!(first, 0xed57_1656_7c72_3af4);
        let first = Purpose::Augmentation.key(7, 3).rng(1_000_000).next_u64();
        assert_eq!(first, 0x5df8_1661_eee8_3c08);
        let last = Purpose::SyntheticImage.key(u64::MAX, u64::MAX);
        assert_eq!(last.rng(u64::MAX).next_u64(), 0xd5f8_e401_58b0_f7bf);
    }
}
