use std::ops::Range;

use burn::tensor::{DType, Device, Tensor};

use super::{InitialWeights, Sgd, Shard};
use crate::embeddings::lengths;
use crate::flex::Kernels;
use crate::{Error, HeadContext, Result, setting};

/// What rows of class weights are called where they do not fit.
pub(crate) const HELD: &str = "class weights with their momenta";

/// Refuses a training set without identities, and embeddings without dimensions.
///
/// # Errors
///
/// [`Error::NoIdentities`], [`Error::Setting`].
pub(crate) fn check_identities(context: &HeadContext) -> Result<()> {
    if context.identities == 0 {
        return Err(Error::NoIdentities);
    }
    setting::at_least_one("dim", context.dim)
}

/// Rows that decay at once.
const DECAY_ROWS: usize = 2048;

/// Rows of class weights and their momenta, outside any graph.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// `[classes, dim]`.
    pub(crate) weight: Tensor<2>,
    /// `[classes, dim]`.
    pub(crate) momentum: Tensor<2>,
}

impl Rows {
    /// Those of a shard before the first step.
    pub(crate) fn initial(
        context: &HeadContext,
        shard: &Shard,
        dtype: DType,
        device: &Device,
    ) -> Self {
        let (rows, dim) = (shard.len() as usize, context.dim);
        let weights = InitialWeights::new(context.seed);
        Self {
            weight: weights.matrix(shard.classes(), dim, dtype, device),
            momentum: Tensor::zeros([rows, dim], (device, dtype)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.weight.dims()[0]
    }

    /// Weights of some of them, in f32.
    pub(crate) fn weights(&self, rows: Range<usize>) -> Tensor<2> {
        self.weight.clone().slice_dim(0, rows).cast(DType::F32)
    }

    /// One over the lengths of some of them, `[1, rows]`.
    pub(crate) fn inverse_lengths(&self, rows: Range<usize>) -> Tensor<2> {
        match Kernels::of(&self.weight) {
            Some(kernels) => kernels.inverse_lengths(&self.weight, rows),
            None => lengths(&self.weights(rows)).recip().transpose(),
        }
    }

    /// Lets some of them make a step.
    ///
    /// # Shapes
    ///
    /// - `gradient`: by the normalised rows, divided by their lengths, `[rows, dim]`
    /// - `inverse`: 1 / |w|, `[1, rows]`
    pub(crate) fn descend(
        &mut self,
        rows: Range<usize>,
        gradient: Tensor<2>,
        inverse: Tensor<2>,
        sgd: Sgd,
    ) {
        match Kernels::of(&self.weight) {
            Some(kernels) => kernels.descend(self, rows.start, gradient, inverse, sgd),
            None => self.descend_on_any_device(rows, gradient, inverse, sgd),
        }
    }

    fn descend_on_any_device(
        &mut self,
        rows: Range<usize>,
        gradient: Tensor<2>,
        inverse: Tensor<2>,
        sgd: Sgd,
    ) {
        let first = rows.start;
        let some = self.slice(rows);
        // By raw rows: (g - (g . v) v) / |w|, with v = w / |w|.
        let along = (gradient.clone() * some.weight.clone()).sum_dim(1);
        let radial = along * inverse.transpose().square();
        self.assign(first, sgd.step(some, gradient, radial));
    }

    /// Lets all of them make a step without a gradient.
    pub(crate) fn decay(&mut self, sgd: Sgd) {
        match Kernels::of(&self.weight) {
            Some(kernels) => kernels.decay(self, sgd),
            None => self.decay_on_any_device(sgd),
        }
    }

    fn decay_on_any_device(&mut self, sgd: Sgd) {
        for start in (0..self.len()).step_by(DECAY_ROWS) {
            let some = self.slice(start..self.len().min(start + DECAY_ROWS));
            self.assign(start, sgd.step_without_gradient(some));
        }
    }

    /// Some of them, in f32.
    pub(crate) fn slice(&self, rows: Range<usize>) -> Self {
        let slice = |matrix: &Tensor<2>| matrix.clone().slice_dim(0, rows.clone()).cast(DType::F32);
        Self {
            weight: slice(&self.weight),
            momentum: slice(&self.momentum),
        }
    }

    /// Puts rows in the place of those from `first` on. Works in place where nobody else holds the matrices.
    pub(crate) fn assign(&mut self, first: usize, rows: Self) {
        let assign = |matrix: &mut Tensor<2>, rows: Tensor<2>| {
            let [count, dim] = rows.dims();
            let rows = rows.cast(matrix.dtype());
            matrix.inplace(|matrix| matrix.slice_assign([first..first + count, 0..dim], rows));
        };
        assign(&mut self.weight, rows.weight);
        assign(&mut self.momentum, rows.momentum);
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{Distribution, Tolerance};

    use super::*;

    #[test]
    fn kernels_and_operations_agree() {
        let device = Device::flex();
        let random =
            |shape: [usize; 2]| Tensor::<2>::random(shape, Distribution::Normal(0.0, 1.0), &device);
        let sgd = Sgd {
            momentum: 0.9,
            weight_decay: 0.01,
            learning_rate: 0.3,
        };
        for dim in [1, 16, 23] {
            let mut by_kernels = Rows {
                weight: random([60, dim]),
                momentum: random([60, dim]),
            };
            let mut by_operations = by_kernels.clone();
            for rows in [0..60, 5..6, 11..50] {
                let gradient = random([rows.len(), dim]);
                let inverse = lengths(&by_operations.weights(rows.clone()))
                    .recip()
                    .transpose();
                by_kernels.descend(rows.clone(), gradient.clone(), inverse.clone(), sgd);
                by_operations.descend_on_any_device(rows, gradient, inverse, sgd);
            }
            by_kernels.decay(sgd);
            by_operations.decay_on_any_device(sgd);
            let close = Tolerance::<f32>::rel_abs(1e-5, 1e-5);
            for (kernels, operations) in [
                (by_kernels.weight, by_operations.weight),
                (by_kernels.momentum, by_operations.momentum),
            ] {
                (kernels.into_data()).assert_approx_eq(&operations.into_data(), close);
            }
        }
    }
}
