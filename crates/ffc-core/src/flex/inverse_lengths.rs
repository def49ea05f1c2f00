use std::ops::Range;

use burn::tensor::{DType, Tensor, TensorData};
use ffc_simd::{multiversion, sum_of};
use rayon::prelude::*;

use super::{BLOCK, Kernels, primitive};
use crate::embeddings::MIN_LENGTH;

impl Kernels {
    /// One over the length of each of some rows of a matrix, `[1, rows]`.
    pub(crate) fn inverse_lengths(self, matrix: &Tensor<2>, rows: Range<usize>) -> Tensor<2> {
        let (dim, device) = (matrix.dims()[1], matrix.device());
        let matrix = primitive(matrix.clone());
        let values = &matrix.storage::<f32>()[rows.start * dim..rows.end * dim];
        let mut inverse = vec![0.0; rows.len()];
        (values.par_chunks(BLOCK * dim))
            .zip(inverse.par_chunks_mut(BLOCK))
            .for_each(|(rows, inverse)| inverse_lengths(rows, inverse));
        Tensor::from_data(
            TensorData::new(inverse, [1, rows.len()]),
            (&device, DType::F32),
        )
    }
}

fn inverse_lengths(rows: &[f32], inverse: &mut [f32]) {
    let dim = rows.len() / inverse.len();
    multiversion(
        #[inline(always)]
        || {
            for (row, inverse) in rows.chunks_exact(dim).zip(inverse.iter_mut()) {
                *inverse = 1.0 / sum_of(row, |x| x * x).sqrt().max(MIN_LENGTH);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tensor, Tolerance};

    use super::Kernels;
    use crate::embeddings::lengths;

    #[test]
    fn burns_operations_agree() {
        let matrix = Tensor::<2>::random([50, 19], Distribution::Default, &Device::flex());
        // The last row has no length.
        let matrix = Tensor::cat(vec![matrix.clone(), matrix.slice_dim(0, 0..1) * 0.0], 0);
        for rows in [0..51, 3..4, 7..45] {
            let found = Kernels::of(&matrix)
                .unwrap()
                .inverse_lengths(&matrix, rows.clone());
            let expected = lengths(&matrix.clone().slice_dim(0, rows))
                .recip()
                .transpose();
            let close = Tolerance::<f32>::relative(1e-6);
            (found.into_data()).assert_approx_eq(&expected.into_data(), close);
        }
    }
}
