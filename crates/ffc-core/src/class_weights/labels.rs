use std::ops::Range;

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor};

use crate::upload::{column, indices};
use crate::{Error, Result};

/// Refuses identities that have no row.
///
/// # Errors
///
/// [`Error::UnknownIdentity`].
pub(crate) fn check_labels(labels: &[u64], identities: u64) -> Result<()> {
    match labels.iter().position(|&label| label >= identities) {
        None => Ok(()),
        Some(row) => Err(Error::UnknownIdentity {
            row,
            identity: labels[row],
            identities,
        }),
    }
}

/// Where the targets of a batch's rows stand in a chunk of the classes.
pub(crate) struct LabelsInChunk {
    /// `[rows, 1]`; 0 where the target stands elsewhere.
    columns: Tensor<2, Int>,
    /// `[rows, 1]`: 1 where the target stands in the chunk, else 0.
    here: Tensor<2>,
    /// The column of each row's target that stands in the chunk.
    found: Vec<Option<usize>>,
}

impl LabelsInChunk {
    /// None where the chunk holds no row's target.
    pub(crate) fn new(labels: &[u32], chunk: &Range<usize>, device: &Device) -> Option<Self> {
        let found: Vec<Option<usize>> = (labels.iter())
            .map(|&label| {
                let label = label as usize;
                chunk.contains(&label).then(|| label - chunk.start)
            })
            .collect();
        found.iter().flatten().next()?;
        let columns: Vec<u32> = (found.iter())
            .map(|column| column.unwrap_or(0) as u32)
            .collect();
        let here = (found.iter())
            .map(|column| f32::from(column.is_some()))
            .collect();
        Some(Self {
            columns: indices(&columns, device).reshape([labels.len(), 1]),
            here: column(here, device),
            found,
        })
    }

    /// Where a row's target stands. None where it is elsewhere.
    pub(crate) fn column(&self, row: usize) -> Option<usize> {
        self.found[row]
    }

    /// Adds `value` to the targets of a matrix `[rows, width]` that stand in this chunk.
    pub(crate) fn add(&self, matrix: Tensor<2>, value: f32) -> Tensor<2> {
        let values = self.here.clone() * value;
        matrix.scatter(1, self.columns.clone(), values, IndexingUpdateOp::Add)
    }

    /// Adds each row of `values`, `[rows, dim]`, to its target's in `matrix`, `[width, dim]`.
    pub(crate) fn add_rows(&self, matrix: Tensor<2>, values: Tensor<2>) -> Tensor<2> {
        let values = values * self.here.clone();
        let columns = self.columns.clone().flatten(0, 1);
        matrix.select_assign(0, columns, values, IndexingUpdateOp::Add)
    }
}
