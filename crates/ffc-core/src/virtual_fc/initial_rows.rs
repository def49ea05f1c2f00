use burn::tensor::{Device, Tensor, TensorData};

use crate::purpose::Purpose;

/// Uniform in +-sqrt(6 / (rows + dim)) (Glorot and Bengio, 2010), `[rows, dim]`, each row drawn by the seed and its number.
pub(super) fn xavier_uniform(seed: u64, rows: usize, dim: usize, device: &Device) -> Tensor<2> {
    let bound = (6.0 / (rows + dim) as f32).sqrt();
    let key = Purpose::VirtualRow.key(seed);
    let values: Vec<f32> = (0..rows as u64)
        .flat_map(|row| {
            let mut rng = key.rng(row);
            (0..dim).map(move |_| rng.between(-bound, bound))
        })
        .collect();
    Tensor::from_data(TensorData::new(values, [rows, dim]), device)
}
