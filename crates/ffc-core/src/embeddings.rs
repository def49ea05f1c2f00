use burn::tensor::{DType, Tensor};

use crate::error::Embeddings;
use crate::{Error, Result};

/// The least length that a row is divided by.
pub(crate) const MIN_LENGTH: f32 = 1e-12;

/// Rows divided by their lengths.
pub(crate) fn normalize(rows: Tensor<2>) -> Tensor<2> {
    let length = lengths(&rows);
    rows / length
}

/// `[rows, 1]`, at least [`MIN_LENGTH`].
pub(crate) fn lengths(rows: &Tensor<2>) -> Tensor<2> {
    let squared = rows.clone().square().sum_dim(1);
    squared.sqrt().clamp_min(MIN_LENGTH)
}

/// A matrix of embeddings as a caller gave it, its shape checked.
pub(crate) struct Matrix<'a> {
    what: Embeddings,
    /// `[rows, dim]`, f32, outside any autodiff graph.
    rows: Tensor<2>,
    identities: &'a [u64],
}

impl<'a> Matrix<'a> {
    /// `expected` is the number of columns.
    pub(crate) fn new(
        what: Embeddings,
        rows: Tensor<2>,
        identities: &'a [u64],
        expected: usize,
    ) -> Result<Self> {
        let [count, found] = rows.dims();
        if found != expected {
            return Err(Error::Dimension {
                what,
                expected,
                found,
            });
        }
        if count != identities.len() {
            return Err(Error::RowCount {
                what,
                rows: count,
                identities: identities.len(),
            });
        }
        if count == 0 {
            return Err(Error::EmptyBatch { what });
        }
        Ok(Self {
            what,
            rows: rows.inner().cast(DType::F32),
            identities,
        })
    }
}

/// Embeddings of several matrices, one below the other, at unit length.
pub(crate) struct UnitRows {
    /// `[rows, dim]`.
    pub(crate) unit: Tensor<2>,
    /// The lengths before, `[rows, 1]`.
    pub(crate) length: Tensor<2>,
}

impl UnitRows {
    /// Without a look at the values: nothing is read back from the device.
    pub(crate) fn unchecked(matrices: Vec<Matrix>) -> Self {
        let rows = matrices.into_iter().map(|matrix| matrix.rows).collect();
        Self::of(Tensor::cat(rows, 0))
    }

    /// Of f32 rows outside any autodiff graph.
    pub(crate) fn of(rows: Tensor<2>) -> Self {
        let length = lengths(&rows);
        Self {
            unit: rows / length.clone(),
            length,
        }
    }

    /// Refuses rows that are not finite or have no length. Reads the lengths back from the device.
    pub(crate) fn checked(matrices: Vec<Matrix>) -> Result<Self> {
        let names: Vec<(Embeddings, &[u64])> = matrices
            .iter()
            .map(|matrix| (matrix.what, matrix.identities))
            .collect();
        let rows = Self::unchecked(matrices);
        let lengths = rows
            .length
            .clone()
            .try_into_vec_as::<f32>()
            .map_err(|error| Error::Device(error.to_string()))?;
        let named = names.iter().flat_map(|&(what, identities)| {
            (identities.iter().enumerate()).map(move |(row, &identity)| (what, row, identity))
        });
        for ((what, row, identity), length) in named.zip(lengths) {
            if !length.is_finite() {
                return Err(Error::NotFinite {
                    what,
                    row,
                    identity,
                });
            }
            if length <= MIN_LENGTH {
                return Err(Error::ZeroLength {
                    what,
                    row,
                    identity,
                });
            }
        }
        Ok(rows)
    }

    /// Some of the rows.
    pub(crate) fn slice(&self, rows: std::ops::Range<usize>) -> Self {
        Self {
            unit: self.unit.clone().slice_dim(0, rows.clone()),
            length: self.length.clone().slice_dim(0, rows),
        }
    }

    /// The gradient by the embeddings as they were given, from that by the unit rows:
    /// (g - u (u . g)) / length.
    pub(crate) fn backward(&self, gradient: Tensor<2>) -> Tensor<2> {
        let radial = (self.unit.clone() * gradient.clone()).sum_dim(1);
        (gradient - self.unit.clone() * radial) / self.length.clone()
    }
}
