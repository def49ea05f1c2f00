use std::ops::Range;

use burn::tensor::{IndexingUpdateOp, Int, Tensor};

use crate::softmax::HIDDEN;

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
    /// Finds and hides the maximum k times. For the few that are wanted this is faster than burn's
    /// `topk`, which sorts whole rows, on some backends on the host.
    pub(super) fn new(mut values: Tensor<2>, k: usize) -> Self {
        let [rows, width] = values.dims();
        let hidden = Tensor::full([rows, 1], HIDDEN, &values.device());
        let (found, columns) = (0..k.min(width))
            .map(|_| {
                let (max, at) = values.clone().max_dim_with_indices(1);
                values.inplace(|values| {
                    values.scatter(1, at.clone(), hidden.clone(), IndexingUpdateOp::Add)
                });
                (max, at)
            })
            .unzip();
        Self {
            values: Tensor::cat(found, 1),
            columns: Tensor::cat(columns, 1),
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
        let best = Self::new(values, k);
        Self {
            values: best.values,
            columns: columns.gather(1, best.columns),
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
