use std::ops::Range;

use burn::tensor::{DType, Device, Tensor, TensorData};
use ffc_random::Key;

use crate::purpose::Purpose;

/// Standard deviation of the initial weights, as the published code of Partial FC has it.
const DEVIATION: f64 = 0.01;
/// Numbers that are drawn at once.
const BLOCK: usize = 1 << 21;

/// Initial class weights: normal with mean 0 and standard deviation 0.01, each row a function of (seed, row) alone, so that any row
/// can be drawn at any time and is the same on every device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InitialWeights {
    key: Key,
}

impl InitialWeights {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            key: Purpose::ClassWeight.key(seed),
        }
    }

    /// Fills `values` with the weights of a row.
    pub(crate) fn draw(&self, row: u64, values: &mut [f32]) {
        let mut rng = self.key.rng(row);
        for pair in values.chunks_mut(2) {
            for (value, normal) in pair.iter_mut().zip(rng.normals()) {
                *value = (DEVIATION * normal) as f32;
            }
        }
    }

    /// Those of some identities, `[rows, dim]`.
    pub(crate) fn matrix(
        &self,
        identities: Range<u64>,
        dim: usize,
        dtype: DType,
        device: &Device,
    ) -> Tensor<2> {
        let rows = (identities.end - identities.start) as usize;
        let mut matrix = Tensor::zeros([rows, dim], (device, dtype));
        let step = (BLOCK / dim).max(1);
        for first in (0..rows).step_by(step) {
            let end = rows.min(first + step);
            let mut values = vec![0.0; (end - first) * dim];
            let identities = identities.start + first as u64..;
            for (row, values) in identities.zip(values.chunks_exact_mut(dim)) {
                self.draw(row, values);
            }
            let some = TensorData::new(values, [end - first, dim]);
            let some = Tensor::<2>::from_data(some, device).cast(dtype);
            matrix.inplace(|matrix| matrix.slice_assign([first..end, 0..dim], some));
        }
        matrix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_normal_and_a_function_of_seed_and_row() {
        let initial = InitialWeights::new(5);
        let (mut values, mut again) = (vec![0.0; 100_001], vec![0.0; 100_001]);
        initial.draw(3, &mut values);
        initial.draw(3, &mut again);
        assert_eq!(values, again);
        let moment = |power: i32| -> f64 {
            let sum: f64 = (values.iter())
                .map(|&value| (f64::from(value) / DEVIATION).powi(power))
                .sum();
            sum / values.len() as f64
        };
        // Within five standard deviations of each moment of the standard normal.
        assert!(moment(1).abs() < 0.016);
        assert!((moment(2) - 1.0).abs() < 0.023);
        assert!(moment(3).abs() < 0.062);
        assert!((moment(4) - 3.0).abs() < 0.16);

        for other in [InitialWeights::new(6), initial] {
            other.draw(4, &mut again);
            assert_ne!(values, again);
        }
    }
}
