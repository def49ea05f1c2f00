use std::f64::consts::TAU;

use burn::tensor::{Device, Tensor, TensorData};
use ffc_random::CounterRng;

use crate::embeddings::normalize;
use crate::purpose::Purpose;

/// Unit vectors in uniform directions, `[rows, dim]`, each drawn by the seed and its row.
pub(super) fn unit_rows(seed: u64, rows: usize, dim: usize, device: &Device) -> Tensor<2> {
    let key = Purpose::QueueStart.key(seed);
    let values: Vec<f32> = (0..rows as u64)
        .flat_map(|row| {
            let mut rng = key.rng(row);
            (0..dim).map(move |_| normal(&mut rng))
        })
        .collect();
    normalize(Tensor::from_data(
        TensorData::new(values, [rows, dim]),
        device,
    ))
}

/// Of mean 0 and deviation 1 (Box and Muller).
fn normal(rng: &mut CounterRng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.unit_f64()).ln()).sqrt();
    (radius * (TAU * rng.unit_f64()).cos()) as f32
}
