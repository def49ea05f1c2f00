use burn::tensor::{DType, Tensor, TensorData};
use ffc_simd::{exp, greatest, multiversion, sum_of};
use rayon::prelude::*;

use super::{Kernels, matrix, primitive};
use crate::softmax::HIDDEN;

impl Kernels {
    /// The softmax p of each row of `f * values` and its log-sum-exp, `[rows, 1]`; the first as `f * p`, its derivatives by the values.
    /// Row by row, so that a row is still in the cache when it is needed again.
    ///
    /// # Shapes
    ///
    /// - `values`: `[rows, columns]`
    /// - `factors`: f, `[1, columns]`; 1 without them
    /// - `hidden` is the column that a row does not see
    pub(crate) fn softmax(
        self,
        values: Tensor<2>,
        factors: Option<&Tensor<2>>,
        hidden: impl Fn(usize) -> Option<usize> + Sync,
    ) -> (Tensor<2>, Tensor<2>) {
        let ([rows, columns], device) = (values.dims(), values.device());
        let factors = factors.map(|factors| primitive(factors.clone()));
        let factors: Option<&[f32]> = factors.as_ref().map(|factors| factors.storage());
        let mut values = primitive(values);
        let mut sums = vec![0.0; rows];
        (values.storage_mut::<f32>().par_chunks_exact_mut(columns))
            .zip(&mut sums)
            .enumerate()
            .for_each(|(row, (values, sum))| *sum = softmax(values, factors, hidden(row)));
        let sums = Tensor::from_data(TensorData::new(sums, [rows, 1]), (&device, DType::F32));
        (matrix(values), sums)
    }
}

fn softmax(row: &mut [f32], factors: Option<&[f32]>, hidden: Option<usize>) -> f32 {
    multiversion(
        #[inline(always)]
        || {
            if let Some(factors) = factors {
                for (x, factor) in row.iter_mut().zip(factors) {
                    *x *= factor;
                }
            }
            if let Some(column) = hidden {
                row[column] += HIDDEN;
            }
            let max = greatest(row);
            for x in row.iter_mut() {
                *x = exp(*x - max);
            }
            let sum = sum_of(row, |x| x);
            let inverse = 1.0 / sum;
            match factors {
                Some(factors) => {
                    for (x, factor) in row.iter_mut().zip(factors) {
                        *x *= inverse * factor;
                    }
                }
                None => {
                    for x in row.iter_mut() {
                        *x *= inverse;
                    }
                }
            }
            max + sum.ln()
        },
    )
}

#[cfg(test)]
mod tests {
    use burn::tensor::activation::softmax;
    use burn::tensor::{Device, Distribution, Tensor, Tolerance};

    use super::{HIDDEN, Kernels};

    #[test]
    fn burns_operations_agree() {
        let device = Device::flex();
        for [rows, columns] in [[1, 1], [3, 17], [20, 300]] {
            let random = |shape, spread| {
                Tensor::<2>::random(shape, Distribution::Normal(0.0, spread), &device)
            };
            let (values, factors) = (random([rows, columns], 20.0), random([1, columns], 1.0));
            let hidden = |row: usize| (row % 3 != 1).then_some(row * 7 % columns);

            let mut logits = values.clone() * factors.clone();
            for row in 0..rows {
                if let Some(column) = hidden(row) {
                    let cell = [row..row + 1, column..column + 1];
                    let seen = logits.clone().slice(cell.clone());
                    logits = logits.slice_assign(cell, seen + HIDDEN);
                }
            }
            let max = logits.clone().max_dim(1);
            let sums = (logits.clone() - max.clone()).exp().sum_dim(1).log() + max;
            let share = softmax(logits, 1) * factors.clone();

            let kernels = Kernels::of(&values).unwrap();
            let (found, found_sums) = kernels.softmax(values.clone(), Some(&factors), hidden);
            let close = Tolerance::<f32>::rel_abs(1e-5, 1e-6);
            (found.into_data()).assert_approx_eq(&share.into_data(), close);
            (found_sums.into_data()).assert_approx_eq(&sums.into_data(), close);

            let (plain, _) = kernels.softmax(values.clone(), None, |_| None);
            (plain.into_data()).assert_approx_eq(&softmax(values, 1).into_data(), close);
        }
    }
}
