use pulp::{Simd, WithSimd};

/// Rows of the tile of accumulators. With two vectors a row it fits the 16 registers of AVX2.
pub(super) const ROWS: usize = 6;
/// Vectors of a row of the tile.
const VECTORS: usize = 2;
/// Depth after which sums go to memory: a panel of the right factor stays in the first-level cache.
const DEPTH: usize = 256;
/// Columns of the right factor that are packed at once: they stay in the second-level cache.
const COLUMNS: usize = 256;

/// The left factor of a [`Product`], in panels of [`ROWS`] rows, each column by column.
#[derive(Debug)]
pub(super) struct Packed {
    values: Vec<f32>,
    depth: usize,
}

impl Packed {
    /// Packs the matrix whose element (row, column) is `values[row * strides[0] + column * strides[1]]`.
    pub fn new(values: &[f32], [rows, depth]: [usize; 2], strides: [usize; 2]) -> Self {
        let mut packed = vec![0.0; rows.div_ceil(ROWS) * ROWS * depth];
        for (panel, columns) in packed.chunks_exact_mut(ROWS * depth).enumerate() {
            let first = panel * ROWS;
            for (column, cells) in columns.chunks_exact_mut(ROWS).enumerate() {
                let values =
                    (first..rows).map(|row| values[row * strides[0] + column * strides[1]]);
                for (cell, value) in cells.iter_mut().zip(values) {
                    *cell = value;
                }
            }
        }
        Self {
            values: packed,
            depth,
        }
    }

    /// The depth columns from `start` to `end` of the panel of rows, each column by itself.
    #[inline(always)]
    fn panel(&self, panel: usize, start: usize, end: usize) -> &[[f32; ROWS]] {
        let panel = panel * self.depth;
        &self.values.as_chunks().0[panel + start..panel + end]
    }
}

/// `output[r][j] += sum over k of left[r][k] right[k][j]`, where rows of `right` and `output` may start anywhere in
/// their buffers, overlapping too.
pub(super) struct Product<'a> {
    pub left: &'a Packed,
    /// Row of the left factor that belongs to the first output row; a multiple of [`ROWS`].
    pub first_row: usize,
    pub right: &'a [f32],
    /// Where each row of `right` starts, one for each column of `left`.
    pub right_rows: &'a [usize],
    pub output: &'a mut [f32],
    /// Where each row of `output` starts.
    pub output_rows: &'a [usize],
    /// Length of the rows.
    pub columns: usize,
    /// Room for packed panels.
    pub scratch: &'a mut Vec<f32>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            left,
            first_row,
            right,
            right_rows,
            output,
            output_rows,
            columns,
            scratch,
        } = self;
        let panel = VECTORS * S::F32_LANES;
        scratch.resize(DEPTH * COLUMNS.next_multiple_of(panel), 0.0);
        for column in (0..columns).step_by(COLUMNS) {
            let width = COLUMNS.min(columns - column);
            for start in (0..left.depth).step_by(DEPTH) {
                let end = left.depth.min(start + DEPTH);
                let rows = &right_rows[start..end];
                let panels = &mut scratch[..width.div_ceil(panel) * panel * rows.len()];
                for (i, packed) in panels.chunks_exact_mut(panel * rows.len()).enumerate() {
                    let column = column + i * panel;
                    pack::<S>(right, rows, column, panel.min(columns - column), packed);
                }
                for (i, packed) in panels.chunks_exact(panel * rows.len()).enumerate() {
                    let column = column + i * panel;
                    let width = panel.min(columns - column);
                    let packed = S::as_simd_f32s(packed).0.as_chunks().0;
                    for (i, rows) in output_rows.chunks(ROWS).enumerate() {
                        let left = left.panel(first_row / ROWS + i, start, end);
                        let tile = tile(simd, left, packed);
                        for (row, sums) in rows.iter().zip(tile) {
                            add(simd, &mut output[row + column..][..width], sums);
                        }
                    }
                }
            }
        }
    }
}

/// Copies `width` columns of some rows side by side, filled up with zeros to the panel's width.
#[inline(always)]
fn pack<S: Simd>(right: &[f32], rows: &[usize], column: usize, width: usize, packed: &mut [f32]) {
    let panel = VECTORS * S::F32_LANES;
    for (row, to) in rows.iter().zip(packed.chunks_exact_mut(panel)) {
        let from = &right[row + column..][..width];
        if width == panel {
            // Whole vectors: a copy of unknown length would be a call for each row.
            let (to, from) = (S::as_mut_simd_f32s(to).0, S::as_simd_f32s(from).0);
            if let (Some(to), Some(from)) = (to.first_chunk_mut(), from.first_chunk::<VECTORS>()) {
                *to = *from;
            }
        } else {
            to[..width].copy_from_slice(from);
            to[width..].fill(0.0);
        }
    }
}

/// A tile of the product over all columns of `left` and rows of `right`.
#[inline(always)]
fn tile<S: Simd>(
    simd: S,
    left: &[[f32; ROWS]],
    right: &[[S::f32s; VECTORS]],
) -> [[S::f32s; VECTORS]; ROWS] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
    for (left, right) in left.iter().zip(right) {
        for i in 0..ROWS {
            let factor = simd.splat_f32s(left[i]);
            for j in 0..VECTORS {
                sums[i][j] = simd.mul_add_e_f32s(factor, right[j], sums[i][j]);
            }
        }
    }
    sums
}

/// Adds a row of a tile to the output, which may be shorter.
#[inline(always)]
fn add<S: Simd>(simd: S, output: &mut [f32], sums: [S::f32s; VECTORS]) {
    if output.len() == VECTORS * S::F32_LANES {
        let output = S::as_mut_simd_f32s(output).0;
        for j in 0..VECTORS {
            output[j] = simd.add_f32s(output[j], sums[j]);
        }
    } else {
        for (output, sums) in output.chunks_mut(S::F32_LANES).zip(sums) {
            let sum = simd.add_f32s(simd.partial_load_f32s(output), sums);
            simd.partial_store_f32s(output, sum);
        }
    }
}
