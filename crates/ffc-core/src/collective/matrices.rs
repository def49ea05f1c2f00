//! What several ranks make of a matrix that each has.

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::Collective;
use crate::softmax::PartialSoftmax;
use crate::upload::column;
use crate::{Error, Result};

/// The sum over the ranks, in f32.
///
/// # Errors
///
/// Where a device or a rank fails.
pub(crate) fn sum(matrix: Tensor<2>, ranks: &dyn Collective) -> Result<Tensor<2>> {
    let (shape, device) = (matrix.dims(), matrix.device());
    let mut values = host(matrix)?;
    ranks.all_reduce_sum(&mut values)?;
    Ok(of_host(values, shape, &device))
}

/// The softmax over the centres of all ranks from that over each one's own.
///
/// # Errors
///
/// Where a device or a rank fails.
pub(crate) fn merged(own: PartialSoftmax, ranks: &dyn Collective) -> Result<PartialSoftmax> {
    let PartialSoftmax { log_sum_exp, mean } = own;
    let device = mean.device();
    let [rows, dim] = mean.dims();
    let mut most = host(log_sum_exp.clone())?;
    ranks.all_reduce_max(&mut most)?;
    let most = column(most, &device);
    let share = (log_sum_exp - most.clone()).exp();
    let all = Tensor::cat(vec![mean * share.clone(), share], 1);
    let all = sum(all, ranks)?;
    let whole = all.clone().slice([0..rows, dim..dim + 1]);
    Ok(PartialSoftmax {
        log_sum_exp: most + whole.clone().log(),
        mean: all.slice([0..rows, 0..dim]) / whole,
    })
}

/// The numbers of a matrix, row by row.
///
/// # Errors
///
/// Where the device fails.
pub(crate) fn host(matrix: Tensor<2>) -> Result<Vec<f32>> {
    let values = matrix.try_into_vec_as::<f32>();
    values.map_err(|error| Error::Device(error.to_string()))
}

/// A matrix in f32 of such numbers.
pub(crate) fn of_host(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), (device, DType::F32))
}
