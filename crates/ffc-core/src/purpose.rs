use ffc_random::Key;

/// What random numbers are drawn for. Each purpose has numbers of its own.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(crate) enum Purpose {
    /// Initial class weights: a position is a row.
    ClassWeight = 1,
    /// The classes that take part in a step: a position is a step.
    ClassSample,
    /// The entries that a queue starts with: a position is an entry.
    QueueStart,
    /// Initial rows of Virtual FC: a position is a row.
    VirtualRow,
}

impl Purpose {
    pub(crate) fn key(self, seed: u64) -> Key {
        Key::new(seed, self as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the purposes are part of every stream.
    #[test]
    fn streams_stay() {
        let first = Purpose::ClassWeight.key(0).rng(0).next_u64();
        assert_eq!(first, 0xfb36_7c99_c39f_3814);
        let first = Purpose::ClassSample.key(7).rng(1_000_000).next_u64();
        assert_eq!(first, 0xb4e7_5a1a_e66c_b3ee);
    }
}
