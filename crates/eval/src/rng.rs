use std::collections::HashMap;

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

/// Random numbers that depend on (seed, purpose, position) and nothing else: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) in
/// counter mode.
#[derive(Debug, Clone)]
pub(crate) struct CounterRng {
    state: u64,
}

/// The increment of SplitMix64: 2^64 divided by the golden ratio, odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl CounterRng {
    pub(crate) fn new(seed: u64, purpose: Purpose, position: u64) -> Self {
        let seed = mix(seed.wrapping_add(STEP));
        let purpose = mix(seed ^ (purpose as u64).wrapping_mul(STEP));
        Self {
            state: mix(purpose ^ mix(position.wrapping_add(STEP))),
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// Uniform in `0..bound`, by a product instead of a division (Lemire, 2019). The bias is below bound / 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// `count` different numbers of `0..bound` in random order, which must hold so many: a shuffle of which only the moved numbers
    /// are kept.
    pub(crate) fn distinct(&mut self, count: usize, bound: u64) -> Vec<u64> {
        let mut moved = HashMap::new();
        let drawn = (0..count as u64).map(|place| {
            let other = place + self.below(bound - place);
            let here = moved.get(&place).copied().unwrap_or(place);
            moved.insert(other, here).unwrap_or(other)
        });
        drawn.collect()
    }
}

/// The finaliser of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_numbers_are_distinct_and_spread_evenly() {
        let mut seen = [[0u32; 5]; 5];
        for position in 0..20_000 {
            let drawn = CounterRng::new(3, Purpose::Episode, position).distinct(5, 5);
            let mut sorted = drawn.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
            for (place, number) in drawn.into_iter().enumerate() {
                seen[place][number as usize] += 1;
            }
        }
        // Each cell: 4,000 expected, standard deviation 57.
        for count in seen.iter().flatten() {
            assert!(count.abs_diff(4_000) < 5 * 57, "{seen:?}");
        }
    }
}
