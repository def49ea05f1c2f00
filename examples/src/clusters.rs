//! Generated clusters of points, for examples that need data and no files.

use burn::tensor::{Device, Tensor, TensorData, TensorReadError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Identities whose images are points around a centre of their own. Half of the dimensions hold no
/// trace of the identity, only noise that is stronger than the rest.
#[derive(Debug)]
pub struct Clusters {
    centres: Vec<Vec<f32>>,
    rng: StdRng,
}

impl Clusters {
    /// Dimensions of a point.
    pub const DIM: usize = 32;

    /// As many identities as given, drawn from a seed.
    pub fn new(identities: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let centres = (0..identities)
            .map(|_| {
                (0..Self::DIM / 2)
                    .map(|_| rng.random_range(-1.0..1.0))
                    .collect()
            })
            .collect();
        Self { centres, rng }
    }

    /// Identities at random.
    pub fn draw(&mut self, count: usize) -> Vec<u64> {
        let identities = self.centres.len() as u64;
        (0..count)
            .map(|_| self.rng.random_range(0..identities))
            .collect()
    }

    /// A new image of each identity, `[identities.len(), DIM]`.
    pub fn images(&mut self, identities: &[u64], device: &Device) -> Tensor<2> {
        let mut values = Vec::with_capacity(identities.len() * Self::DIM);
        for &identity in identities {
            let rng = &mut self.rng;
            values.extend(
                (self.centres[identity as usize].iter()).map(|at| at + rng.random_range(-0.4..0.4)),
            );
            values.extend((0..Self::DIM / 2).map(|_| rng.random_range(-2.0..2.0)));
        }
        Tensor::from_data(
            TensorData::new(values, [identities.len(), Self::DIM]),
            device,
        )
    }
}

/// Share of `queries` whose nearest centre by cosine is the one of the same row.
///
/// # Errors
///
/// Reading from the device failed.
pub fn nearest_centre_accuracy(
    centres: Tensor<2>,
    queries: Tensor<2>,
) -> Result<f32, TensorReadError> {
    let unit = |rows: Tensor<2>| rows.clone() / rows.square().sum_dim(1).sqrt();
    let [rows, _] = queries.dims();
    let nearest = unit(queries).matmul(unit(centres).transpose()).argmax(1);
    let nearest = nearest.try_into_vec_as::<i64>()?;
    let right = nearest
        .iter()
        .zip(0..)
        .filter(|(found, own)| *found == own)
        .count();
    Ok(right as f32 / rows as f32)
}
