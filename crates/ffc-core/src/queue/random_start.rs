use burn::tensor::{Device, Tensor, TensorData};

use crate::embeddings::normalize;
use crate::purpose::Purpose;

/// Unit vectors in uniform directions, `[rows, dim]`, each drawn by the seed and its row.
pub(super) fn unit_rows(seed: u64, rows: usize, dim: usize, device: &Device) -> Tensor<2> {
    let key = Purpose::QueueStart.key(seed);
    let values: Vec<f32> = (0..rows as u64)
        .flat_map(|row| {
            let mut rng = key.rng(row);
            (0..dim).map(move |_| rng.normals()[0] as f32)
        })
        .collect();
    normalize(Tensor::from_data(
        TensorData::new(values, [rows, dim]),
        device,
    ))
}
