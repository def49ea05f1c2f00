use std::ops::Range;

use burn::tensor::{Int, Tensor};

/// Columns that are searched together.
const GROUP: usize = 32;

/// The k largest values of each row and the columns that hold them.
pub(super) struct TopK {
    /// `[rows, k]`, in descending order.
    pub(super) values: Tensor<2>,
    /// `[rows, k]`.
    pub(super) columns: Tensor<2, Int>,
}

impl TopK {
    /// The k largest of each row, or all where there are fewer.
    ///
    /// Sorting whole rows is slow, and the k largest values lie in the k groups of columns with the
    /// largest maxima: only those are sorted.
    pub(super) fn new(values: Tensor<2>, k: usize) -> Self {
        let [rows, width] = values.dims();
        let groups = width / GROUP;
        if groups <= 2 * k {
            let (values, columns) = values.topk_with_indices(k.min(width), 1);
            return Self { values, columns };
        }
        let device = values.device();
        let grouped = values.clone().slice([0..rows, 0..groups * GROUP]);
        let maxima = grouped.reshape([rows, groups, GROUP]).max_dim(2);
        let best = maxima.reshape([rows, groups]).argtopk(k, 1);

        let inside = Tensor::<1, Int>::arange(0..GROUP as i64, &device).cast(best.dtype());
        let candidates =
            best.reshape([rows, k, 1]).mul_scalar(GROUP as i64) + inside.reshape([1, 1, GROUP]);
        let mut candidates = candidates.reshape([rows, k * GROUP]);
        if groups * GROUP < width {
            let rest = Tensor::<1, Int>::arange((groups * GROUP) as i64..width as i64, &device);
            let rest = rest
                .cast(candidates.dtype())
                .reshape([1, width - groups * GROUP]);
            let rest = rest.expand([rows, width - groups * GROUP]);
            candidates = Tensor::cat(vec![candidates, rest], 1);
        }
        let (values, at) = values.gather(1, candidates.clone()).topk_with_indices(k, 1);
        Self {
            values,
            columns: candidates.gather(1, at),
        }
    }

    /// The same, of columns that lie further right.
    pub(super) fn shifted(self, columns: usize) -> Self {
        Self {
            values: self.values,
            columns: self.columns + columns as i64,
        }
    }

    /// The k largest of both.
    pub(super) fn merge(self, other: Self, k: usize) -> Self {
        let values = Tensor::cat(vec![self.values, other.values], 1);
        let columns = Tensor::cat(vec![self.columns, other.columns], 1);
        let k = k.min(values.dims()[1]);
        let (values, at) = values.topk_with_indices(k, 1);
        Self {
            values,
            columns: columns.gather(1, at),
        }
    }

    /// Some of the rows.
    pub(super) fn rows(&self, rows: Range<usize>) -> Self {
        Self {
            values: self.values.clone().slice_dim(0, rows.clone()),
            columns: self.columns.clone().slice_dim(0, rows),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.values.dims()[1]
    }
}
