use std::collections::HashMap;

use crate::{STEP, mix};

/// The numbers of one position of a [`Key`](crate::Key).
#[derive(Debug, Clone)]
pub struct CounterRng {
    state: u64,
}

impl CounterRng {
    pub(crate) fn from_state(state: u64) -> Self {
        Self { state }
    }

    /// Uniform over all numbers of 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// Uniform in `0..bound`, by a product instead of a division (Lemire, 2019). The bias is below bound / 2^64. Of a bound of 0, 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in [0, 1), in steps of 2^-24.
    pub fn unit(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in [0, 1), in steps of 2^-53.
    pub fn unit_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Two numbers of mean 0 and standard deviation 1 (Box and Muller, 1958).
    pub fn normals(&mut self) -> [f64; 2] {
        // 1 - u is never 0.
        let radius = (-2.0 * (1.0 - self.unit_f64()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.unit_f64()).sin_cos();
        [radius * cos, radius * sin]
    }

    /// `count` different numbers of `0..bound` in random order: a shuffle of which only the moved numbers are kept. Of a `bound` below
    /// `count`, all of them.
    pub fn distinct(&mut self, count: usize, bound: u64) -> Vec<u64> {
        let mut moved = HashMap::new();
        let drawn = (0..bound.min(count as u64)).map(|place| {
            let other = place + self.below(bound - place);
            let here = moved.get(&place).copied().unwrap_or(place);
            moved.insert(other, here).unwrap_or(other)
        });
        drawn.collect()
    }
}
