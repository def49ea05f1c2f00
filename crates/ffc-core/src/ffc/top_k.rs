use std::ops::Range;

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::collective::{Collective, matrices};
use crate::pool::PoolShard;
use crate::softmax::HIDDEN;
use crate::{Error, Result};

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

    /// The same, with slots of the pool in the place of rows of its shard.
    pub(super) fn of_slots(self, shard: &PoolShard) -> Self {
        let first = i64::from(shard.slot(0));
        let step = i64::from(shard.slot(1)) - first;
        Self {
            values: self.values,
            columns: self.columns * step + first,
        }
    }

    /// The k largest of each of `rows` rows over all ranks, from each one's own, if it has any.
    ///
    /// # Errors
    ///
    /// Where a device or a rank fails.
    pub(super) fn of_ranks(
        own: Option<Self>,
        rows: usize,
        k: usize,
        ranks: &dyn Collective,
        device: &Device,
    ) -> Result<Self> {
        // A rank with fewer centres has some that nobody sees in the place of others.
        let (mut values, mut columns) = (vec![HIDDEN; rows * k], vec![0; rows * k]);
        if let Some(own) = own {
            let width = own.width();
            let found = matrices::host(own.values)?;
            let at = own.columns.try_into_vec_as::<i32>();
            let at = at.map_err(|error| Error::Device(error.to_string()))?;
            for (to, from) in (0..rows).map(|row| (row * k, row * width)) {
                values[to..to + width].copy_from_slice(&found[from..from + width]);
                columns[to..to + width].copy_from_slice(&at[from..from + width]);
            }
        }
        let values = values.into_iter().flat_map(f32::to_le_bytes);
        let columns = columns.into_iter().flat_map(i32::to_le_bytes);
        let bytes: Vec<u8> = values.chain(columns).collect();
        let (mut values, mut columns) = (Vec::new(), Vec::new());
        for (rank, found) in ranks.all_gather(&bytes)?.iter().enumerate() {
            if found.len() != bytes.len() {
                let problem = format!("gives {} bytes of cosines and slots", found.len());
                return Err(Error::Collective { rank, problem });
            }
            let (of_values, of_columns) = found.as_chunks::<4>().0.split_at(rows * k);
            let of_values = of_values.iter().map(|&value| f32::from_le_bytes(value));
            values.push(matrices::of_host(of_values.collect(), [rows, k], device));
            let of_columns = of_columns.iter().map(|&at| i32::from_le_bytes(at));
            let data = TensorData::new(of_columns.collect(), [rows, k]);
            columns.push(Tensor::<2, Int>::from_data(data, device));
        }
        let best = Self::new(Tensor::cat(values, 1), k);
        Ok(Self {
            values: best.values,
            columns: Tensor::cat(columns, 1).gather(1, best.columns),
        })
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
