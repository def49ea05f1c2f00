use rayon::prelude::*;

use super::tile::MR;

/// Numbers that a thread packs at least.
const SHARED: usize = 1 << 16;

/// The left factor of a [`Gemm`](super::gemm::Gemm), in panels of [`MR`] rows, each column by column.
#[derive(Debug)]
pub(super) struct PackedLhs {
    values: Vec<f32>,
    pub depth: usize,
}

impl PackedLhs {
    /// Packs the matrix whose element (row, column) is `values[row * stride + column]`, on this thread.
    pub fn of_rows(values: &[f32], [rows, depth]: [usize; 2], stride: usize) -> Self {
        let mut packed = Self::zeros([rows, depth]);
        for (panel, columns) in packed.values.chunks_exact_mut(MR * depth).enumerate() {
            let columns = columns.as_chunks_mut().0;
            pack_rows(values, [rows, depth], stride, panel * MR, |_| 1.0, columns);
        }
        packed
    }

    /// The same, each row times a factor, on all threads.
    pub fn of_scaled_rows(
        values: &[f32],
        shape: [usize; 2],
        stride: usize,
        factor: impl Fn(usize) -> f32 + Sync,
    ) -> Self {
        Self::pack(shape, |first, columns| {
            pack_rows(values, shape, stride, first, &factor, columns);
        })
    }

    /// Packs the matrix whose element (row, column) is `values[row + column * stride]`, on all threads.
    pub fn of_columns(values: &[f32], [rows, depth]: [usize; 2], stride: usize) -> Self {
        Self::pack([rows, depth], |first, columns| {
            let from = values[first..].chunks(stride);
            if first + MR <= rows {
                for (to, from) in columns.iter_mut().zip(from) {
                    to.copy_from_slice(&from[..MR]);
                }
            } else {
                for (to, from) in columns.iter_mut().zip(from) {
                    to[..rows - first].copy_from_slice(&from[..rows - first]);
                }
            }
        })
    }

    /// Has each panel filled, which is told its first row.
    fn pack([rows, depth]: [usize; 2], fill: impl Fn(usize, &mut [[f32; MR]]) + Sync) -> Self {
        let mut packed = Self::zeros([rows, depth]);
        packed
            .values
            .par_chunks_exact_mut(MR * depth)
            .enumerate()
            .with_min_len(SHARED / (MR * depth) + 1)
            .for_each(|(panel, columns)| fill(panel * MR, columns.as_chunks_mut().0));
        packed
    }

    /// Each panel, column by column.
    pub fn panels_mut(&mut self) -> impl Iterator<Item = &mut [[f32; MR]]> {
        let panels = self.values.chunks_exact_mut(MR * self.depth);
        panels.map(|panel| panel.as_chunks_mut().0)
    }

    pub fn zeros([rows, depth]: [usize; 2]) -> Self {
        Self {
            values: vec![0.0; rows.div_ceil(MR) * MR * depth],
            depth,
        }
    }

    /// The depth columns from `start` to `end` of the panel of rows, each column by itself.
    #[inline(always)]
    pub fn panel(&self, panel: usize, start: usize, end: usize) -> &[[f32; MR]] {
        let panel = panel * self.depth;
        &self.values.as_chunks().0[panel + start..panel + end]
    }
}

/// Fills the panel that begins with a row.
#[inline]
fn pack_rows(
    values: &[f32],
    [rows, depth]: [usize; 2],
    stride: usize,
    first: usize,
    factor: impl Fn(usize) -> f32,
    columns: &mut [[f32; MR]],
) {
    let mut runs = [&values[..0]; MR];
    let mut factors = [0.0; MR];
    for i in 0..MR {
        // The last row again where there are fewer; what comes of it is not read.
        let row = (first + i).min(rows - 1);
        runs[i] = &values[row * stride..][..depth];
        factors[i] = factor(row);
    }
    for (i, column) in columns[..depth].iter_mut().enumerate() {
        for row in 0..MR {
            column[row] = factors[row] * runs[row][i];
        }
    }
}
