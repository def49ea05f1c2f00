//! Small tensors from numbers on the host.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// `[numbers.len()]`, to index with.
pub(crate) fn indices(numbers: &[u32], device: &Device) -> Tensor<1, Int> {
    let numbers: Vec<i32> = numbers.iter().map(|&n| n as i32).collect();
    let len = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [len]), device)
}

/// `[numbers.len(), 1]`.
pub(crate) fn column(numbers: Vec<f32>, device: &Device) -> Tensor<2> {
    let len = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [len, 1]), device)
}
