use std::ops::Range;

use burn::tensor::{DType, Device, Tensor};

use super::{InitialWeights, Sgd};
use crate::HeadContext;

/// Rows of class weights and their momenta, outside any graph.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// `[classes, dim]`.
    pub(crate) weight: Tensor<2>,
    /// `[classes, dim]`.
    pub(crate) momentum: Tensor<2>,
}

impl Rows {
    /// Those of all identities before the first step.
    pub(crate) fn initial(context: &HeadContext, dtype: DType, device: &Device) -> Self {
        let (rows, dim) = (context.identities as usize, context.dim);
        Self {
            weight: InitialWeights::new(context.seed).matrix(rows, dim, dtype, device),
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
        let first = rows.start;
        let some = self.slice(rows);
        // By raw rows: (g - (g . v) v) / |w|, with v = w / |w|.
        let along = (gradient.clone() * some.weight.clone()).sum_dim(1);
        let radial = along * inverse.transpose().square();
        self.assign(first, sgd.step(some, gradient, radial));
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
